//! The blobs that a record refers to.

use crate::block::{BlobRef, Cid, blob_refs};
use crate::error::Result;
use crate::ident::RepoPath;
use crate::limits::BLOB_REFS_MAX;
use crate::problem::{Code, Problem};
use crate::tree::Key;

/// The blobs that a record refers to, as far as the index holds them.
pub(in crate::engine) struct IndexedBlobs {
    pub(in crate::engine) refs: Vec<BlobRef>,
    /// How many blobs the record refers to.
    found: usize,
}

impl IndexedBlobs {
    /// Of a record that was signed elsewhere: references above the limit are left out.
    pub(in crate::engine) fn of(record: &[u8]) -> Self {
        let mut refs = blob_refs(record);
        let found = refs.len();
        refs.truncate(BLOB_REFS_MAX);
        Self { refs, found }
    }

    /// The warning if some were left out.
    pub(in crate::engine) fn warning(&self, cid: &Cid, path: &Key) -> Option<Problem> {
        if self.found <= BLOB_REFS_MAX {
            return None;
        }
        let message = format!(
            "a record refers to {} blobs: the first {BLOB_REFS_MAX}, in the order of their CIDs, \
             are noted as needed, the others are not",
            self.found
        );
        Some(Problem::new(Code::TooLarge, message).cid(cid).path(path))
    }
}

/// The blobs of a record to be signed here.
pub(in crate::engine) fn writable_refs(path: &RepoPath, record: &[u8]) -> Result<Vec<BlobRef>> {
    let refs = blob_refs(record);
    if refs.len() > BLOB_REFS_MAX {
        let message = format!(
            "the record refers to {} blobs; {BLOB_REFS_MAX} at most: put them into several records",
            refs.len()
        );
        return Err(Problem::new(Code::TooLarge, message).path(path.as_bytes()).into());
    }
    Ok(refs)
}

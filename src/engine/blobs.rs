//! Which record needs which blob.

use crate::block::{BlobRef, Cid, blob_refs};
use crate::error::{Error, Result};
use crate::ident::RepoPath;
use crate::limits::BLOB_REFS_MAX;
use crate::problem::{Code, Problem};
use crate::store::blob_index::keys_of_tree;
use crate::store::tables::View;
use crate::tree::Key;

/// How the index of needed blobs changes.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct BlobChanges {
    pub(in crate::engine) puts: Vec<Vec<u8>>,
    pub(in crate::engine) deletes: Vec<Vec<u8>>,
}

/// Blobs that a record refers to: those that the index holds.
pub(in crate::engine) struct Indexed {
    pub(in crate::engine) refs: Vec<BlobRef>,
    /// How many the record refers to.
    found: usize,
}

impl Indexed {
    /// Of a record that was signed elsewhere: what is beyond the bound is left out.
    pub(in crate::engine) fn of(record: &[u8]) -> Self {
        let mut refs = blob_refs(record);
        let found = refs.len();
        refs.truncate(BLOB_REFS_MAX);
        Self { refs, found }
    }

    /// The warning, if some are left out.
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

/// The blobs of a record that is to be signed here.
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

/// The key of "the record at `path` needs this blob": tree, length of the CID, CID, path.
pub(in crate::engine) fn blob_key(tree: u64, blob: &Cid, path: &Key) -> Vec<u8> {
    let mut key = tree.to_be_bytes().to_vec();
    let cid = blob.to_bytes();
    // CIDs have 128 bytes at most.
    key.push(u8::try_from(cid.len()).unwrap_or(u8::MAX));
    key.extend_from_slice(&cid);
    key.extend_from_slice(path.as_bytes());
    key
}

/// The CID and the path of such a key.
pub(in crate::engine) fn parse_blob_key(key: &[u8]) -> Result<(Cid, Key)> {
    let broken = || Error::Corrupt(format!("a blob key that cannot be read: {key:02x?}"));
    let (length, rest) = key.get(8..).and_then(|rest| rest.split_first()).ok_or_else(broken)?;
    let (cid, path) = rest.split_at_checked(usize::from(*length)).ok_or_else(broken)?;
    Ok((Cid::from_bytes(cid).map_err(|_| broken())?, Key::from(path)))
}

/// The distinct blobs that a tree's records need, in the order of their CIDs.
pub(in crate::engine) fn needed(view: &View, tree: u64) -> Result<Vec<Cid>> {
    let mut found: Vec<Cid> = Vec::new();
    for key in keys_of_tree(view, tree)? {
        let (cid, _) = parse_blob_key(&key)?;
        if found.last() != Some(&cid) {
            found.push(cid);
        }
    }
    Ok(found)
}

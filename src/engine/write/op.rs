use crate::block::Cid;
use crate::engine::write::record::Record;
use crate::error::{Compared, Error, Result};
use crate::ident::RepoPath;
use crate::limits::EVENT_OPS_MAX;
use crate::problem::{Code, Problem};
use std::collections::BTreeSet;

/// A change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A record where there is none.
    Create {
        /// Where.
        path: RepoPath,
        /// The record.
        record: Record,
    },
    /// Another record where there is one.
    Update {
        /// Where.
        path: RepoPath,
        /// The record.
        record: Record,
        /// The record that has to be there, if the caller cares.
        prev: Option<Cid>,
    },
    /// No record where there is one.
    Delete {
        /// Where.
        path: RepoPath,
        /// The record that has to be there, if the caller cares.
        prev: Option<Cid>,
    },
}

/// What a write may ask for beyond its ops.
///
/// ```
/// use carrack::engine::WriteOptions;
/// let options = WriteOptions::default().commit_anyway(true);
/// assert!(options.commit_anyway && options.swap.is_none());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WriteOptions {
    /// The head that the account has to have.
    pub swap: Option<Cid>,
    /// Make a commit even if no record changes: a new revision over the same tree.
    pub commit_anyway: bool,
    /// Sign with the signer's key though it is not the account's, and make it the account's: a
    /// change of keys, or the first key of an account whose key is not known. The account is
    /// unverified from then on, until [`Engine::check_trust`](crate::Engine::check_trust) has
    /// checked the head against its identity.
    pub rekey: bool,
}

impl WriteOptions {
    /// The head that the account has to have: another one is refused with [`Error::Swap`].
    #[must_use]
    pub fn swap(mut self, swap: impl Into<Option<Cid>>) -> Self {
        self.swap = swap.into();
        self
    }

    /// Whether a commit is made even if no record changes.
    #[must_use]
    pub fn commit_anyway(mut self, commit_anyway: bool) -> Self {
        self.commit_anyway = commit_anyway;
        self
    }

    /// Whether the signer's key may become the account's: [`WriteOptions::rekey`](#structfield.rekey).
    #[must_use]
    pub fn rekey(mut self, rekey: bool) -> Self {
        self.rekey = rekey;
        self
    }
}

impl Op {
    /// Creates a record.
    pub fn create(path: RepoPath, record: Record) -> Self {
        Self::Create { path, record }
    }

    /// Replaces a record, whichever it is.
    pub fn update(path: RepoPath, record: Record) -> Self {
        Self::Update { path, record, prev: None }
    }

    /// Deletes a record, whichever it is.
    pub fn delete(path: RepoPath) -> Self {
        Self::Delete { path, prev: None }
    }

    /// Where the change is.
    pub fn path(&self) -> &RepoPath {
        match self {
            Self::Create { path, .. } | Self::Update { path, .. } | Self::Delete { path, .. } => {
                path
            }
        }
    }

    /// The record that the caller expects to find.
    pub(in crate::engine) fn expected(&self) -> Option<&Cid> {
        match self {
            Self::Create { .. } => None,
            Self::Update { prev, .. } | Self::Delete { prev, .. } => prev.as_ref(),
        }
    }

    /// The new record.
    pub(in crate::engine) fn record(&self) -> Option<&Record> {
        match self {
            Self::Create { record, .. } | Self::Update { record, .. } => Some(record),
            Self::Delete { .. } => None,
        }
    }
}

/// The rules that a batch keeps by itself.
pub(in crate::engine) fn check_batch(ops: &[Op]) -> Result<()> {
    if ops.len() > EVENT_OPS_MAX {
        let (limit, got) = (EVENT_OPS_MAX as u64, ops.len() as u64);
        return Err(Error::Limit { what: "ops in one commit", limit, got });
    }
    let mut paths = BTreeSet::new();
    match ops.iter().find(|op| !paths.insert(op.path())) {
        None => Ok(()),
        Some(twice) => Err(Error::Request(format!(
            "{} occurs twice in one commit; put the changes into two",
            twice.path()
        ))),
    }
}

/// The error of an op on a record that is not what its caller took it for.
pub(in crate::engine) fn swapped(path: &RepoPath, expected: &Cid, found: Option<&Cid>) -> Error {
    Error::Swap {
        what: Compared::Record(path.clone()),
        expected: Some(Box::new(expected.clone())),
        found: found.cloned().map(Box::new),
    }
}

/// A guard for the wire: a problem with the batch as a whole.
pub(in crate::engine) fn too_wide(path: &RepoPath, entries: usize) -> Error {
    let message = format!(
        "a node would get {entries} entries, {} at most: paths do not come out so by chance",
        crate::limits::NODE_ENTRIES_MAX
    );
    Problem::new(Code::TooLarge, message).path(path.as_bytes()).into()
}

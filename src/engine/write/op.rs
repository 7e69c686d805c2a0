use crate::block::Cid;
use crate::engine::write::record::Record;
use crate::error::{Compared, Error, Result};
use crate::ident::RepoPath;
use crate::limits::EVENT_OPS_MAX;
use crate::problem::{Code, Problem};
use std::collections::BTreeSet;

/// A change of one record: the operations of `com.atproto.repo.applyWrites`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Creates a record at a path that has none.
    Create {
        /// The path.
        path: RepoPath,
        /// The new record.
        record: Record,
    },
    /// Replaces a record.
    Update {
        /// The path.
        path: RepoPath,
        /// The new record.
        record: Record,
        /// The CID of the record to replace; `None` replaces any.
        prev: Option<Cid>,
    },
    /// Deletes a record.
    Delete {
        /// The path.
        path: RepoPath,
        /// The CID of the record to delete; `None` deletes any.
        prev: Option<Cid>,
    },
}

/// Options of [`Engine::write`](crate::Engine::write).
///
/// ```
/// use carrack::engine::WriteOptions;
/// let options = WriteOptions::default().commit_anyway(true);
/// assert!(options.commit_anyway && options.swap.is_none());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WriteOptions {
    /// The CID of the head that the account must have (`swapCommit`); `None` accepts any.
    pub swap: Option<Cid>,
    /// Make a commit, with a new revision over the same tree, even if no record changes.
    pub commit_anyway: bool,
    /// Accept a signer whose key is not the account's, and make its key the account's: for a change
    /// of keys, or for an account whose key is unknown. The account is unverified until
    /// [`Engine::check_trust`](crate::Engine::check_trust) has checked the head against the
    /// identity.
    pub rekey: bool,
}

impl WriteOptions {
    /// Sets the CID of the head that the account must have: another head is refused with
    /// [`Error::Swap`].
    #[must_use]
    pub fn swap(mut self, swap: impl Into<Option<Cid>>) -> Self {
        self.swap = swap.into();
        self
    }

    /// Sets whether a commit is made even if no record changes.
    #[must_use]
    pub fn commit_anyway(mut self, commit_anyway: bool) -> Self {
        self.commit_anyway = commit_anyway;
        self
    }

    /// Sets whether the signer's key may become the account's:
    /// [`WriteOptions::rekey`](#structfield.rekey).
    #[must_use]
    pub fn rekey(mut self, rekey: bool) -> Self {
        self.rekey = rekey;
        self
    }
}

impl Op {
    /// Creates a record at a path that has none.
    pub fn create(path: RepoPath, record: Record) -> Self {
        Self::Create { path, record }
    }

    /// Replaces a record, whatever its CID.
    pub fn update(path: RepoPath, record: Record) -> Self {
        Self::Update { path, record, prev: None }
    }

    /// Deletes a record, whatever its CID.
    pub fn delete(path: RepoPath) -> Self {
        Self::Delete { path, prev: None }
    }

    /// The path of the record.
    pub fn path(&self) -> &RepoPath {
        match self {
            Self::Create { path, .. } | Self::Update { path, .. } | Self::Delete { path, .. } => {
                path
            }
        }
    }

    /// The CID of the record that the caller expects.
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

/// Checks a batch without the tree: its size, and each path once.
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

/// The error of an operation on a record other than the expected one.
pub(in crate::engine) fn swapped(path: &RepoPath, expected: &Cid, found: Option<&Cid>) -> Error {
    Error::Swap {
        what: Compared::Record(path.clone()),
        expected: Some(Box::new(expected.clone())),
        found: found.cloned().map(Box::new),
    }
}

/// The error for a batch that makes a node with too many entries.
pub(in crate::engine) fn too_wide(path: &RepoPath, entries: usize) -> Error {
    let message = format!(
        "a node would get {entries} entries, {} at most: paths do not come out so by chance",
        crate::limits::NODE_ENTRIES_MAX
    );
    Problem::new(Code::TooLarge, message).path(path.as_bytes()).into()
}

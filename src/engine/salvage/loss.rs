use crate::block::Cid;
use crate::tree::Key;
use std::fmt;

/// What a damaged store has lost of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "lost", rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Loss {
    /// The commit: nothing shows who signed the repository. The head in the account's row still
    /// proves its records.
    Commit {
        /// Its CID.
        cid: Cid,
        /// Why it cannot be read.
        cause: String,
    },
    /// A node of the tree: no record between these two keys can be proved.
    Range {
        /// The node's CID.
        cid: Cid,
        /// The last key before it; empty at the left edge of the tree.
        after: String,
        /// The first key behind it; `None` at the right edge.
        before: Option<String>,
        /// Why it cannot be read.
        cause: String,
    },
    /// A record, whose path and CID are known.
    Record {
        /// Its path.
        path: String,
        /// Its CID.
        cid: Cid,
        /// Why it cannot be read.
        cause: String,
    },
}

impl Loss {
    pub(super) fn range(cid: &Cid, left: &Key, end: Option<&Key>, cause: String) -> Self {
        let before = end.map(Key::to_string);
        Self::Range { cid: cid.clone(), after: left.to_string(), before, cause }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit { cid, cause } => write!(f, "the commit {cid}: {cause}"),
            Self::Record { path, cid, cause } => write!(f, "{path:?}, record {cid}: {cause}"),
            Self::Range { cid, after, before, cause } => {
                match (after.as_str(), before) {
                    ("", None) => f.write_str("all records")?,
                    ("", Some(before)) => write!(f, "records before {before:?}")?,
                    (after, None) => write!(f, "records after {after:?}")?,
                    (after, Some(before)) => {
                        write!(f, "records between {after:?} and {before:?}")?;
                    }
                }
                write!(f, ", node {cid}: {cause}")
            }
        }
    }
}

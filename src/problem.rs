//! Problems of input: which rule is broken, and where.

use crate::ident::{Cid, CidError};
use crate::limits::PROBLEMS_LISTED_MAX;
use std::fmt;

/// A problem of input that came from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Problem {
    /// The broken rule.
    pub code: Code,
    /// A sentence for people.
    pub message: String,
    /// The CID of the block, if known.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub cid: Option<Cid>,
    /// The path of the record, or the path left of the node, if known.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub path: Option<String>,
    /// The offset in the input, in bytes from its start, if known.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub offset: Option<u64>,
}

impl Problem {
    /// A problem without CID, path and offset.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cid: None, path: None, offset: None }
    }

    /// Sets the CID, unless it is set.
    #[must_use]
    pub fn cid(mut self, cid: &Cid) -> Self {
        self.cid.get_or_insert_with(|| cid.clone());
        self
    }

    /// Sets the path, unless it is set.
    #[must_use]
    pub fn path(mut self, path: impl AsRef<[u8]>) -> Self {
        self.path.get_or_insert_with(|| {
            let path = path.as_ref();
            // Longer texts would make lists of problems long.
            let path = path.get(..crate::limits::PATH_BYTES_MAX).unwrap_or(path);
            String::from_utf8_lossy(path).into_owned()
        });
        self
    }

    /// Sets the offset, unless it is set.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset.get_or_insert(offset);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(path) = &self.path {
            write!(f, ", path {path:?}")?;
        }
        if let Some(cid) = &self.cid {
            write!(f, ", block {cid}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, ", at byte {offset}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl From<CidError> for Problem {
    fn from(error: CidError) -> Self {
        let problem = Self::new(Code::UnsupportedCid, error.to_string());
        match &error {
            CidError::Hash { cid, .. } => problem.cid(cid),
            _ => problem,
        }
    }
}

/// A list of problems of limited length
/// ([`PROBLEMS_LISTED_MAX`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    listed: Vec<Problem>,
    omitted: u64,
}

impl Problems {
    /// Adds a problem; above the limit it is only counted.
    pub fn push(&mut self, problem: Problem) {
        if self.listed.len() < PROBLEMS_LISTED_MAX {
            self.listed.push(problem);
        } else {
            self.omitted += 1;
        }
    }

    /// Adds the problems of another list.
    pub(crate) fn append(&mut self, other: Self) {
        self.omitted += other.omitted;
        other.listed.into_iter().for_each(|problem| self.push(problem));
    }

    /// Counts problems that were not kept.
    pub(crate) fn omit(&mut self, more: u64) {
        self.omitted += more;
    }

    /// The listed problems.
    pub fn listed(&self) -> &[Problem] {
        &self.listed
    }

    /// The number of problems that are not listed.
    pub fn omitted(&self) -> u64 {
        self.omitted
    }

    /// Whether there is no problem.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Returns the listed problems.
    pub fn into_listed(self) -> Vec<Problem> {
        self.listed
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The rule that a [`Problem`] is about. The names are part of the contract of the command
        /// line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// The name in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

codes! {
    /// The input does not begin like a CAR of version 1.
    NotACar,
    /// The input ends inside a header, section or value.
    Truncated,
    /// A section's length or CID cannot be read.
    BadSection,
    /// A block's bytes do not hash to its CID.
    HashMismatch,
    /// A CID of a form that cannot be checked here.
    UnsupportedCid,
    /// The header names no root.
    NoRoot,
    /// The block of the root is missing.
    MissingCommit,
    /// The commit object is malformed.
    BadCommit,
    /// The repository belongs to another account.
    DidMismatch,
    /// The signature does not verify under any of the keys.
    BadSignature,
    /// The signature is valid but has a high `s`, which the protocol refuses.
    HighS,
    /// The revision is not a TID, or not newer than the stored one.
    BadRev,
    /// The revision is too far in the future.
    FutureRev,
    /// A tree node is missing.
    MissingNode,
    /// A tree node is not of the form in the specification.
    BadNode,
    /// Valid content in an encoding that is not canonical.
    NonCanonical,
    /// A key or a node is in the wrong layer.
    WrongLayer,
    /// Keys do not ascend.
    KeyOrder,
    /// A subtree's key is outside the range that its parent leaves.
    KeyRange,
    /// A node without entries where one must have some.
    EmptyNode,
    /// A key is not a repository path.
    BadPath,
    /// A record's block is missing.
    MissingRecord,
    /// A record is not valid in the data model.
    BadRecord,
    /// A length or number exceeds a limit.
    TooLarge,
    /// A CAR has far more blocks than its tree.
    TooManyBlocks,
    /// The partial tree proves neither presence nor absence.
    NotProven,
    /// An event frame cannot be read.
    BadFrame,
    /// A field of an event contradicts its commit.
    FieldMismatch,
    /// An operation of an event contradicts the tree.
    OpMismatch,
    /// Undoing the operations does not give the previous tree.
    InversionFailed,
    /// An event has more operations than allowed.
    TooManyOps,
    /// A did:plc log breaks its rules.
    BadLog,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

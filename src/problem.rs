//! Problems of input: which rule is broken, and where.

use crate::ident::{Cid, CidError};
use crate::limits::PROBLEMS_LISTED_MAX;
use crate::shown::Quoted;
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

impl Problem {
    /// How far in front of a list it stands: the input's account, the input as a whole, its head,
    /// anything in it. What has a path is in the input.
    fn rank(&self) -> u8 {
        match self.code {
            _ if self.path.is_some() => 3,
            Code::DidMismatch => 0,
            Code::NotACar
            | Code::Truncated
            | Code::BadSection
            | Code::TooManyBlocks
            | Code::BadFrame
            | Code::BadLog => 1,
            Code::NoRoot
            | Code::MissingCommit
            | Code::BadCommit
            | Code::BadSignature
            | Code::HighS
            | Code::BadRev
            | Code::FutureRev => 2,
            _ => 3,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(path) = &self.path {
            write!(f, ", path {}", Quoted(path))?;
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
/// ([`PROBLEMS_LISTED_MAX`]), the cause first.
///
/// Problems of the input as a whole come first, and none of the others takes their place when the
/// list is full: that it is of another account, then that it is cut short or cannot be read, then what is
/// wrong with its head. The others follow. Among equals the first stays first.
///
/// ```
/// use carrack::{Code, Problem, Problems};
/// let missing = |n| Problem::new(Code::MissingRecord, format!("record {n}"));
/// let mut problems: Problems = (0..2000).map(missing).collect();
/// problems.push(Problem::new(Code::Truncated, "the input ends inside a section"));
/// assert_eq!(problems.listed()[0].code, Code::Truncated);
/// assert_eq!((problems.listed().len(), problems.count()), (1000, 2001));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// By their ranks.
    listed: Vec<Problem>,
    omitted: u64,
}

impl Problems {
    /// Adds a problem; above the limit the last one is only counted.
    pub fn push(&mut self, problem: Problem) {
        let rank = problem.rank();
        let place = self.listed.partition_point(|listed| listed.rank() <= rank);
        if place >= PROBLEMS_LISTED_MAX {
            self.omitted += 1;
            return;
        }
        if self.listed.len() >= PROBLEMS_LISTED_MAX {
            self.listed.pop();
            self.omitted += 1;
        }
        self.listed.insert(place, problem);
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

    /// The number of all problems.
    pub fn count(&self) -> u64 {
        self.listed.len() as u64 + self.omitted
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

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { listed: vec![problem], omitted: 0 }
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        let mut list = Self::default();
        problems.into_iter().for_each(|problem| list.push(problem));
        list
    }
}

impl fmt::Display for Problems {
    /// The first one, which is the cause, and the number of the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.listed.first(), self.count()) {
            (None, _) => f.write_str("no problem named"),
            (Some(first), 1) => write!(f, "{first}"),
            (Some(first), all) => write!(f, "{first} (and {} more)", all - 1),
        }
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

/// How a list of problems stands among the fields of a JSON object.
#[cfg(feature = "serde")]
pub(crate) mod fields {
    use super::Problems;
    use serde::{Serialize, Serializer};

    #[derive(Serialize)]
    struct ProblemFields<'a> {
        problems: &'a [super::Problem],
        problems_omitted: u64,
    }

    #[derive(Serialize)]
    struct WarningFields<'a> {
        warnings: &'a [super::Problem],
        warnings_omitted: u64,
    }

    /// `problems` and `problems_omitted`.
    pub(crate) fn problems<S: Serializer>(list: &Problems, to: S) -> Result<S::Ok, S::Error> {
        let (problems, problems_omitted) = (list.listed(), list.omitted());
        ProblemFields { problems, problems_omitted }.serialize(to)
    }

    /// `warnings` and `warnings_omitted`.
    pub(crate) fn warnings<S: Serializer>(list: &Problems, to: S) -> Result<S::Ok, S::Error> {
        let (warnings, warnings_omitted) = (list.listed(), list.omitted());
        WarningFields { warnings, warnings_omitted }.serialize(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: Code, number: usize) -> Problem {
        Problem::new(code, number.to_string())
    }

    /// Holds guarantee G38, whatever arrives when.
    #[test]
    fn the_cause_comes_first_and_is_never_left_out() {
        let causes = [Code::DidMismatch, Code::Truncated, Code::MissingCommit, Code::BadSignature];
        for early in [0, 1, 999, 1000, 1001, 3000] {
            let mut found: Vec<_> = (0..3000).map(|n| problem(Code::MissingRecord, n)).collect();
            for code in causes.iter().rev() {
                found.insert(early, problem(*code, 0));
            }
            let problems: Problems = found.into_iter().collect();
            let codes: Vec<_> = problems.listed().iter().map(|problem| problem.code).collect();
            assert_eq!(codes[..4], causes);
            assert_eq!((codes.len(), problems.count()), (PROBLEMS_LISTED_MAX, 3004));
            for (place, other) in problems.listed()[4..].iter().enumerate() {
                assert_eq!(*other, problem(Code::MissingRecord, place));
            }
        }
    }

    #[test]
    fn what_is_in_the_input_is_no_cause() {
        let mut problems = Problems::from(problem(Code::MissingNode, 0));
        problems.push(problem(Code::BadSection, 1).path("com.example.a/1"));
        problems.push(problem(Code::BadSection, 2));
        let order: Vec<_> = problems.listed().iter().map(|p| p.message.as_str()).collect();
        assert_eq!(order, ["2", "0", "1"]);
        assert_eq!(problems.to_string(), "BadSection: 2 (and 2 more)");
    }

    #[test]
    fn causes_are_limited_too() {
        let problems: Problems = (0..3000).map(|n| problem(Code::BadSection, n)).collect();
        assert_eq!((problems.listed().len(), problems.omitted()), (PROBLEMS_LISTED_MAX, 2000));
        assert_eq!(problems.listed().last(), Some(&problem(Code::BadSection, 999)));
        assert_eq!(problems.to_string(), "BadSection: 0 (and 2999 more)");
    }
}

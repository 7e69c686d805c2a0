use super::section::{Section, begins_with_a_long_cid, cut};
use crate::block::{Block, Cid};
use crate::limits::SECTION_BYTES_MAX;
use crate::problem::{Code, Problem};
use bytes::Bytes;

/// A section as [`Reader::next_or_skipped`](super::Reader::next_or_skipped) gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextSection {
    /// One that is held in memory.
    Read(Section),
    /// One that was read past.
    Skipped(SkippedSection),
}

/// A section that was read past because no block of a repository is so long, or has such a CID. Its
/// bytes were not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedSection {
    /// Where the section begins, in bytes from the start of the input.
    pub offset: u64,
    /// The length of the whole section, in bytes, its varint included.
    pub length: u64,
    /// The CID; `None` if it is longer than any that can be compared here.
    pub cid: Option<Cid>,
    /// Whether the bytes hash to the CID; `None` if its hash is not SHA-256.
    pub is_right: Option<bool>,
}

impl NextSection {
    /// Where the section begins, in bytes from the start of the input.
    pub fn offset(&self) -> u64 {
        match self {
            Self::Read(section) => section.offset,
            Self::Skipped(skipped) => skipped.offset,
        }
    }

    /// The length of the whole section, in bytes, its varint included.
    pub fn length(&self) -> u64 {
        match self {
            Self::Read(section) => section.length() as u64,
            Self::Skipped(skipped) => skipped.length,
        }
    }

    /// The CID; `None` if it is longer than any that can be compared here.
    pub fn cid(&self) -> Option<&Cid> {
        match self {
            Self::Read(section) => Some(&section.cid),
            Self::Skipped(skipped) => skipped.cid.as_ref(),
        }
    }

    /// The block, if it was kept, and its bytes hash to its CID.
    ///
    /// # Errors
    /// `HashMismatch` or `UnsupportedCid`; `TooLarge` if it was read past. Each names the offset,
    /// and the CID if there is one.
    pub fn into_block(self) -> Result<Block, Problem> {
        match self {
            Self::Read(section) => section.into_block(),
            Self::Skipped(skipped) => Err(skipped.unusable()),
        }
    }
}

impl SkippedSection {
    /// What is wrong if this is asked for.
    pub(crate) fn unusable(&self) -> Problem {
        let is_long = self.length > SECTION_BYTES_MAX as u64;
        let too_large = || {
            let message =
                format!("a section of {} bytes; {SECTION_BYTES_MAX} are allowed", self.length);
            Problem::new(Code::TooLarge, message)
        };
        self.locate(if is_long { too_large() } else { self.unchecked() })
    }

    /// Why it is not known whether the bytes hash to the CID.
    pub(crate) fn unchecked(&self) -> Problem {
        let message = "a CID that is longer than any that is read here";
        let longer = || Problem::new(Code::UnsupportedCid, message);
        self.locate(self.cid.as_ref().and_then(|cid| cid.checkable().err()).unwrap_or_else(longer))
    }

    /// That the bytes do not hash to the CID, if so.
    pub(crate) fn mismatch(&self) -> Option<Problem> {
        let message = "the bytes of a section do not hash to its CID";
        let problem = || self.locate(Problem::new(Code::HashMismatch, message));
        (self.is_right == Some(false)).then(problem)
    }

    fn locate(&self, problem: Problem) -> Problem {
        let problem = problem.offset(self.offset);
        match &self.cid {
            Some(cid) => problem.cid(cid),
            None => problem,
        }
    }
}

/// Takes a whole section apart, whose varint takes `prefix` bytes. Its
/// CID may be longer than any that is kept.
#[inline]
pub(super) fn hold(whole: Bytes, prefix: usize, offset: u64) -> Result<NextSection, Problem> {
    let content = whole.get(prefix..).unwrap_or_default();
    if let Ok((cid, length)) = Cid::read(content) {
        return Ok(NextSection::Read(Section::new(offset, cid, whole, prefix + length)));
    }
    if begins_with_a_long_cid(content, content.len() as u64) == Some(true) {
        let length = whole.len() as u64;
        let skipped = SkippedSection { offset, length, cid: None, is_right: None };
        return Ok(NextSection::Skipped(skipped));
    }
    cut(whole, prefix, offset).map(NextSection::Read)
}

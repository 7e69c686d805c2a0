use super::varint::{self, Malformed};
use crate::block::{Block, Cid};
use crate::limits::SECTION_BYTES_MAX;
use crate::problem::{Code, Problem};
use bytes::Bytes;

/// A section of a CAR: a CID, and bytes that have not been checked.
///
/// Its bytes are a slice of the reader's chunk, and keep that chunk (256 KiB and the section that
/// reaches into it) in memory; copy bytes that are kept for long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// The offset of the section's varint in the input, in bytes.
    pub offset: u64,
    /// The CID in the section.
    pub cid: Cid,
    /// All of it: the length, the CID, the block.
    whole: Bytes,
    /// Where in it the block begins.
    start: usize,
}

impl Section {
    pub(super) fn new(offset: u64, cid: Cid, whole: Bytes, start: usize) -> Self {
        Self { offset, cid, whole, start }
    }

    /// The block's bytes, not yet checked.
    pub fn bytes(&self) -> &[u8] {
        self.whole.get(self.start..).unwrap_or_default()
    }

    /// The length of the whole section, in bytes, its varint included.
    pub fn length(&self) -> usize {
        self.whole.len()
    }

    /// The same without naming the offset, which means nothing to the caller.
    pub(crate) fn hashed(self) -> Result<Block, Problem> {
        Block::check_section(self.cid, self.whole, self.start)
    }

    /// The whole section, its varint included.
    pub(crate) fn whole(&self) -> &Bytes {
        &self.whole
    }

    /// Hashes the bytes and compares them with the CID.
    ///
    /// # Errors
    /// `HashMismatch` or `UnsupportedCid`, naming CID and offset.
    pub fn into_block(self) -> Result<Block, Problem> {
        let offset = self.offset;
        self.hashed().map_err(|problem| problem.offset(offset))
    }
}

/// Reads the section that fills all of `bytes`; `offset` says where it stands, for the record.
///
/// ```
/// use carrack::block::{Cid, Codec};
/// use carrack::parts::car::{append_section, parse_section};
/// let cid = Cid::of(Codec::DagCbor, &[0xa0]);
/// let mut section = Vec::new();
/// append_section(&mut section, &cid, &[0xa0]);
/// let section = parse_section(&section.into(), 59)?;
/// assert_eq!((section.offset, section.length(), section.cid), (59, 38, cid));
/// # Ok::<(), carrack::Problem>(())
/// ```
///
/// # Errors
/// `Truncated`, `BadSection`, `TooLarge` or `UnsupportedCid`, naming the offset.
pub fn parse_section(bytes: &Bytes, offset: u64) -> Result<Section, Problem> {
    parse_whole(bytes.clone(), offset)
}

pub(crate) fn parse_whole(bytes: Bytes, offset: u64) -> Result<Section, Problem> {
    let Some((prefix, length)) = section_head(&bytes, offset)? else {
        return Err(truncated(offset));
    };
    let length = held_length(length).ok_or_else(|| {
        let message = format!("a section of {length} bytes; {SECTION_BYTES_MAX} are allowed");
        Problem::new(Code::TooLarge, message).offset(offset)
    })?;
    match bytes.len().checked_sub(prefix + length) {
        Some(0) => cut(bytes, prefix, offset),
        Some(more) => {
            let message = format!("{more} bytes follow the section");
            Err(Problem::new(Code::BadSection, message).offset(offset))
        }
        None => Err(truncated(offset)),
    }
}

/// Reads a section's varint: its own length, and the length that it states. `None` if `bytes` end
/// before it does.
#[inline]
pub(super) fn section_head(bytes: &[u8], offset: u64) -> Result<Option<(usize, u64)>, Problem> {
    match varint::read(bytes) {
        Ok((0, _)) => Err(Problem::new(Code::BadSection, "a section of no bytes").offset(offset)),
        Ok((stated, prefix)) => Ok(Some((prefix, stated))),
        Err(Malformed::Truncated) => Ok(None),
        Err(error) => Err(Problem::new(Code::BadSection, error.to_string()).offset(offset)),
    }
}

/// The stated length of a section, if one of that length is held in memory.
#[inline]
pub(super) fn held_length(stated: u64) -> Option<usize> {
    usize::try_from(stated).ok().filter(|length| *length <= SECTION_BYTES_MAX)
}

/// The start of a section that is not in memory as a whole: the length of all of it, and its CID as
/// [`read_cid`] gives it.
pub(crate) fn section_start(bytes: &[u8], offset: u64) -> Result<(u64, Option<Cid>), Problem> {
    let Some((prefix, stated)) = section_head(bytes, offset)? else {
        return Err(truncated(offset));
    };
    let (cid, _) = read_cid(bytes.get(prefix..).unwrap_or_default(), stated)
        .map_err(|problem| problem.offset(offset))?;
    Ok((stated + prefix as u64, cid))
}

/// Reads the CID at the start of a section's content, which is so long; also gives its length. If
/// it is longer than any that is kept here, there is `None`, of no length.
pub(super) fn read_cid(content: &[u8], stated: u64) -> Result<(Option<Cid>, usize), Problem> {
    match Cid::read(content) {
        Ok((cid, length)) => Ok((Some(cid), length)),
        Err(_) if begins_with_a_long_cid(content, stated) == Some(true) => Ok((None, 0)),
        Err(error) => Err(error.into()),
    }
}

/// Digests up to this length are read.
const DIGEST_BYTES_MAX: u64 = 64;

/// Whether this is a CID of version 1 within the section, with a digest that is too long for us: one
/// that carries the data itself, say. Then the section is one, though of no use here; after what is
/// no CID at all, the next section would be looked for at a place that means nothing.
pub(super) fn begins_with_a_long_cid(content: &[u8], stated: u64) -> Option<bool> {
    let mut rest = content;
    let mut next = || {
        let (number, length) = varint::read(rest).ok()?;
        rest = rest.get(length..)?;
        Some((number, length as u64))
    };
    let [version, codec, hash, digest] = [next()?, next()?, next()?, next()?];
    let before = version.1 + codec.1 + hash.1 + digest.1;
    let is_within = digest.0.checked_add(before).is_some_and(|length| length <= stated);
    Some(version.0 == 1 && digest.0 > DIGEST_BYTES_MAX && is_within)
}

/// Takes a whole section apart, whose varint takes `prefix` bytes.
#[inline]
pub(super) fn cut(whole: Bytes, prefix: usize, offset: u64) -> Result<Section, Problem> {
    match Cid::read(whole.get(prefix..).unwrap_or_default()) {
        Ok((cid, length)) => Ok(Section::new(offset, cid, whole, prefix + length)),
        Err(error) => Err(Problem::from(error).offset(offset)),
    }
}

pub(super) fn truncated(offset: u64) -> Problem {
    Problem::new(Code::Truncated, "the input ends inside a section").offset(offset)
}

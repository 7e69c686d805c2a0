use super::varint::{self, Malformed};
use crate::block::{Block, Cid};
use crate::error::{Code, Problem};
use crate::limits::SECTION_BYTES_MAX;
use bytes::Bytes;

/// One section as it was read: bytes and a CID that promises something about them.
///
/// Nothing has been hashed yet. `bytes` is a slice of the chunk that the reader read, and keeps all
/// of that chunk (256 KiB and the section that reached into it) in memory while it lives; copy
/// what is kept for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where the section begins (its length, that is), in bytes from the start of the input.
    pub offset: u64,
    /// The promise.
    pub cid: Cid,
    /// The block's bytes, not yet checked.
    pub bytes: Bytes,
    /// The length of the whole section, in bytes, its varint included.
    pub length: usize,
}

impl Frame {
    /// Hashes the bytes and holds them to the promise.
    ///
    /// # Errors
    /// `HashMismatch` or `UnsupportedCid`, naming CID and offset.
    pub fn into_block(self) -> Result<Block, Problem> {
        let offset = self.offset;
        Block::check(self.cid, self.bytes).map_err(|problem| problem.offset(offset))
    }
}

/// Reads the section that fills all of `bytes`; `offset` says where it stands, for the record.
///
/// ```
/// use carrack::block::{Cid, Codec};
/// use carrack::car::{append_section, parse_section};
/// let cid = Cid::of(Codec::DagCbor, &[0xa0]);
/// let mut section = Vec::new();
/// append_section(&mut section, &cid, &[0xa0]);
/// let frame = parse_section(&section.into(), 59)?;
/// assert_eq!((frame.cid, frame.offset, frame.length), (cid, 59, 38));
/// # Ok::<(), carrack::Problem>(())
/// ```
///
/// # Errors
/// `Truncated`, `BadSection`, `TooLarge` or `UnsupportedCid`, naming the offset.
pub fn parse_section(bytes: &Bytes, offset: u64) -> Result<Frame, Problem> {
    let Some((prefix, length)) = section_head(bytes, offset)? else {
        return Err(truncated(offset));
    };
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
pub(super) fn section_head(bytes: &[u8], offset: u64) -> Result<Option<(usize, usize)>, Problem> {
    let (stated, prefix) = match varint::read(bytes) {
        Ok(read) => read,
        Err(Malformed::Truncated) => return Ok(None),
        Err(error) => {
            return Err(Problem::new(Code::BadSection, error.to_string()).offset(offset));
        }
    };
    match usize::try_from(stated) {
        Ok(0) => Err(Problem::new(Code::BadSection, "a section of no bytes").offset(offset)),
        Ok(length) if length <= SECTION_BYTES_MAX => Ok(Some((prefix, length))),
        _ => {
            let message = format!("a section of {stated} bytes; {SECTION_BYTES_MAX} are allowed");
            Err(Problem::new(Code::TooLarge, message).offset(offset))
        }
    }
}

/// Takes a whole section apart, whose varint takes `prefix` bytes.
#[inline]
pub(super) fn cut(section: &Bytes, prefix: usize, offset: u64) -> Result<Frame, Problem> {
    let content = section.get(prefix..).unwrap_or_default();
    let (cid, cid_length) = Cid::read(content).map_err(|problem| problem.offset(offset))?;
    let bytes = section.slice(prefix + cid_length..);
    Ok(Frame { offset, cid, bytes, length: section.len() })
}

pub(super) fn truncated(offset: u64) -> Problem {
    Problem::new(Code::Truncated, "the input ends inside a section").offset(offset)
}

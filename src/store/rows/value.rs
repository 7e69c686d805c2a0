//! Row values. `manual::format` describes them.

use crate::block::{Block, Cid};
use crate::car::{Section, parse_whole, varint};
use crate::error::{Error, Result};
use crate::ident::Rev;
use crate::limits::ROW_BYTES_MAX;
use crate::store::rows::key::continues_record;
use bytes::Bytes;
use std::cell::Cell;

/// The form of the rows that are written, first byte of each row: its header has a checksum.
const FORM: u8 = 2;
/// The form without one, which rows of format 1 have until they are written anew.
const FORM_1: u8 = 1;
/// Bytes of the checksum of a header: the first ones of its BLAKE3 digest.
const SUM_BYTES: usize = 4;

/// A row as read: sections back to back, and the revision that wrote each.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    stamps: Stamps,
    count: usize,
    sections: Bytes,
}

#[derive(Clone, Debug)]
enum Stamps {
    Same(Rev),
    Each(Vec<Rev>),
}

impl Row {
    /// Reads a row's value.
    pub(crate) fn decode(value: &Bytes) -> Result<Self> {
        let header = header(value)?;
        header.check()?;
        Ok(Self::behind(header, value))
    }

    /// The same of a row whose header is known to be as it was written.
    pub(crate) fn decode_checked(value: &Bytes) -> Result<Self> {
        Ok(Self::behind(header(value)?, value))
    }

    fn behind(header: Header<'_>, value: &Bytes) -> Self {
        let Header { stamps, count, end, .. } = header;
        Self { stamps, count, sections: value.slice(end..) }
    }

    /// How many sections the row holds.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The sections' bytes, as they go into a CAR.
    pub(crate) fn sections(&self) -> &Bytes {
        &self.sections
    }

    /// The same row with its one section put together from all of its parts.
    pub(crate) fn with_sections(&self, sections: Bytes) -> Self {
        Self { sections, ..self.clone() }
    }

    /// The revision that wrote section `index`.
    pub(crate) fn stamp(&self, index: usize) -> Result<Rev> {
        self.stamps.of(index)
    }

    /// The sections in order, not hashed yet.
    pub(crate) fn blocks(&self) -> StoredBlocks<'_> {
        StoredBlocks { row: self, position: 0, index: 0 }
    }

    /// The length of the first section, which may continue in further rows.
    pub(crate) fn first_length(&self) -> Result<usize> {
        first_length(&self.sections)
    }
}

fn first_length(sections: &[u8]) -> Result<usize> {
    let (length, head) = varint::read(sections)
        .map_err(|_| Error::Corrupt("a section's length cannot be read".to_owned()))?;
    usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_add(head))
        .ok_or_else(|| Error::Corrupt("a section's length is out of range".to_owned()))
}

impl Stamps {
    fn of(&self, index: usize) -> Result<Rev> {
        let stamp = match self {
            Self::Same(rev) => Some(rev),
            Self::Each(revs) => revs.get(index),
        };
        stamp.copied().ok_or_else(|| Error::Corrupt("a row lacks a stamp".to_owned()))
    }
}

/// The header of a row.
struct Header<'a> {
    stamps: Stamps,
    count: usize,
    /// Where the sections begin.
    end: usize,
    /// The checksum and what it is of, if the row has one.
    summed: Option<(&'a [u8], &'a [u8])>,
}

impl Header<'_> {
    /// Whether it is as it was written: nothing else tells a revision from another one.
    fn check(&self) -> Result<()> {
        match self.summed {
            Some((sum, bytes)) if *sum != header_sum(bytes) => {
                Err(Error::Corrupt("the checksum of a row's header does not match".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

fn header(value: &[u8]) -> Result<Header<'_>> {
    let mut at = HeaderReader { bytes: value, position: 0 };
    let start = match at.byte()? {
        FORM => 1 + SUM_BYTES,
        FORM_1 => 1,
        // A newer store is refused when it is opened.
        other => return Err(Error::Corrupt(format!("a row of the unknown form {other}"))),
    };
    at.position = start;
    let count = at.number()?;
    let distinct = at.number()?;
    let stamps = at.stamps(count, distinct)?;
    let end = at.position;
    let summed = value.get(1..start).zip(value.get(start..end)).filter(|(sum, _)| !sum.is_empty());
    Ok(Header { stamps, count, end, summed })
}

fn header_sum(bytes: &[u8]) -> [u8; SUM_BYTES] {
    let mut sum = [0; SUM_BYTES];
    sum.copy_from_slice(blake3::hash(bytes).as_bytes().split_at(SUM_BYTES).0);
    sum
}

/// A row's value without what its form adds: the same for rows of the same content and history.
pub(crate) fn without_form<'v>(key: &[u8], value: &'v [u8]) -> &'v [u8] {
    let start = match value.first() {
        _ if continues_record(key) => 0,
        Some(&FORM) => 1 + SUM_BYTES,
        _ => 1,
    };
    value.get(start..).unwrap_or_default()
}

/// An encoded row, of which only parts are decoded.
pub(crate) struct RawRow<'a> {
    header: Header<'a>,
    head: &'a [u8],
    is_checked: Cell<bool>,
    pub(crate) count: usize,
    pub(crate) sections: &'a [u8],
}

impl<'a> RawRow<'a> {
    pub(crate) fn decode(value: &'a [u8]) -> Result<Self> {
        let header = header(value)?;
        let (count, end) = (header.count, header.end);
        let head = value.get(..end).unwrap_or_default();
        let sections = value.get(end..).unwrap_or_default();
        Ok(Self { header, head, is_checked: Cell::new(false), count, sections })
    }

    /// The sections in order.
    pub(crate) fn each(&self) -> impl Iterator<Item = Result<RawSection<'a>>> {
        raw_sections(self.sections)
    }

    /// The length of the first section, which may continue in further rows.
    pub(crate) fn first_length(&self) -> Result<usize> {
        first_length(self.sections)
    }

    /// The CID of the first section, which may continue in further rows.
    pub(crate) fn first_cid(&self) -> Result<Option<Cid>> {
        let Ok((_, head)) = varint::read(self.sections) else { return Ok(None) };
        let content = self.sections.get(head..).unwrap_or_default();
        let read = Cid::read(content).map_err(|problem| Error::Corrupt(problem.to_string()))?;
        Ok(Some(read.0))
    }

    /// What stands before the sections.
    pub(crate) fn header(&self) -> &'a [u8] {
        self.head
    }

    /// The header is known to be as it was written.
    pub(crate) fn set_checked(&self) {
        self.is_checked.set(true);
    }

    /// A section of it, copied out, with its stamp.
    pub(crate) fn stamped(&self, section: &RawSection<'a>) -> Result<StoredBlock> {
        // Checked only if a revision is needed.
        if !self.is_checked.replace(true) {
            self.header.check()?;
        }
        stamped(Bytes::copy_from_slice(section.bytes), self.header.stamps.of(section.index)?)
    }
}

/// Sections that lie back to back; an error where one is cut short.
pub(crate) fn raw_sections(mut rest: &[u8]) -> impl Iterator<Item = Result<RawSection<'_>>> {
    let mut index = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let section = raw_section(rest, index);
        index += 1;
        rest = match &section {
            Ok(section) => rest.get(section.bytes.len()..).unwrap_or_default(),
            Err(_) => &[],
        };
        Some(section)
    })
}

/// A section of a row; its bytes are not hashed yet.
pub(crate) struct RawSection<'a> {
    index: usize,
    /// The whole section.
    pub(crate) bytes: &'a [u8],
    pub(crate) cid: Cid,
    /// The block's bytes.
    pub(crate) block: &'a [u8],
}

#[inline]
fn raw_section(rest: &[u8], index: usize) -> Result<RawSection<'_>> {
    let cut = || Error::Corrupt("a section is cut short in its row".to_owned());
    let (length, head) = varint::read(rest).map_err(|_| cut())?;
    let end = usize::try_from(length).ok().and_then(|length| length.checked_add(head));
    let bytes = end.and_then(|end| rest.get(..end)).ok_or_else(cut)?;
    let content = bytes.get(head..).unwrap_or_default();
    let (cid, cid_length) =
        Cid::read(content).map_err(|problem| Error::Corrupt(problem.to_string()))?;
    Ok(RawSection { index, bytes, cid, block: content.get(cid_length..).unwrap_or_default() })
}

impl RawSection<'_> {
    /// The block, copied out and hashed.
    pub(crate) fn to_block(&self) -> Result<Block> {
        Block::check(self.cid.clone(), Bytes::copy_from_slice(self.block))
            .map_err(|problem| Error::Corrupt(problem.to_string()))
    }

    /// Hashes the block where it lies.
    pub(crate) fn check(&self) -> Result<()> {
        match self.cid.matches(self.block) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let cid = &self.cid;
                Err(Error::Corrupt(format!("{cid}: the bytes in the store do not hash to it")))
            }
            Err(problem) => Err(Error::Corrupt(problem.to_string())),
        }
    }
}

/// The sections of a row, one by one.
pub(crate) struct StoredBlocks<'a> {
    row: &'a Row,
    position: usize,
    index: usize,
}

/// A section of a row with its stamp; its bytes are not hashed yet.
#[derive(Clone, Debug)]
pub(crate) struct StoredBlock {
    pub(crate) section: Section,
    pub(crate) stamp: Rev,
}

impl StoredBlock {
    /// The block, hashed on its way out of the store.
    pub(crate) fn block(&self) -> Result<Block> {
        self.section.clone().hashed().map_err(|problem| Error::Corrupt(problem.to_string()))
    }
}

impl Iterator for StoredBlocks<'_> {
    type Item = Result<StoredBlock>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.position >= self.row.sections.len() {
            let missing = self.row.count.checked_sub(self.index).filter(|missing| *missing > 0)?;
            self.index = self.row.count;
            return Some(Err(Error::Corrupt(format!("a row lacks {missing} of its sections"))));
        }
        let rest = self.row.sections.slice(self.position..);
        let section = match cut_section(&rest) {
            Ok(section) => section,
            Err(error) => {
                self.position = self.row.sections.len();
                self.index = self.row.count;
                return Some(Err(error));
            }
        };
        self.position += section.len();
        let stamp = self.row.stamp(self.index);
        self.index += 1;
        Some(stamp.and_then(|stamp| stamped(section, stamp)))
    }
}

/// A section with its stamp, its CID read.
pub(crate) fn stamped(section: Bytes, stamp: Rev) -> Result<StoredBlock> {
    let section = parse_whole(section, 0).map_err(|problem| Error::Corrupt(problem.to_string()))?;
    Ok(StoredBlock { section, stamp })
}

fn cut_section(rest: &Bytes) -> Result<Bytes> {
    let cut = || Error::Corrupt("a section is cut short in its row".to_owned());
    let (length, head) = varint::read(rest).map_err(|_| cut())?;
    let end = usize::try_from(length).ok().and_then(|length| length.checked_add(head));
    match end {
        Some(end) if end <= rest.len() => Ok(rest.slice(..end)),
        _ => Err(cut()),
    }
}

/// The value of a row with these sections.
pub(crate) fn encode_row(stamps: &[Rev], sections: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(sections.len() + 16 + stamps.len());
    write_header(&mut out, stamps);
    out.extend_from_slice(sections);
    out
}

/// The rows of one record's section: mostly one; a long section continues in further ones. A node
/// is one row at any length: honest ones are short, and parts would need places of their own.
pub(crate) fn encode_section_rows(
    key: &[u8],
    stamp: Rev,
    section: &[u8],
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (first, rest) = section.split_at(section.len().min(ROW_BYTES_MAX));
    let mut rows = vec![(key.to_vec(), encode_row(&[stamp], first))];
    for (part, piece) in (1u8..).zip(rest.chunks(ROW_BYTES_MAX)) {
        let mut key = key.to_vec();
        key.push(part);
        rows.push((key, piece.to_vec()));
    }
    rows
}

fn write_header(out: &mut Vec<u8>, stamps: &[Rev]) {
    let mut distinct: Vec<Rev> = stamps.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    out.push(FORM);
    out.extend_from_slice(&[0; SUM_BYTES]);
    varint::write(stamps.len() as u64, out);
    varint::write(distinct.len() as u64, out);
    for rev in &distinct {
        out.extend_from_slice(&rev.as_u64().to_be_bytes());
    }
    if distinct.len() > 1 {
        for rev in stamps {
            let index = distinct.partition_point(|other| other < rev);
            varint::write(index as u64, out);
        }
    }
    let sum = header_sum(out.get(1 + SUM_BYTES..).unwrap_or_default());
    if let Some(place) = out.get_mut(1..=SUM_BYTES) {
        place.copy_from_slice(&sum);
    }
}

struct HeaderReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl HeaderReader<'_> {
    fn byte(&mut self) -> Result<u8> {
        let byte = self.bytes.get(self.position).copied().ok_or_else(short)?;
        self.position += 1;
        Ok(byte)
    }

    /// A count or an index: none is larger than the row itself.
    fn number(&mut self) -> Result<usize> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let (number, length) = varint::read(rest).map_err(|_| short())?;
        self.position += length;
        usize::try_from(number).ok().filter(|number| *number <= self.bytes.len()).ok_or_else(short)
    }

    fn rev(&mut self) -> Result<Rev> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let bytes = rest.first_chunk::<8>().ok_or_else(short)?;
        self.position += 8;
        Rev::from_u64(u64::from_be_bytes(*bytes))
            .map_err(|_| Error::Corrupt("a row's stamp is no revision".to_owned()))
    }

    fn stamps(&mut self, count: usize, distinct: usize) -> Result<Stamps> {
        if distinct == 1 {
            return Ok(Stamps::Same(self.rev()?));
        }
        let revs = (0..distinct).map(|_| self.rev()).collect::<Result<Vec<_>>>()?;
        let each = (0..count).map(|_| {
            let index = self.number()?;
            revs.get(index).copied().ok_or_else(short)
        });
        Ok(Stamps::Each(each.collect::<Result<_>>()?))
    }
}

fn short() -> Error {
    Error::Corrupt("a row's header cannot be read".to_owned())
}

/// What a row adds to an account's counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowStats {
    /// Blocks.
    pub(crate) blocks: u64,
    /// Bytes of sections.
    pub(crate) bytes: u64,
}

impl RowStats {
    /// The sections of one row, or of a section that continues in further rows.
    pub(crate) fn of(value: &[u8]) -> Result<Self> {
        let row = RawRow::decode(value)?;
        let bytes = if row.count == 1 { row.first_length()? } else { row.sections.len() };
        Ok(Self { blocks: row.count as u64, bytes: bytes as u64 })
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.bytes += other.bytes;
    }
}

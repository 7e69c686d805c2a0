//! Reads a tree's rows in order and returns the block at each position.

use crate::block::{Block, Cid};
use crate::error::{Error, Result};
use crate::ident::Rev;
use crate::problem::{Code, Problem};
use crate::store::read_table::{ByteEntries, ByteTable, ReadTable};
use crate::store::rows::key::{RowPlace, node_key, parse_key, record_key};
use crate::store::rows::run::run_entries;
use crate::store::rows::value::{Row, StoredBlock, without_form};
use bytes::Bytes;
use std::collections::VecDeque;

/// A place in a tree, comparable: the row key that a single block there has, without the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowPosition(Vec<u8>);

impl RowPosition {
    pub(crate) fn record(path: &[u8]) -> Self {
        Self(record_key(0, path).split_off(8))
    }

    pub(crate) fn node(left: &[u8], height: u8) -> Self {
        Self(node_key(0, left, height).split_off(8))
    }
}

/// The number of the tree that a row belongs to.
pub(crate) fn tree_of(key: &[u8]) -> Result<u64> {
    Ok(parse_key(key)?.0)
}

/// Adds a row to a digest of rows; its form does not count.
pub(crate) fn digest_row(hasher: &mut blake3::Hasher, key: &[u8], value: &[u8]) {
    for part in [key, without_form(key, value)] {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
}

/// The rows of a tree, read once from the first to the last.
pub(crate) struct RowAudit<'a> {
    range: ByteEntries<'a>,
    /// Blocks of the current row.
    ready: VecDeque<(RowPosition, StoredBlock)>,
    /// A record whose rows are not all read yet.
    digest: blake3::Hasher,
    faults: Vec<Problem>,
    /// The next row, read to see whether it continues this one.
    ahead: Option<(Vec<u8>, Bytes)>,
}

impl<'a> RowAudit<'a> {
    pub(crate) fn new(rows: &'a ByteTable, tree: u64) -> Result<Self> {
        let (start, end) = crate::store::rows::key::tree_range(tree);
        let range = rows.range(&start[..]..&end[..])?;
        let digest = blake3::Hasher::new();
        Ok(Self { range, ready: VecDeque::new(), digest, faults: Vec::new(), ahead: None })
    }

    /// The block at `place`, which must have this CID, and its stamp. Skipped rows are faults,
    /// which [`RowAudit::take_faults`] returns.
    pub(crate) fn take(&mut self, place: &RowPosition, cid: &Cid) -> Result<Option<(Block, Rev)>> {
        let mut found = None;
        loop {
            self.fill()?;
            match self.ready.front() {
                Some((at, _)) if at < place => self.pass(),
                Some((at, _)) if at == place => {
                    found = self.ready.pop_front();
                    break;
                }
                _ => break,
            }
        }
        Ok(match found {
            None => {
                let problem = Problem::new(Code::MissingNode, "a block has no row");
                self.faults.push(problem.cid(cid));
                None
            }
            Some((_, stored)) if stored.section.cid != *cid => {
                let message =
                    format!("a row holds {}, where another block belongs", stored.section.cid);
                self.faults.push(Problem::new(Code::HashMismatch, message).cid(cid));
                None
            }
            Some((_, stored)) => match stored.section.hashed() {
                Ok(block) => Some((block, stored.stamp)),
                Err(problem) => {
                    self.faults.push(problem);
                    None
                }
            },
        })
    }

    /// Returns the faults found since the last call.
    pub(crate) fn take_faults(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.faults)
    }

    /// Reads the remaining rows: each is a fault.
    pub(crate) fn finish(&mut self) -> Result<Vec<Problem>> {
        loop {
            self.fill()?;
            if self.ready.is_empty() {
                return Ok(self.take_faults());
            }
            self.pass();
        }
    }

    /// The digest of all rows read.
    pub(crate) fn digest(&self) -> blake3::Hash {
        self.digest.finalize()
    }

    fn pass(&mut self) {
        if let Some((_, stored)) = self.ready.pop_front() {
            let message = "a block is stored where the tree does not ask for one";
            self.faults.push(Problem::new(Code::BadSection, message).cid(&stored.section.cid));
        }
    }

    fn fill(&mut self) -> Result<()> {
        while self.ready.is_empty() {
            let Some((key, value)) = self.next_row()? else { return Ok(()) };
            if let Err(error) = self.open(&key, &value) {
                self.faults.push(Problem::from(error));
            }
        }
        Ok(())
    }

    fn next_row(&mut self) -> Result<Option<(Vec<u8>, Bytes)>> {
        if let Some(row) = self.ahead.take() {
            return Ok(Some(row));
        }
        let Some(row) = self.range.next() else { return Ok(None) };
        let (key, value) = row?;
        digest_row(&mut self.digest, key.value(), value.value());
        Ok(Some((key.value().to_vec(), Bytes::copy_from_slice(value.value()))))
    }

    fn open(&mut self, key: &[u8], value: &Bytes) -> Result<()> {
        let (_, place) = parse_key(key)?;
        if let RowPlace::Record { part, .. } = &place
            && *part > 0
        {
            return Err(Error::Corrupt(format!("a row continues nothing: {key:02x?}")));
        }
        let row = Row::decode(value)?;
        let row = if row.count() == 1 { self.whole(key, &row)? } else { row };
        for entry in run_entries(&place, &row)? {
            let at = match (&entry.path, &place) {
                (Some(path), _) => RowPosition::record(path.as_bytes()),
                (None, RowPlace::Node { left, height }) => RowPosition::node(left, *height),
                (None, RowPlace::Record { path, .. }) => RowPosition::record(path),
            };
            self.ready.push_back((at, entry.block));
        }
        Ok(())
    }

    /// A row of one section with the rows that continue it.
    fn whole(&mut self, key: &[u8], row: &Row) -> Result<Row> {
        let length = row.first_length()?;
        let mut section = row.sections().to_vec();
        while section.len() < length {
            match self.next_row()? {
                Some((next, value)) if continues(key, &next) => section.extend_from_slice(&value),
                other => {
                    self.ahead = other;
                    break;
                }
            }
        }
        Ok(row.with_sections(section.into()))
    }
}

fn continues(key: &[u8], next: &[u8]) -> bool {
    next.split_last().is_some_and(|(part, start)| *part > 0 && start == key)
}

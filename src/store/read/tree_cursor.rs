//! Reading blocks by their places, along a walk of their tree.

use crate::block::{Block, Cid};
use crate::error::Result;
use crate::ident::Rev;
use crate::store::read_table::ReadBytes;
use crate::store::rows::key::{RowPlace, misplaced, node_key, record_key};
use crate::store::rows::parts::whole_record;
use crate::store::rows::run::{RunEntry, run_entries};
use crate::store::rows::value::{Row, StoredBlock};
use crate::tree::Key;
use bytes::Bytes;
use std::collections::VecDeque;

/// Gives the blocks that a walk asks for, as long as it asks in streaming order; it may leave out
/// any. It holds one row.
pub(crate) struct TreeCursor<'a, T> {
    rows: &'a T,
    tree: u64,
    /// Only what is newer than this is given.
    since: Option<Rev>,
    /// The entries of the current run that were not returned yet.
    ready: VecDeque<RunEntry>,
}

impl<'a, T: ReadBytes> TreeCursor<'a, T> {
    pub(crate) fn new(rows: &'a T, tree: u64) -> Self {
        Self { rows, tree, since: None, ready: VecDeque::new() }
    }

    /// Gives only what is newer than `rev`, and reads no rows of what is older. A caller that gets no
    /// node does not ask for what hangs on it: no block is newer than its node.
    pub(crate) fn since(mut self, rev: Rev) -> Self {
        self.since = Some(rev);
        self
    }

    /// The node of this height right of `left`, which has to be `cid`, hashed.
    pub(crate) fn node(&mut self, left: &Key, height: u8, cid: &Cid) -> Result<Block> {
        let place = || RowPlace::Node { left: left.as_bytes().to_vec(), height };
        self.newer_node(left, height, cid)?.ok_or_else(|| misplaced(cid, &place()))
    }

    /// The record at `path` (the commit at ""), which has to be `cid`, hashed.
    pub(crate) fn record(&mut self, path: &Key, cid: &Cid) -> Result<Block> {
        let place = || RowPlace::Record { path: path.as_bytes().to_vec(), part: 0 };
        self.newer_record(path, cid)?.ok_or_else(|| misplaced(cid, &place()))
    }

    /// The same node; `None` if it is not
    /// newer than the cursor's revision.
    pub(crate) fn newer_node(
        &mut self,
        left: &Key,
        height: u8,
        cid: &Cid,
    ) -> Result<Option<Block>> {
        let place = || RowPlace::Node { left: left.as_bytes().to_vec(), height };
        let row = self.row(&node_key(self.tree, left.as_bytes(), height))?;
        let row = row.ok_or_else(|| misplaced(cid, &place()))?;
        if !self.wants(row.stamp(0)?) {
            return Ok(None);
        }
        self.ready = run_entries(&place(), &row)?.into();
        let node = self.ready.pop_front().ok_or_else(|| misplaced(cid, &place()))?;
        proved(&node.block, cid, place).map(Some)
    }

    /// The same record; `None` if it is not
    /// newer than the cursor's revision.
    pub(crate) fn newer_record(&mut self, path: &Key, cid: &Cid) -> Result<Option<Block>> {
        let bytes = path.as_bytes();
        let place = || RowPlace::Record { path: bytes.to_vec(), part: 0 };
        if let Some(stored) = self.in_run(path) {
            return match self.wants(stored.stamp) {
                true => proved(&stored, cid, place).map(Some),
                false if stored.section.cid == *cid => Ok(None),
                false => Err(misplaced(cid, &place())),
            };
        }
        let row = self.row(&record_key(self.tree, bytes))?;
        let row = row.ok_or_else(|| misplaced(cid, &place()))?;
        if !self.wants(row.stamp(0)?) {
            return Ok(None);
        }
        proved(&whole_record(self.rows, self.tree, bytes, &row)?, cid, place).map(Some)
    }

    fn wants(&self, stamp: Rev) -> bool {
        self.since.is_none_or(|since| stamp > since)
    }

    /// Takes a record from the current run. Entries before it were skipped by the walk.
    fn in_run(&mut self, path: &Key) -> Option<StoredBlock> {
        while let Some(next) = self.ready.pop_front() {
            if next.path.as_ref() == Some(path) {
                return Some(next.block);
            }
        }
        None
    }

    fn row(&self, key: &[u8]) -> Result<Option<Row>> {
        let Some(value) = self.rows.get(key)? else { return Ok(None) };
        Row::decode(&Bytes::copy_from_slice(value.value())).map(Some)
    }
}

fn proved(stored: &StoredBlock, cid: &Cid, place: impl Fn() -> RowPlace) -> Result<Block> {
    let block = stored.block()?;
    if block.cid() == cid { Ok(block) } else { Err(misplaced(cid, &place())) }
}

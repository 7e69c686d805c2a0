//! Reading blocks by their places, along a walk of their tree.

use crate::block::{Block, Cid};
use crate::error::Result;
use crate::store::read_table::ReadBytes;
use crate::store::rows::key::{Place, misplaced, node_key, record_key};
use crate::store::rows::parts::whole_record;
use crate::store::rows::run::{RunEntry, RunPlace, run_entries};
use crate::store::rows::value::{Row, StoredBlock};
use crate::tree::Key;
use bytes::Bytes;
use std::collections::VecDeque;

/// Gives the blocks that a walk asks for, as long as it asks in streaming order; it may leave out
/// any. It holds one row.
pub(crate) struct TreeCursor<'a, T> {
    rows: &'a T,
    tree: u64,
    /// What the row at hand has not given yet.
    ready: VecDeque<RunEntry>,
}

impl<'a, T: ReadBytes> TreeCursor<'a, T> {
    pub(crate) fn new(rows: &'a T, tree: u64) -> Self {
        Self { rows, tree, ready: VecDeque::new() }
    }

    /// The node of this height right of `left`, hashed.
    pub(crate) fn node(&mut self, left: &Key, height: u8, cid: &Cid) -> Result<Block> {
        let is_it = |place: &RunPlace| match place {
            RunPlace::Node { left: found, height: at } => found == left && *at == height,
            RunPlace::Record { .. } => false,
        };
        let place = || Place::Node { left: left.as_bytes().to_vec(), height };
        if let Some(stored) = self.of_row_at_hand(is_it) {
            return proved(&stored, cid, place);
        }
        let row = self.row(&node_key(self.tree, left.as_bytes(), height))?;
        let row = row.ok_or_else(|| misplaced(cid, &place()))?;
        self.ready = run_entries(&place(), &row)?.into();
        let stored = self.of_row_at_hand(is_it).ok_or_else(|| misplaced(cid, &place()))?;
        proved(&stored, cid, place)
    }

    /// The record at `path`, hashed.
    pub(crate) fn record(&mut self, path: &Key, cid: &Cid) -> Result<Block> {
        let is_it = |place: &RunPlace| match place {
            RunPlace::Record { path: found } => found == path,
            RunPlace::Node { .. } => false,
        };
        let place = || Place::Record { path: path.as_bytes().to_vec(), part: 0 };
        if let Some(stored) = self.of_row_at_hand(is_it) {
            return proved(&stored, cid, place);
        }
        let row = self.row(&record_key(self.tree, path.as_bytes()))?;
        let row = row.ok_or_else(|| misplaced(cid, &place()))?;
        proved(&whole_record(self.rows, self.tree, path.as_bytes(), &row)?, cid, place)
    }

    /// What comes before it in the row has been left out by the walk.
    fn of_row_at_hand(&mut self, is_it: impl Fn(&RunPlace) -> bool) -> Option<StoredBlock> {
        while let Some(next) = self.ready.pop_front() {
            if is_it(&next.place) {
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

fn proved(stored: &StoredBlock, cid: &Cid, place: impl Fn() -> Place) -> Result<Block> {
    let block = stored.block()?;
    if block.cid() == cid { Ok(block) } else { Err(misplaced(cid, &place())) }
}

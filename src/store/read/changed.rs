//! Reading the blocks of a tree that are newer than a revision, and no rows of what is older.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::ident::Rev;
use crate::store::read_table::ReadBytes;
use crate::store::rows::key::{Place, misplaced, node_key, record_key};
use crate::store::rows::parts::whole_record;
use crate::store::rows::run::{RunEntry, RunPlace, run_entries};
use crate::store::rows::value::{Row, StoredBlock};
use crate::tree::Key;
use bytes::Bytes;
use std::collections::VecDeque;

/// Answers in streaming order what is at a place, if it is newer than a revision. A caller that
/// gets no node does not ask for what hangs on it: no block is newer than its node.
pub(crate) struct ChangedCursor<'a, T> {
    rows: &'a T,
    tree: u64,
    since: Rev,
    /// What is left of the run at hand.
    run: VecDeque<RunEntry>,
}

impl<'a, T: ReadBytes> ChangedCursor<'a, T> {
    pub(crate) fn new(rows: &'a T, tree: u64, since: Rev) -> Self {
        Self { rows, tree, since, run: VecDeque::new() }
    }

    /// The node of this height right of `left`, which has to be `cid`.
    pub(crate) fn node(
        &mut self,
        left: &Key,
        height: u8,
        cid: &Cid,
    ) -> Result<Option<StoredBlock>> {
        let found = match self.in_run(left, Some(height)) {
            Some(found) => found,
            None => match self.node_row(left, height)? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let place = || Place::Node { left: left.as_bytes().to_vec(), height };
        self.newer(found, cid, place)
    }

    /// The record at `path` (the commit at ""), which has to be `cid`.
    pub(crate) fn record(&mut self, path: &Key, cid: &Cid) -> Result<Option<StoredBlock>> {
        let bytes = path.as_bytes();
        let found = match self.in_run(path, None) {
            Some(found) => found,
            None => match self.row(&record_key(self.tree, bytes))? {
                Some(row) if row.stamp(0)? <= self.since => return Ok(None),
                Some(row) => whole_record(self.rows, self.tree, bytes, &row)?,
                None => return Err(Error::Corrupt(format!("the record at {path} has no row"))),
            },
        };
        self.newer(found, cid, || Place::Record { path: bytes.to_vec(), part: 0 })
    }

    fn newer(
        &self,
        found: StoredBlock,
        cid: &Cid,
        place: impl FnOnce() -> Place,
    ) -> Result<Option<StoredBlock>> {
        if found.section.cid != *cid {
            return Err(misplaced(cid, &place()));
        }
        Ok(Some(found).filter(|found| found.stamp > self.since))
    }

    /// Takes the block at a place from the run at hand. What comes before it was not asked for.
    fn in_run(&mut self, key: &Key, node: Option<u8>) -> Option<StoredBlock> {
        while let Some(RunEntry { place, block }) = self.run.pop_front() {
            let is_here = match &place {
                RunPlace::Node { left, height } => left == key && node == Some(*height),
                RunPlace::Record { path } => path == key && node.is_none(),
            };
            if is_here {
                return Some(block);
            }
        }
        None
    }

    /// A node that begins a row, which may be a run; `None` if it is not newer.
    fn node_row(&mut self, left: &Key, height: u8) -> Result<Option<StoredBlock>> {
        let missing =
            || Error::Corrupt(format!("the node of height {height} at {left} has no row"));
        let key = node_key(self.tree, left.as_bytes(), height);
        let row = self.row(&key)?.ok_or_else(missing)?;
        if row.stamp(0)? <= self.since {
            return Ok(None);
        }
        let place = Place::Node { left: left.as_bytes().to_vec(), height };
        self.run = run_entries(&place, &row)?.into();
        self.run.pop_front().map(|first| Some(first.block)).ok_or_else(missing)
    }

    fn row(&self, key: &[u8]) -> Result<Option<Row>> {
        let found = self.rows.get(key)?;
        found.map(|value| Row::decode(&Bytes::copy_from_slice(value.value()))).transpose()
    }
}

//! Takes back a tree that becomes no account's.

use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::store::read_table::ReadTable;
use crate::store::write::reclaim::mark_for_removal;
use std::time::Duration;

/// Between two looks at whether a tree's rows are gone: a turn of their removal takes milliseconds.
const REMOVAL_PAUSE: Duration = Duration::from_millis(1);

impl Engine {
    /// Takes back a tree of something that has failed, and gives why that failed: a removal that
    /// fails too is not the cause, and what it leaves goes when the store is opened next.
    pub(crate) fn undo_tree(&self, tree: u64, cause: Error) -> Error {
        let _ = self.remove_tree(tree);
        cause
    }

    /// Takes back a tree that becomes no account's, and waits until its rows are gone.
    fn remove_tree(&self, tree: u64) -> Result<()> {
        self.submit(move |tables| {
            tables.journal.remove(tree)?;
            mark_for_removal(tables, tree)?;
            Ok(())
        })?;
        self.await_removal(tree)
    }

    /// Waits until the rows of a tree are gone, or have turned out not to be readable.
    fn await_removal(&self, tree: u64) -> Result<()> {
        loop {
            let core = self.core()?;
            let is_there = core.view()?.removals()?.get(tree)?.is_some();
            if !is_there || !core.writer.unreadable().is_empty() {
                return Ok(());
            }
            core.check_writes()?;
            std::thread::sleep(REMOVAL_PAUSE);
        }
    }
}

//! Removes staged trees that no account gets.

use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::store::read_table::ReadTable;
use crate::store::write::reclaim::mark_for_removal;
use std::time::Duration;

/// Pause between checks for the removal of a tree. A removal step takes milliseconds.
const REMOVAL_PAUSE: Duration = Duration::from_millis(1);

impl Engine {
    /// Removes the tree of an operation that failed, and returns the cause. If the removal fails
    /// too, that is not the cause; the rest is removed when the store is next opened.
    pub(crate) fn undo_tree(&self, tree: u64, cause: Error) -> Error {
        let _ = self.remove_tree(tree);
        cause
    }

    /// Removes a tree that no account has, and waits until its rows are gone.
    fn remove_tree(&self, tree: u64) -> Result<()> {
        self.submit(move |tables| {
            tables.journal.remove(tree)?;
            mark_for_removal(tables, tree)?;
            Ok(())
        })?;
        self.await_removal(tree)
    }

    /// Waits until the rows of a tree are removed, or are found to be unreadable.
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

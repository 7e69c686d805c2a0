//! Stages a repository: verifies it into a tree that readers do not see, and removes such a tree.

use crate::commit::Commit;
use crate::engine::handle::Engine;
use crate::engine::import::staging::{Staged, StagedTree};
use crate::error::{Error, Result};
use crate::store::read_table::ReadTable;
use crate::store::write::reclaim::mark_for_removal;
use crate::verify::{BlockSource, ExpectedHead, Report, verify_source};
use std::time::Duration;

/// Pause between checks for the removal of a tree. A removal step takes milliseconds.
const REMOVAL_PAUSE: Duration = Duration::from_millis(1);

impl Engine {
    /// Verifies a repository into a tree that readers do not see. After an error no row of it is
    /// left.
    pub(in crate::engine) fn stage(
        &self,
        supply: &mut dyn BlockSource,
        expect: &ExpectedHead,
        check_head: &mut dyn FnMut(&Commit) -> Result<()>,
    ) -> Result<(Report, StagedTree)> {
        let mut staged = Staged::begin(self, check_head)?;
        let outcome = match verify_source(supply, expect, &*self.shared.clock, &mut staged) {
            Ok(report) if report.is_valid() => staged.complete().map(|whole| (report, whole)),
            Ok(report) => Err(staged.give_up(Error::Refused(report.problems.into_listed()))),
            Err(error) => Err(staged.give_up(error)),
        };
        outcome.map_err(|error| match error {
            Error::Problem(problem) => Error::Refused(vec![*problem]),
            error => error,
        })
    }

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

//! Verifies a repository into a tree that no reader sees, and takes such a tree back.

use crate::commit::Commit;
use crate::engine::handle::Engine;
use crate::engine::import::staging::{Staged, StagedTree};
use crate::error::{Error, Result};
use crate::store::read_table::ReadTable;
use crate::store::write::reclaim::mark_for_removal;
use crate::verify::{BlockSource, ExpectedHead, Report, verify_source};
use std::time::Duration;

/// Between two looks at whether a tree's rows are gone: a turn of their removal takes milliseconds.
const REMOVAL_PAUSE: Duration = Duration::from_millis(1);

impl Engine {
    /// Verifies into a tree that no reader sees. If anything is wrong, no row of it is left.
    pub(in crate::engine) fn stage(
        &self,
        source: &mut dyn BlockSource,
        expect: &ExpectedHead,
        check_head: &mut dyn FnMut(&Commit) -> Result<()>,
    ) -> Result<(Report, StagedTree)> {
        let mut staged = Staged::begin(self, check_head)?;
        let outcome = match verify_source(source, expect, &*self.shared.clock, &mut staged) {
            Ok(report) if report.is_valid() => staged.complete().map(|whole| (report, whole)),
            Ok(report) => Err(staged.give_up(Error::Refused(report.problems.into_listed()))),
            Err(error) => Err(staged.give_up(error)),
        };
        outcome.map_err(|error| match error {
            Error::Problem(problem) => Error::Refused(vec![*problem]),
            error => error,
        })
    }

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

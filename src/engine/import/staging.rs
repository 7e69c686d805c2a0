//! Writes a repository, while it is verified, into a tree that readers do not see.

use crate::block::Block;
use crate::car::section_of;
use crate::commit::Commit;
use crate::engine::blobs::IndexedBlobs;
use crate::engine::core::Core;
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::ident::Rev;
use crate::limits::STAGED_BYTES;
use crate::problem::Problem;
use crate::problem::Problems;
use crate::store::account::Head;
use crate::store::needed_blobs;
use crate::store::needed_blobs::blob_key;
use crate::store::rows::buffer::RowBuffer;
use crate::store::rows::build::{RecordSource, RowBuilder};
use crate::store::rows::value::RowStats;
use crate::store::sealed::JOURNAL;
use crate::store::write::Pending;
use crate::tree::{NodeWant, RecordWant};
use crate::verify::{BlockSource, ExpectedHead, Report, Sink, verify_source};
use std::collections::VecDeque;
use std::sync::Arc;

/// Batches that may be queued for the writer while the next is filled.
const BATCHES_WAITING_MAX: usize = 6;

/// A tree that is being written. It is removed unless it becomes an account's.
pub(in crate::engine) struct Staged<'a> {
    engine: &'a Engine,
    /// The session that writes it. Rows that are not flushed are lost with the session.
    core: Arc<Core>,
    tree: u64,
    builder: RowBuilder,
    rows: RowBuffer,
    blobs: Vec<Vec<u8>>,
    blobs_bytes: usize,
    waiting: VecDeque<Pending<()>>,
    /// Whether a row of it may be in the store.
    is_journalled: bool,
    commit: Option<Commit>,
    rev: Option<Rev>,
    root_height: u8,
    records: u64,
    warnings: Problems,
    /// Set after the first problem: nothing more is written.
    broken: bool,
    check_head: &'a mut dyn FnMut(&Commit) -> Result<()>,
}

/// A completely written tree.
pub(crate) struct StagedTree {
    /// The session that wrote it, and that must make it an account's.
    pub(in crate::engine) core: Arc<Core>,
    pub(crate) tree: u64,
    pub(in crate::engine) commit: Commit,
    pub(in crate::engine) rev: Rev,
    pub(in crate::engine) height: u8,
    pub(in crate::engine) records: u64,
    pub(in crate::engine) stats: RowStats,
    /// Warnings about the records, besides those of the verification.
    pub(in crate::engine) warnings: Problems,
}

impl Engine {
    /// Verifies a repository into a tree that readers do not see. After an error no row of it is
    /// left.
    pub(in crate::engine) fn stage(
        &self,
        source: &mut dyn BlockSource,
        expect: &ExpectedHead,
        check_head: &mut dyn FnMut(&Commit) -> Result<()>,
    ) -> Result<(Report, StagedTree)> {
        let mut staged = Staged::begin(self, check_head)?;
        let outcome = match verify_source(source, expect, &*self.shared.clock, &mut staged) {
            Ok(report) if report.is_valid() => staged.complete().map(|whole| (report, whole)),
            Ok(report) => Err(staged.give_up(Error::Refused(report.problems))),
            Err(error) => Err(staged.give_up(error)),
        };
        outcome.map_err(|error| match error {
            Error::Problem(problem) => Error::Refused((*problem).into()),
            error => error,
        })
    }
}

impl<'a> Staged<'a> {
    /// Begins a tree. `check_head` can refuse the repository as soon as its head is known.
    pub(in crate::engine) fn begin(
        engine: &'a Engine,
        check_head: &'a mut dyn FnMut(&Commit) -> Result<()>,
    ) -> Result<Self> {
        engine.require_confirmed_restore()?;
        let core = engine.core()?;
        let tree = core.reserve_tree()?;
        Ok(Self {
            engine,
            core,
            tree,
            builder: RowBuilder::new(tree),
            rows: RowBuffer::default(),
            blobs: Vec::new(),
            blobs_bytes: 0,
            waiting: VecDeque::new(),
            is_journalled: false,
            commit: None,
            rev: None,
            root_height: 0,
            records: 0,
            warnings: Problems::default(),
            broken: false,
            check_head,
        })
    }

    /// Sends the last batch and waits until all batches are written. The next durable transaction
    /// makes them durable.
    pub(in crate::engine) fn complete(mut self) -> Result<StagedTree> {
        let whole = self.finish();
        whole.map_err(|error| self.give_up(error))
    }

    fn finish(&mut self) -> Result<StagedTree> {
        self.flush()?;
        while let Some(pending) = self.waiting.pop_front() {
            pending.wait()?;
        }
        let unfinished = || Error::Corrupt("an import ended without a head".to_owned());
        Ok(StagedTree {
            core: Arc::clone(&self.core),
            tree: self.tree,
            commit: self.commit.take().ok_or_else(unfinished)?,
            rev: self.rev.ok_or_else(unfinished)?,
            height: self.root_height,
            records: self.records,
            stats: self.builder.stats(),
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    /// Waits for the writer, removes the tree and returns the cause. No row of it is left.
    pub(in crate::engine) fn give_up(self, cause: Error) -> Error {
        for pending in self.waiting {
            // If a queued batch fails too, that is not the cause.
            let _ = pending.wait();
        }
        if self.is_journalled { self.engine.undo_tree(self.tree, cause) } else { cause }
    }

    fn after(&mut self) -> Result<()> {
        let bytes = self.rows.bytes + self.blobs_bytes;
        if bytes >= STAGED_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let blobs = std::mem::take(&mut self.blobs);
        let bytes = rows.bytes + self.blobs_bytes;
        self.blobs_bytes = 0;
        if rows.rows.is_empty() && blobs.is_empty() {
            return Ok(());
        }
        while self.waiting.len() >= BATCHES_WAITING_MAX {
            if let Some(pending) = self.waiting.pop_front() {
                pending.wait()?;
            }
        }
        let tree = self.tree;
        self.is_journalled = true;
        self.waiting.push_back(self.core.writer.enqueue_bulk(bytes, move |tables| {
            // Repeated in each batch, because an earlier one may have been refused.
            let what_for = JOURNAL.seal(&tree.to_le_bytes(), b"import");
            tables.journal.insert(tree, &what_for[..])?;
            rows.store(tables)?;
            needed_blobs::stage(tables, tree, &blobs)
        })?);
        Ok(())
    }

    fn stamp(&self) -> Result<Rev> {
        self.rev.ok_or_else(|| Error::Corrupt("a node came before the commit".to_owned()))
    }
}

impl Sink for Staged<'_> {
    fn commit(&mut self, commit: &Commit) -> Result<()> {
        (self.check_head)(commit)?;
        let Some(rev) = commit.rev() else {
            self.broken = true;
            return Ok(());
        };
        self.rev = Some(rev);
        self.commit = Some(commit.clone());
        self.builder.commit(&section_of(commit.block()), rev, &mut self.rows);
        self.after()
    }

    fn enter(&mut self, want: &NodeWant, height: u8, block: &Block) -> Result<()> {
        if self.broken {
            return Ok(());
        }
        if want.height.is_none() {
            self.root_height = height;
        }
        let stamp = self.stamp()?;
        self.builder.enter(&want.left, height, &section_of(block), stamp, &mut self.rows);
        self.after()
    }

    fn record(&mut self, want: &RecordWant, block: &Block) -> Result<()> {
        if self.broken {
            return Ok(());
        }
        self.records += 1;
        let blobs = IndexedBlobs::of(block.bytes());
        if let Some(warning) = blobs.warning(block.cid(), &want.key) {
            self.warnings.push(warning);
        }
        for blob in blobs.refs {
            let key = blob_key(self.tree, &blob.cid, &want.key);
            self.blobs_bytes += key.len();
            self.blobs.push(key);
        }
        let stamp = self.stamp()?;
        let section = section_of(block);
        let piece = RecordSource::Section(&section);
        self.builder.record(&want.key, piece, stamp, &mut self.rows);
        self.after()
    }

    fn leave(&mut self) -> Result<()> {
        if self.broken {
            return Ok(());
        }
        self.builder.leave(&mut self.rows);
        self.after()
    }

    fn problem(&mut self, _: &Problem) {
        self.broken = true;
        self.rows = RowBuffer::default();
        self.blobs.clear();
    }
}

impl StagedTree {
    /// The account head for this tree.
    pub(in crate::engine) fn head(&self) -> Head {
        Head {
            tree: self.tree,
            commit: self.commit.cid().clone(),
            data: self.commit.data().clone(),
            rev: self.rev,
            height: self.height,
            records: self.records,
            blocks: self.stats.blocks,
            bytes: self.stats.bytes,
        }
    }
}

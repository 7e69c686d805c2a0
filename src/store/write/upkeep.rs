//! Background work, in transactions of its own between those of the callers: removal of trees,
//! purging and trimming of the event log, counting what format 1 did not. Unreadable data is reported once and left unchanged.

use crate::env::Clock;
use crate::error::{Error, Result};
use crate::store::counts::{Counting, are_counted, carry_out_counting, plan_counting};
use crate::store::log;
use crate::store::log::{Purge, Retention, Trim, plan_purge, plan_trim};
use crate::store::panics::of_panic;
use crate::store::read_table::ReadTable;
use crate::store::restore::RestoreGate;
use crate::store::session::Session;
use crate::store::tables::{Tables, View};
use crate::store::transaction::{abort, begin, commit};
use crate::store::write::options::WriterOptions;
use crate::store::write::reclaim;
use crate::store::write::reclaim::{Removal, marked_trees, plan_removal};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Batches between two checks for work while the writer is busy.
const BATCHES_BETWEEN_LOOKS: u32 = 16;
/// Batches between two checks of the event log's retention.
const BATCHES_BETWEEN_TRIMS: u32 = 256;
/// Turns whose removals may remain unflushed.
const TURNS_BETWEEN_FLUSHES: u32 = 8;

/// A part of the store that background work could not read. It is tried again after the engine is
/// reopened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Unreadable {
    /// The operation, for example "removing the rows of tree 7".
    pub doing: String,
    /// The error.
    pub cause: String,
}

/// The state of background work: what is left to do, and what failed.
pub(in crate::store) struct Upkeep {
    enabled: bool,
    clock: Arc<dyn Clock>,
    retention: Retention,
    /// Whether the last turn found something to do.
    is_working: bool,
    /// Whether there may be something since the last turn.
    may_have_work: bool,
    batches: u32,
    batches_since_trim: u32,
    unflushed_turns: u32,
    counting: CountingState,
    left_out: LeftOut,
    unreadable: Arc<Mutex<Vec<Unreadable>>>,
    /// Set when a check has found nothing to do.
    is_idle: Arc<AtomicBool>,
}

/// How far the trees of a store of format 1 are counted.
#[derive(Default)]
struct CountingState {
    last: Option<Vec<u8>>,
    is_done: bool,
}

/// Failed work that is not tried again.
#[derive(Default)]
struct LeftOut {
    trees: BTreeSet<u64>,
    purges: BTreeSet<Vec<u8>>,
    counting: bool,
    trimming: bool,
    all: bool,
}

/// The next piece of work.
enum Plan {
    Remove(Removal),
    Purge(Purge),
    Count(Counting),
    Trim(Trim),
}

/// The subject of a piece of work, which is left out if it fails.
#[derive(Clone)]
enum UpkeepSubject {
    Tree(u64),
    Purge(Vec<u8>),
    Counting,
    Trimming,
    All,
}

impl Upkeep {
    pub(in crate::store) fn new(
        options: &WriterOptions,
        unreadable: Arc<Mutex<Vec<Unreadable>>>,
        is_idle: Arc<AtomicBool>,
    ) -> Self {
        Self {
            enabled: options.upkeep,
            clock: Arc::clone(&options.clock),
            retention: options.retention,
            is_working: options.upkeep,
            may_have_work: options.upkeep,
            batches: 0,
            batches_since_trim: BATCHES_BETWEEN_TRIMS,
            unflushed_turns: 0,
            counting: CountingState::default(),
            left_out: LeftOut::default(),
            unreadable,
            is_idle,
        }
    }

    /// Whether to use a pause between the callers' jobs.
    pub(in crate::store) fn is_due(&self) -> bool {
        self.is_working || self.may_have_work
    }

    /// Whether it has a turn after this batch.
    pub(in crate::store) fn wants_turn(&mut self, is_idle: bool) -> bool {
        if !self.enabled {
            return false;
        }
        if is_idle {
            return true;
        }
        self.may_have_work = true;
        self.is_idle.store(false, Ordering::SeqCst);
        self.batches = self.batches.wrapping_add(1);
        self.batches_since_trim = self.batches_since_trim.saturating_add(1);
        self.is_working || self.batches.is_multiple_of(BATCHES_BETWEEN_LOOKS)
    }

    /// Carries out one piece of work. An error ends the session.
    pub(in crate::store) fn turn(&mut self, session: &Arc<Session>) -> Result<(), String> {
        let mut subject = UpkeepSubject::All;
        match self.plan(session, &mut subject) {
            Ok(Some(plan)) => {
                self.is_working = true;
                self.carry_out(session, &plan, subject)
            }
            Ok(None) => {
                (self.is_working, self.may_have_work) = (false, false);
                self.is_idle.store(true, Ordering::SeqCst);
                Ok(())
            }
            Err(error) => self.leave_out(subject, &error),
        }
    }

    /// Finds work in a read transaction, and reads everything that it will touch. `subject` is the
    /// subject that was read when that failed. A store whose restore is unconfirmed is left
    /// unchanged.
    fn plan(
        &mut self,
        session: &Arc<Session>,
        subject: &mut UpkeepSubject,
    ) -> Result<Option<Plan>> {
        if self.left_out.all {
            return Ok(None);
        }
        let view = View::of(session)?;
        if RestoreGate::read(view.facts()?)? != RestoreGate::Open {
            return Ok(None);
        }
        for tree in marked_trees(&view)? {
            if !self.left_out.trees.contains(&tree) {
                *subject = UpkeepSubject::Tree(tree);
                return plan_removal(&view, tree).map(|removal| Some(Plan::Remove(removal)));
            }
        }
        *subject = UpkeepSubject::All;
        for row in view.purges()?.entries()? {
            let (did, range) = row?;
            if !self.left_out.purges.contains(did.value()) {
                *subject = UpkeepSubject::Purge(did.value().to_vec());
                let purge = plan_purge(&view, did.value(), range.value())?;
                return Ok(Some(Plan::Purge(purge)));
            }
        }
        *subject = UpkeepSubject::Counting;
        if let Some(counting) = self.plan_counting(&view)? {
            return Ok(Some(Plan::Count(counting)));
        }
        if self.left_out.trimming || self.batches_since_trim < BATCHES_BETWEEN_TRIMS {
            return Ok(None);
        }
        *subject = UpkeepSubject::Trimming;
        let trim = plan_trim(&view, &self.retention, self.clock.now_micros())?;
        if trim.is_none() {
            self.batches_since_trim = 0;
        }
        Ok(trim.map(Plan::Trim))
    }

    fn plan_counting(&mut self, view: &View) -> Result<Option<Counting>> {
        if self.counting.is_done || self.left_out.counting {
            return Ok(None);
        }
        self.counting.is_done = are_counted(view)?;
        if self.counting.is_done {
            return Ok(None);
        }
        plan_counting(view, self.counting.last.as_deref()).map(Some)
    }

    fn carry_out(
        &mut self,
        session: &Session,
        plan: &Plan,
        subject: UpkeepSubject,
    ) -> Result<(), String> {
        self.unflushed_turns += 1;
        let flushes = plan.is_last() || self.unflushed_turns >= TURNS_BETWEEN_FLUSHES;
        let txn = begin(session, flushes)?;
        let done = catch_unwind(AssertUnwindSafe(|| {
            let mut tables = Tables::open(&txn)?;
            plan.carry_out(&mut tables)
        }));
        let done = done.unwrap_or_else(|panic| Err(of_panic("of a removal", &*panic)));
        if let Err(error) = done {
            abort(txn)?;
            return self.leave_out(subject, &error);
        }
        commit(txn)?;
        if let Plan::Count(counting) = plan {
            self.counting.last.clone_from(&counting.last);
        }
        if flushes {
            self.unflushed_turns = 0;
        }
        Ok(())
    }

    fn leave_out(&mut self, subject: UpkeepSubject, error: &Error) -> Result<(), String> {
        if !matches!(error, Error::Corrupt(_) | Error::Problem(_) | Error::Syntax { .. }) {
            return Err(error.to_string());
        }
        let doing = match &subject {
            UpkeepSubject::Tree(tree) => format!("removing the rows of tree {tree}"),
            UpkeepSubject::Purge(did) => {
                format!("removing events of {}", String::from_utf8_lossy(did))
            }
            UpkeepSubject::Counting => "counting the blobs of accounts".to_owned(),
            UpkeepSubject::Trimming => "trimming the event log".to_owned(),
            UpkeepSubject::All => "looking for rows and events to remove".to_owned(),
        };
        match subject {
            UpkeepSubject::Tree(tree) => {
                self.left_out.trees.insert(tree);
            }
            UpkeepSubject::Purge(did) => {
                self.left_out.purges.insert(did);
            }
            UpkeepSubject::Counting => self.left_out.counting = true,
            UpkeepSubject::Trimming => self.left_out.trimming = true,
            UpkeepSubject::All => self.left_out.all = true,
        }
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        unreadable.push(Unreadable { doing, cause: error.to_string() });
        Ok(())
    }
}

impl Plan {
    /// Whether this is the last piece of its subject, so that the removal must become durable.
    fn is_last(&self) -> bool {
        match self {
            Self::Remove(removal) => removal.is_last(),
            Self::Purge(purge) => purge.is_last(),
            Self::Count(counting) => counting.is_last,
            Self::Trim(_) => false,
        }
    }

    fn carry_out(&self, tables: &mut Tables<'_>) -> Result<()> {
        match self {
            Self::Remove(removal) => reclaim::carry_out(tables, removal),
            Self::Purge(purge) => log::carry_out_purge(tables, purge),
            Self::Count(counting) => carry_out_counting(tables, counting),
            Self::Trim(trim) => log::carry_out_trim(tables, trim),
        }
    }
}

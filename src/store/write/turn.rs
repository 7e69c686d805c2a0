//! Runs many jobs in one transaction. A job under which the store fails is taken out, and the
//! others run again without it.

use crate::store::panics::{of_panic, panic_message};
use crate::store::session::Session;
use crate::store::tables::Tables;
use crate::store::transaction::{abort, begin, commit};
use crate::store::write::job::{Job, Ran};
use redb::WriteTransaction;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Maximum bytes of unflushed bulk: the next caller's flush has to write it too.
const UNFLUSHED_BYTES_MAX: usize = 16 << 20;

/// What is remembered of the last transactions.
#[derive(Default)]
pub(in crate::store) struct Pace {
    pub(in crate::store) last_flush: Duration,
    /// Jobs in the last transaction, bulk left out.
    pub(in crate::store) last_batch: usize,
    /// Whether there was nothing but bulk.
    pub(in crate::store) was_alone: bool,
    /// Bytes of bulk written since the last flush.
    pub(in crate::store) unflushed: usize,
}

/// The result of one attempt.
enum Tried {
    /// All is committed.
    Committed,
    /// The job at this place is the one that failed; nothing was written.
    Without(usize),
}

/// Runs a batch and returns the results to the callers. After an error it is unknown what is
/// durable, and the writer ends.
pub(in crate::store) fn turn(
    session: &Session,
    batch: Vec<Job>,
    pace: &mut Pace,
) -> Result<(), String> {
    if batch.is_empty() {
        return Ok(());
    }
    pace.unflushed += batch.iter().filter_map(|job| job.bulk).sum::<usize>();
    pace.was_alone = batch.iter().all(|job| job.bulk.is_some());
    let flushes = !pace.was_alone || pace.unflushed >= UNFLUSHED_BYTES_MAX;
    let mut jobs = batch;
    let start = Instant::now();
    while !jobs.is_empty() {
        match attempt(session, &mut jobs, flushes) {
            Ok(Tried::Committed) => break,
            Ok(Tried::Without(failed)) => jobs.remove(failed).finish(None),
            Err(cause) => {
                // Before the callers get the result.
                session.storage().freeze(&cause);
                for job in jobs {
                    job.finish(Some(&cause));
                }
                return Err(cause);
            }
        }
    }
    if flushes {
        pace.last_flush = start.elapsed();
        pace.unflushed = 0;
    }
    for job in jobs {
        job.finish(None);
    }
    Ok(())
}

fn attempt(session: &Session, jobs: &mut [Job], flushes: bool) -> Result<Tried, String> {
    let txn = begin(session, flushes)?;
    let running = Cell::new(0);
    let ran = catch_unwind(AssertUnwindSafe(|| run_jobs(&txn, jobs, &running)));
    let ran = match ran {
        Ok(ran) => ran?,
        Err(panic) => match jobs.get_mut(running.get()) {
            Some(job) => job.fail(of_panic("of a write", &*panic)),
            None => return Err(panic_message(&*panic)),
        },
    };
    match ran {
        Ran::Kept => commit(txn).map(|()| Tried::Committed),
        Ran::Failed => abort(txn).map(|()| Tried::Without(running.get())),
        Ran::Lost => Err("the database refuses to go on".to_owned()),
    }
}

/// Runs the jobs up to the first under which the store fails. `running` says which one.
fn run_jobs(
    txn: &WriteTransaction,
    jobs: &mut [Job],
    running: &Cell<usize>,
) -> Result<Ran, String> {
    let mut tables = Tables::open(txn).map_err(|error| error.to_string())?;
    for (index, job) in jobs.iter_mut().enumerate() {
        running.set(index);
        let ran = job.run(&mut tables);
        if ran != Ran::Kept {
            return Ok(ran);
        }
    }
    // A panic from here on is not a job's.
    running.set(jobs.len());
    Ok(Ran::Kept)
}

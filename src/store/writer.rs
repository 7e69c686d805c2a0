//! The one writer, with group commit: jobs queue, one flush makes all of them durable.

use super::log::{Retention, purge_some, trim_some};
use super::tables::Tables;
use super::{doom, floors, signal::Signal};
use crate::error::{Error, Result};
use crate::ident::Clock;
use crate::limits::STAGED_BYTES;
use redb::{Database, Durability};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Jobs that may wait for the writer; a caller beyond that waits to queue.
const QUEUE_JOBS_MAX: usize = 1024;
/// Jobs in one transaction: keeps a flush, and with it every caller's wait, short.
const BATCH_JOBS_MAX: usize = 512;
/// The longest that writes are gathered before they are flushed.
const GATHER_MAX: Duration = Duration::from_millis(5);
/// How long an idle writer sleeps between turns of background removal.
const IDLE: Duration = Duration::from_millis(200);

/// Bytes of bulk in one transaction, and while nobody else has a job. The job that passes the
/// limit is still in.
const BULK_BYTES: usize = STAGED_BYTES;
const BULK_BYTES_ALONE: usize = 4 * STAGED_BYTES;
/// Bulk that is written without a flush: the next caller's flush has that to write as well.
const UNFLUSHED_BYTES_MAX: usize = 16 << 20;

/// Turns between two looks at what the event log may drop.
const TURNS_BETWEEN_TRIMS: u32 = 256;

/// What the writer looks after by the way.
pub(crate) struct Upkeep {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retention: Retention,
    /// Rung when something has become durable.
    pub(crate) signal: Arc<Signal>,
}

/// The writer's front: any thread may hand it jobs.
pub(crate) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<String>>>,
}

/// A job looks at the tables, decides, and only then writes: what fails must not have written.
struct Job {
    apply: Box<dyn FnOnce(&mut Tables<'_>) -> Finish + Send>,
    /// For bulk: rows of a tree that nobody sees yet, so many bytes of them.
    bulk: Option<usize>,
}

/// Tells the caller, once the transaction is durable or has failed.
struct Finish {
    done: Box<dyn FnOnce(Result<(), String>) + Send>,
    /// The database itself failed under the job: the transaction cannot be kept.
    broken: Option<String>,
}

impl Writer {
    pub(crate) fn start(database: Arc<Database>, upkeep: Upkeep) -> Self {
        let (queue, jobs) = sync_channel(QUEUE_JOBS_MAX);
        let failure = Arc::new(Mutex::new(None));
        let told = Arc::clone(&failure);
        let thread = std::thread::spawn(move || {
            let _closing = Closing(Arc::clone(&upkeep.signal));
            if let Err(error) = run(&database, &jobs, &upkeep) {
                let mut failure = told.lock().unwrap_or_else(PoisonError::into_inner);
                *failure = Some(error.to_string());
            }
        });
        Self { queue: Some(queue), thread: Some(thread), failure }
    }

    /// Runs `work` in the next write transaction, and returns when that is durable.
    ///
    /// `work` must check first and write afterwards: what it wrote before returning an error of
    /// its own stays in a transaction that others share.
    ///
    /// While floors are awaited, `work` is not run: whatever writes passes this gate.
    pub(crate) fn submit<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.enqueue(work)?.wait()
    }

    /// As [`Writer::submit`], without waiting.
    fn enqueue<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<R> + Send + 'static,
    ) -> Result<Pending<R>> {
        self.queue(None, past_gate(work))
    }

    /// Queues `work` that writes so many bytes which nobody sees before a later job says so. When
    /// that job is durable, they are; until then they need not be. Others do not wait for more
    /// than one such job, or small ones of as many bytes.
    pub(crate) fn enqueue_bulk(
        &self,
        bytes: usize,
        work: impl FnOnce(&mut Tables<'_>) -> Result<()> + Send + 'static,
    ) -> Result<Pending<()>> {
        self.queue(Some(bytes), past_gate(work))
    }

    /// As [`Writer::submit`], for what opens the gate or closes it. Nothing else goes past it.
    pub(crate) fn submit_floors<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.queue(None, work)?.wait()
    }

    fn queue<R: Send + 'static>(
        &self,
        bulk: Option<usize>,
        work: impl FnOnce(&mut Tables<'_>) -> Result<R> + Send + 'static,
    ) -> Result<Pending<R>> {
        let (answer, answers) = sync_channel(1);
        let apply = move |tables: &mut Tables<'_>| {
            let result = work(tables);
            let broken = match &result {
                Err(error @ Error::Store(_)) => Some(error.to_string()),
                _ => None,
            };
            let done = move |flushed: Result<(), String>| {
                let result = match flushed {
                    Ok(()) => result,
                    Err(failure) => Err(result.err().unwrap_or(Error::Closed(failure))),
                };
                // A caller that has gone away does not want to know.
                let _ = answer.send(result);
            };
            Finish { done: Box::new(done), broken }
        };
        let queue = self.queue.as_ref().ok_or_else(|| self.closed())?;
        queue.send(Job { apply: Box::new(apply), bulk }).map_err(|_| self.closed())?;
        Ok(Pending { answers, failure: Arc::clone(&self.failure) })
    }

    fn closed(&self) -> Error {
        closed(&self.failure)
    }
}

/// What writes passes the gate, which is closed while floors are awaited.
fn past_gate<R>(
    work: impl FnOnce(&mut Tables<'_>) -> Result<R>,
) -> impl FnOnce(&mut Tables<'_>) -> Result<R> {
    move |tables| {
        floors::require_given(&tables.facts)?;
        work(tables)
    }
}

fn closed(failure: &Mutex<Option<String>>) -> Error {
    let failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
    Error::Closed(failure.clone().unwrap_or_else(|| "it has been closed".to_owned()))
}

/// A job that has been handed to the writer.
pub(crate) struct Pending<R> {
    answers: Receiver<Result<R>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl<R> Pending<R> {
    /// Waits until the job's transaction is durable.
    pub(crate) fn wait(self) -> Result<R> {
        self.answers.recv().map_err(|_| closed(&self.failure))?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It has told its failure already, if it had one.
            let _ = thread.join();
        }
    }
}

/// Tells those who wait that nothing more will come, however the thread ends.
struct Closing(Arc<Signal>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The writer's thread. After a failed flush nothing is known of what is durable: it ends.
fn run(database: &Database, jobs: &Receiver<Job>, upkeep: &Upkeep) -> Result<()> {
    let mut queue = Queue { jobs, bulk: VecDeque::new() };
    let mut pace = Pace::default();
    let mut removing = true;
    loop {
        let Some(batch) = queue.next_batch(&pace, removing) else { return Ok(()) };
        pace.last_batch = batch.iter().filter(|job| job.bulk.is_none()).count();
        removing = turn(database, batch, &mut pace, upkeep)?;
    }
}

/// What the last transactions tell about the next.
#[derive(Default)]
struct Pace {
    last_flush: Duration,
    /// Jobs in the last transaction, bulk left out.
    last_batch: usize,
    /// Whether nobody but bulk had a job.
    was_alone: bool,
    /// Bytes written since the last flush.
    unflushed: usize,
    turns: u32,
}

/// Jobs on their way to the writer. Bulk waits in a line of its own.
struct Queue<'a> {
    jobs: &'a Receiver<Job>,
    bulk: VecDeque<Job>,
}

impl Queue<'_> {
    /// The jobs of one transaction: all that have queued, and some bulk, or more of it if there is
    /// nothing else for the second time. No job if doomed rows are to be removed meanwhile; `None`
    /// at the end.
    fn next_batch(&mut self, pace: &Pace, removing: bool) -> Option<Vec<Job>> {
        let mut batch = Vec::new();
        if self.bulk.is_empty() {
            match receive(self.jobs, removing.then_some(IDLE / 200)) {
                Ok(job) => self.sort_in(job, &mut batch),
                Err(RecvTimeoutError::Timeout) => return Some(batch),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        self.gather(&mut batch, pace);
        let is_alone = batch.is_empty() && pace.was_alone;
        self.take_bulk(&mut batch, if is_alone { BULK_BYTES_ALONE } else { BULK_BYTES });
        Some(batch)
    }

    fn take_bulk(&mut self, batch: &mut Vec<Job>, most: usize) {
        let mut taken = 0;
        while let Some(job) = self.bulk.pop_front() {
            taken += job.bulk.unwrap_or_default();
            batch.push(job);
            if taken >= most || batch.len() >= BATCH_JOBS_MAX {
                return;
            }
        }
    }

    fn sort_in(&mut self, job: Job, batch: &mut Vec<Job>) {
        match job.bulk {
            None => batch.push(job),
            Some(_) => self.bulk.push_back(job),
        }
    }

    /// Takes what has queued. If the last batch had company, waits about as long as a flush takes
    /// for its callers to come back; a caller who is alone is not kept waiting, nor is bulk.
    fn gather(&mut self, batch: &mut Vec<Job>, pace: &Pace) {
        let jobs = self.jobs;
        for job in jobs.try_iter().take(BATCH_JOBS_MAX - 1) {
            self.sort_in(job, batch);
        }
        let deadline = Instant::now() + pace.last_flush.min(GATHER_MAX);
        while self.bulk.is_empty() && batch.len() < pace.last_batch && batch.len() < BATCH_JOBS_MAX
        {
            let left = deadline.saturating_duration_since(Instant::now());
            match jobs.recv_timeout(left) {
                Ok(job) => self.sort_in(job, batch),
                Err(_) => break,
            }
        }
    }
}

fn receive(jobs: &Receiver<Job>, wait: Option<Duration>) -> Result<Job, RecvTimeoutError> {
    match wait {
        Some(wait) => jobs.recv_timeout(wait),
        None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// One transaction. Says whether doomed rows are left to remove.
fn turn(database: &Database, batch: Vec<Job>, pace: &mut Pace, upkeep: &Upkeep) -> Result<bool> {
    let mut finishes = Vec::with_capacity(batch.len());
    let outcome = apply(database, batch, &mut finishes, pace, upkeep);
    let told = outcome.as_ref().map(|_| ()).map_err(ToString::to_string);
    for finish in finishes {
        (finish.done)(told.clone());
    }
    upkeep.signal.ring();
    outcome
}

fn apply(
    database: &Database,
    batch: Vec<Job>,
    finishes: &mut Vec<Finish>,
    pace: &mut Pace,
    upkeep: &Upkeep,
) -> Result<bool> {
    let mut txn = database.begin_write()?;
    // Opening after a crash takes milliseconds instead of a scan of the file.
    txn.set_quick_repair(true);
    let busy = !batch.is_empty();
    pace.unflushed += batch.iter().filter_map(|job| job.bulk).sum::<usize>();
    let is_bulk = busy && batch.iter().all(|job| job.bulk.is_some());
    pace.was_alone = is_bulk;
    let flushes = !is_bulk || pace.unflushed >= UNFLUSHED_BYTES_MAX;
    if !flushes {
        txn.set_durability(Durability::None)?;
    }
    let mut tables = Tables::open(&txn)?;
    for job in batch {
        let mut finish = (job.apply)(&mut tables);
        let broken = finish.broken.take();
        finishes.push(finish);
        if let Some(failure) = broken {
            return Err(Error::Closed(failure));
        }
    }
    let removed = look_after(&mut tables, pace, upkeep)?;
    drop(tables);
    if !busy && removed == 0 {
        txn.abort()?;
        return Ok(false);
    }
    let start = Instant::now();
    txn.commit()?;
    if flushes {
        pace.last_flush = start.elapsed();
        pace.unflushed = 0;
    }
    Ok(removed > 0)
}

/// A turn of removal: doomed rows, purged events, events past their time. A store that awaits its
/// floors is left as it is.
fn look_after(tables: &mut Tables<'_>, pace: &mut Pace, upkeep: &Upkeep) -> Result<usize> {
    match floors::awaited(&tables.facts) {
        Ok(None) => {}
        // What cannot be read refuses writes too, and costs nobody the reads.
        Ok(Some(_)) | Err(Error::Corrupt(_)) => return Ok(0),
        Err(error) => return Err(error),
    }
    let mut removed = doom::remove_some(tables)? + unless_damaged(purge_some(tables))?;
    if pace.turns.is_multiple_of(TURNS_BETWEEN_TRIMS) {
        let now = upkeep.clock.now_micros();
        let trimmed = unless_damaged(trim_some(tables, &upkeep.retention, now))?;
        removed += trimmed;
        if trimmed > 0 {
            // There may be more: look again next time.
            return Ok(removed);
        }
    }
    pace.turns = pace.turns.wrapping_add(1);
    Ok(removed)
}

/// A damaged log is not to keep anybody from writing: what cannot be tidied stays.
fn unless_damaged(removed: Result<usize>) -> Result<usize> {
    match removed {
        Err(Error::Corrupt(_)) => Ok(0),
        other => other,
    }
}

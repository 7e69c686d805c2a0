//! The handle of the writer, its thread, and the order of its jobs.

use crate::error::{Error, Result};
use crate::limits::STAGED_BYTES;
use crate::store::restore::RestoreGate;
use crate::store::session::Session;
use crate::store::tables::Tables;
use crate::store::write::job::{Job, Pending};
use crate::store::write::notify::Notify;
use crate::store::write::options::WriterOptions;
use crate::store::write::turn::{Pace, turn};
use crate::store::write::upkeep::{Unreadable, Upkeep};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Maximum number of queued jobs; further callers wait to queue.
const QUEUE_JOBS_MAX: usize = 1024;
/// Maximum number of jobs in one transaction: keeps a flush, and every caller's wait, short.
const BATCH_JOBS_MAX: usize = 512;
/// The longest that a batch waits for further jobs before its flush.
const BATCH_WAIT_MAX: Duration = Duration::from_millis(5);
/// How long the writer waits for a job before a turn of background work.
const PAUSE: Duration = Duration::from_millis(1);

/// Bytes of bulk jobs in one transaction, while no other job waits. The job that passes the limit
/// is included.
const BULK_BYTES: usize = STAGED_BYTES;
const BULK_BYTES_ALONE: usize = 4 * STAGED_BYTES;

/// The handle of the writer: any thread can submit jobs.
pub(crate) struct StoreWriter {
    queue: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    session: Arc<Session>,
    unreadable: Arc<Mutex<Vec<Unreadable>>>,
    is_idle: Arc<AtomicBool>,
    refusal: Option<String>,
}

impl StoreWriter {
    pub(crate) fn start(session: Arc<Session>, options: WriterOptions) -> Self {
        let (queue, jobs) = sync_channel(QUEUE_JOBS_MAX);
        let unreadable = Arc::new(Mutex::new(Vec::new()));
        let is_idle = Arc::new(AtomicBool::new(!options.upkeep));
        let mut upkeep = Upkeep::new(&options, Arc::clone(&unreadable), Arc::clone(&is_idle));
        let of_thread = Arc::clone(&session);
        let refusal = options.refusal.clone();
        let thread = std::thread::spawn(move || {
            let _closing = Closing(Arc::clone(&options.notify));
            let work = || run(&of_thread, &jobs, &options, &mut upkeep);
            // Panics are caught where they can be handled; this is the last resort.
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                of_thread.storage().freeze("the writer's thread panicked");
            }
        });
        Self {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
            session,
            unreadable,
            is_idle,
            refusal,
        }
    }

    /// Returns the error that every job would get in a read-only store.
    pub(crate) fn require_writable(&self) -> Result<()> {
        self.refusal.clone().map_or(Ok(()), |why| Err(Error::ReadOnly(why)))
    }

    /// Runs `work` in the next write transaction, and returns when that is durable.
    ///
    /// `work` must check first and write afterwards: what it wrote before returning an error of
    /// its own stays in a transaction that others share. It may be run several times.
    ///
    /// While a restore is unconfirmed, `work` is not run.
    pub(crate) fn submit<R: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tables<'_>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.queue(None, gated(work))?.wait()
    }

    /// Queues `work` that writes this number of bytes, in rows that readers do not see before a
    /// later job publishes them. They are durable when that job is, and need not be before. Other
    /// jobs wait for at most one such job, or for small ones of as many bytes.
    pub(crate) fn enqueue_bulk(
        &self,
        bytes: usize,
        work: impl FnMut(&mut Tables<'_>) -> Result<()> + Send + 'static,
    ) -> Result<Pending<()>> {
        self.queue(Some(bytes), gated(work))
    }

    /// As [`StoreWriter::submit`], for jobs that open or close the restore gate, and only those.
    pub(crate) fn submit_ungated<R: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tables<'_>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.queue(None, work)?.wait()
    }

    /// Runs the queued jobs and ends the thread. Later jobs fail. On the writer's own thread it
    /// returns immediately.
    pub(crate) fn stop(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A job may own the last handle of the engine: its thread then ends by itself.
        let thread = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        if let Some(thread) = thread {
            // The thread has reported its failure.
            let _ = thread.join();
        }
    }

    /// Whether no background work is left, except for unreadable data.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_idle.load(Ordering::SeqCst)
    }

    /// What background work could not read.
    pub(crate) fn unreadable(&self) -> Vec<Unreadable> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn queue<R: Send + 'static>(
        &self,
        bulk: Option<usize>,
        work: impl FnMut(&mut Tables<'_>) -> Result<R> + Send + 'static,
    ) -> Result<Pending<R>> {
        self.require_writable()?;
        let session = Arc::clone(&self.session);
        let (job, pending) = Job::new(bulk, work, move || gone(&session));
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or_else(|| gone(&self.session))?;
        queue.send(job).map_err(|_| gone(&self.session))?;
        Ok(pending)
    }
}

impl Drop for StoreWriter {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The error after the writer has ended.
fn gone(session: &Session) -> Error {
    match session.storage().failure() {
        Some(cause) if session.storage().is_frozen() => Error::Reopen(cause),
        _ => session.check().err().unwrap_or_else(|| Error::Closed("the engine is closing".into())),
    }
}

/// Runs `work` only if the restore gate is open.
fn gated<R>(
    mut work: impl FnMut(&mut Tables<'_>) -> Result<R>,
) -> impl FnMut(&mut Tables<'_>) -> Result<R> {
    move |tables| {
        RestoreGate::read(&tables.facts)?.require_open()?;
        work(tables)
    }
}

/// Notifies waiting threads that the writer has ended, however that happens.
struct Closing(Arc<Notify>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The writer's thread. After a failure of the database it is unknown what is durable: the thread
/// ends, and nothing more is written to the file.
fn run(session: &Arc<Session>, jobs: &Receiver<Job>, options: &WriterOptions, upkeep: &mut Upkeep) {
    let mut queue = Queue { jobs, bulk: VecDeque::new() };
    let mut pace = Pace::default();
    while let Some(batch) = queue.next_batch(&pace, upkeep.is_due()) {
        pace.last_batch = batch.iter().filter(|job| job.bulk.is_none()).count();
        let is_idle = batch.is_empty();
        let mut done = turn(session, batch, &mut pace);
        options.notify.notify();
        if done.is_ok() && upkeep.wants_turn(is_idle) {
            done = upkeep.turn(session);
        }
        if let Err(cause) = done {
            session.storage().freeze(&cause);
            queue.fail(&cause);
            return;
        }
    }
}

/// The queued jobs. Bulk jobs have a queue of their own.
struct Queue<'a> {
    jobs: &'a Receiver<Job>,
    bulk: VecDeque<Job>,
}

impl Queue<'_> {
    /// The jobs of one transaction: all queued ones and some bulk, or more bulk if there was
    /// nothing else twice. No job if background work is due first; `None` at the end.
    fn next_batch(&mut self, pace: &Pace, is_due: bool) -> Option<Vec<Job>> {
        let mut batch = Vec::new();
        if self.bulk.is_empty() {
            match receive(self.jobs, is_due.then_some(PAUSE)) {
                Ok(job) => self.sort_in(job, &mut batch),
                Err(RecvTimeoutError::Timeout) => return Some(batch),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        self.fill_batch(&mut batch, pace);
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

    /// Takes the queued jobs. If the last batch had several, it waits about as long as a flush
    /// takes for their callers to return; a single caller and bulk do not wait.
    fn fill_batch(&mut self, batch: &mut Vec<Job>, pace: &Pace) {
        let jobs = self.jobs;
        for job in jobs.try_iter().take(BATCH_JOBS_MAX - 1) {
            self.sort_in(job, batch);
        }
        let deadline = Instant::now() + pace.last_flush.min(BATCH_WAIT_MAX);
        while self.bulk.is_empty() && batch.len() < pace.last_batch && batch.len() < BATCH_JOBS_MAX
        {
            let left = deadline.saturating_duration_since(Instant::now());
            match jobs.recv_timeout(left) {
                Ok(job) => self.sort_in(job, batch),
                Err(_) => break,
            }
        }
    }

    /// Fails all queued jobs.
    fn fail(&mut self, cause: &str) {
        for job in self.bulk.drain(..).chain(self.jobs.try_iter()) {
            job.finish(Some(cause));
        }
    }
}

fn receive(jobs: &Receiver<Job>, wait: Option<Duration>) -> Result<Job, RecvTimeoutError> {
    match wait {
        Some(wait) => jobs.recv_timeout(wait),
        None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

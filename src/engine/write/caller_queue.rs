//! A queue of callers for each account, so that no caller loses race after race. No lock is held
//! while a caller prepares or signs: a slow one is overtaken.

use crate::ident::Did;
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// How long a caller waits for its predecessor. A commit takes some milliseconds; with a remote
/// signer, some hundred.
const PATIENCE: Duration = Duration::from_millis(250);
/// The maximum wait if the predecessor has shown that it takes longer.
const PATIENCE_MAX: Duration = Duration::from_secs(5);

/// The queues of the accounts that are being written.
#[derive(Debug, Default)]
pub(in crate::engine) struct WriteLines {
    lines: Mutex<HashMap<Did, Line>>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Line {
    next: u64,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    thread: ThreadId,
    /// How long its last attempt took, if it lost the race.
    took: Duration,
}

/// A place in a queue, held until it is dropped.
pub(in crate::engine) struct QueuePlace<'a> {
    lines: &'a WriteLines,
    did: &'a Did,
    ticket: u64,
}

impl WriteLines {
    /// Waits until earlier callers have written, or have taken too long.
    pub(in crate::engine) fn join<'a>(&'a self, did: &'a Did) -> QueuePlace<'a> {
        let mut lines = self.lock();
        let line = lines.entry(did.clone()).or_default();
        let ticket = line.next;
        line.next += 1;
        let thread = std::thread::current().id();
        // A signer that writes to the same account must not wait for itself.
        let is_nested = line.waiting.iter().any(|other| other.thread == thread);
        line.waiting.push_back(Waiting { ticket, thread, took: Duration::ZERO });
        let place = QueuePlace { lines: self, did, ticket };
        if !is_nested {
            self.wait(lines, did, ticket);
        }
        place
    }

    /// Waits for the caller at the front, again each time the front changes.
    fn wait(&self, mut lines: MutexGuard<'_, HashMap<Did, Line>>, did: &Did, ticket: u64) {
        let mut front = None;
        let mut since = Instant::now();
        loop {
            let Some(first) = lines.get(did).and_then(|line| line.waiting.front()) else { return };
            if first.ticket >= ticket {
                return;
            }
            if front != Some(first.ticket) {
                (front, since) = (Some(first.ticket), Instant::now());
            }
            let patience = (first.took * 2).clamp(PATIENCE, PATIENCE_MAX);
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                return;
            }
            let waited = self.moved.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Did, Line>> {
        // No update under this lock can be interrupted halfway.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueuePlace<'_> {
    /// Records the duration of a lost attempt: callers behind it wait longer for its next one.
    pub(in crate::engine) fn lost(&self, took: Duration) {
        let mut lines = self.lines.lock();
        let line = lines.get_mut(self.did).map(|line| line.waiting.iter_mut());
        if let Some(waiting) = line.and_then(|mut line| line.find(|w| w.ticket == self.ticket)) {
            waiting.took = took;
        }
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        let mut lines = self.lines.lock();
        if let Some(line) = lines.get_mut(self.did) {
            line.waiting.retain(|waiting| waiting.ticket != self.ticket);
            if line.waiting.is_empty() {
                lines.remove(self.did);
            }
        }
        self.lines.moved.notify_all();
    }
}

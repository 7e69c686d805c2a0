//! Wakes those who wait for something to become durable.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A notification with a counter, so that none is missed between a check and a wait.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    state: Mutex<NotifyState>,
    rung: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct NotifyState {
    count: u64,
    closed: bool,
}

impl Notify {
    /// Something has become durable.
    pub(crate) fn notify(&self) {
        self.change(|state| state.count = state.count.wrapping_add(1));
    }

    /// Nothing will become durable any more.
    pub(crate) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// The number of notifications; read it before the check.
    pub(crate) fn count(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Waits until the number is above `seen`, the notification is closed, or the time is over.
    /// Returns whether there may be further notifications.
    pub(crate) fn wait(&self, seen: u64, timeout: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let still = |state: &mut NotifyState| state.count == seen && !state.closed;
        let waited = self.rung.wait_timeout_while(state, timeout, still);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.closed
    }

    fn change(&self, change: impl FnOnce(&mut NotifyState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.rung.notify_all();
    }
}

//! Wakes threads that wait for something to become durable.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Counts notifications, so that none is missed between a check and a wait.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    state: Mutex<NotifyState>,
    changed: Condvar,
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

    /// The number of notifications so far; read it before looking.
    pub(crate) fn count(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Waits for a notification after the first `seen`, for the close, or for the timeout. Returns
    /// whether further notifications may come.
    pub(crate) fn wait(&self, seen: u64, timeout: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let still = |state: &mut NotifyState| state.count == seen && !state.closed;
        let waited = self.changed.wait_timeout_while(state, timeout, still);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.closed
    }

    fn change(&self, change: impl FnOnce(&mut NotifyState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

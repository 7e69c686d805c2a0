//! Tests whose findings depend on how busy the process is: how many writes share a flush, and whether
//! one caller waits for another. They are a binary of their own, so that the tests of behaviour
//! (`tests/it/`) do not run beside them, and take turns.

#[path = "../common/mod.rs"]
mod common;

mod group_commit;
mod stalls;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by a test as long as it runs. One that fails does not make the others fail.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

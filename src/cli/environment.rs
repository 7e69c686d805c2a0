//! The clock and the random numbers of all commands. No other file of the command line names the
//! system's, but the benchmarks.

#[cfg(debug_assertions)]
use crate::cli::seeded::{seeded_clock, seeded_random};
use carrack::engine::Options;
use carrack::env::{Clock, Random, SystemClock, SystemRandom};
use std::sync::{Arc, LazyLock};

static CLOCK: LazyLock<Arc<dyn Clock>> =
    LazyLock::new(|| seeded_clock().unwrap_or_else(|| Arc::new(SystemClock)));

/// One sequence for all commands of a process: no two draws are of the same numbers.
static RANDOM: LazyLock<Arc<dyn Random>> =
    LazyLock::new(|| seeded_random().unwrap_or_else(|| Arc::new(SystemRandom)));

/// The clock of all commands.
pub(in crate::cli) fn clock() -> Arc<dyn Clock> {
    Arc::clone(&CLOCK)
}

/// The random numbers of all commands, fit for keys.
pub(in crate::cli) fn random() -> Arc<dyn Random> {
    Arc::clone(&RANDOM)
}

/// The options of an engine with this clock and these random numbers.
pub(in crate::cli) fn engine_options() -> Options {
    Options::default().clock(clock()).random(random())
}

#[cfg(not(debug_assertions))]
fn seeded_clock() -> Option<Arc<dyn Clock>> {
    None
}

#[cfg(not(debug_assertions))]
fn seeded_random() -> Option<Arc<dyn Random>> {
    None
}

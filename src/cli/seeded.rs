//! A clock and random numbers that a test determines, so that transcripts can be compared. This
//! file is compiled only with debug assertions: keys of a release binary cannot be predicted.

use carrack::env::{Clock, ManualClock, Random, SeededRandom};
use std::sync::Arc;

/// The seed of all random numbers, a whole number.
const SEED: &str = "CARRACK_TEST_SEED";
/// The time at which the clock stands, in microseconds since 1970.
const NOW: &str = "CARRACK_TEST_NOW";

/// The clock that a test has set.
pub(in crate::cli) fn seeded_clock() -> Option<Arc<dyn Clock>> {
    Some(Arc::new(ManualClock::new(number(NOW)?)))
}

/// The random numbers that a test has seeded.
pub(in crate::cli) fn seeded_random() -> Option<Arc<dyn Random>> {
    Some(Arc::new(SeededRandom::new(number(SEED)?)))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

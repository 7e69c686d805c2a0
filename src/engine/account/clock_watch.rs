//! Detects a clock that jumps ahead. A signed revision cannot be taken back.

use crate::env::Clock;
use crate::error::{Error, Result};
use crate::event::Timestamp;
use crate::limits::CLOCK_DRIFT_MAX_MICROS;
use std::sync::{Mutex, PoisonError};

/// The clock's time when the engine was opened or its time was last accepted.
pub(in crate::engine) struct ClockWatch(Mutex<Start>);

#[derive(Clone, Copy)]
struct Start {
    wall_micros: u64,
    monotonic_micros: u64,
}

impl Start {
    fn now(clock: &dyn Clock) -> Self {
        Self { wall_micros: clock.now_micros(), monotonic_micros: clock.monotonic_micros() }
    }
}

impl ClockWatch {
    pub(in crate::engine) fn start(clock: &dyn Clock) -> Self {
        Self(Mutex::new(Start::now(clock)))
    }

    pub(in crate::engine) fn accept(&self, clock: &dyn Clock) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Start::now(clock);
    }

    /// Returns an error if the time of day has advanced further than the elapsed time, by more than
    /// the allowed drift.
    pub(in crate::engine) fn check(&self, clock: &dyn Clock) -> Result<()> {
        let start = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Start::now(clock);
        let passed = now.monotonic_micros.saturating_sub(start.monotonic_micros);
        let told = now.wall_micros.saturating_sub(start.wall_micros);
        match told.saturating_sub(passed) {
            ahead if ahead > CLOCK_DRIFT_MAX_MICROS => Err(Error::ClockJumped {
                seconds: ahead / 1_000_000,
                now: Timestamp::from_micros(now.wall_micros),
            }),
            _ => Ok(()),
        }
    }
}

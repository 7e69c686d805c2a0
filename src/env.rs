//! Time and randomness. Both are handed in, so that tests and simulations repeat exactly.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970, UTC.
    fn now_micros(&self) -> u64;

    /// Microseconds since some moment, which go on as time passes, whatever is done to the time of
    /// day. An engine compares both, and signs nothing once the time of day has jumped ahead.
    ///
    /// A clock that has nothing of the kind tells the time of day here; then no jump is noticed.
    fn monotonic_micros(&self) -> u64 {
        self.now_micros()
    }
}

/// The machine's clock. Nothing else in this crate asks the system for the time.
///
/// ```
/// use carrack::env::{Clock, SystemClock};
/// assert!(SystemClock.now_micros() > 1_700_000_000_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// A machine that believes to be before 1970 answers 0.
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    fn now_micros(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// Since this process asked first. Most systems leave out the time for which the machine was
    /// suspended.
    fn monotonic_micros(&self) -> u64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is told otherwise, for tests and simulations.
///
/// ```
/// use carrack::env::{Clock, ManualClock};
/// let clock = ManualClock::new(1_700_000_000_000_000);
/// clock.advance(5);
/// assert_eq!(clock.now_micros(), 1_700_000_000_000_005);
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    micros: AtomicU64,
    passed: AtomicU64,
}

impl ManualClock {
    /// A clock at this microsecond since 1970.
    pub fn new(micros: u64) -> Self {
        Self { micros: AtomicU64::new(micros), passed: AtomicU64::new(0) }
    }

    /// Sets the time of day, back or forth. No time passes.
    pub fn set(&self, micros: u64) {
        self.micros.store(micros, Ordering::SeqCst);
    }

    /// Lets so many microseconds pass.
    pub fn advance(&self, micros: u64) {
        self.micros.fetch_add(micros, Ordering::SeqCst);
        self.passed.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> u64 {
        self.micros.load(Ordering::SeqCst)
    }

    fn monotonic_micros(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now_micros(&self) -> u64 {
        (**self).now_micros()
    }

    fn monotonic_micros(&self) -> u64 {
        (**self).monotonic_micros()
    }
}

/// Gives random bytes.
pub trait Random: Send + Sync {
    /// Fills `out`.
    ///
    /// # Errors
    /// If the source fails; `out` must then not be used.
    fn fill(&self, out: &mut [u8]) -> io::Result<()>;
}

/// The operating system's source, fit for keys.
///
/// ```
/// use carrack::env::{Random, SystemRandom};
/// let (mut a, mut b) = ([0; 32], [0; 32]);
/// SystemRandom.fill(&mut a)?;
/// SystemRandom.fill(&mut b)?;
/// assert_ne!(a, b);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) -> io::Result<()> {
        getrandom::fill(out).map_err(|error| io::Error::other(error.to_string()))
    }
}

/// A sequence that a seed determines (`SplitMix64`), for tests and simulations. **Not for keys**:
/// a few bytes of it give away the rest.
///
/// ```
/// use carrack::env::{Random, SeededRandom};
/// let (mut a, mut b) = ([0; 20], [0; 20]);
/// SeededRandom::new(7).fill(&mut a)?;
/// SeededRandom::new(7).fill(&mut b)?;
/// assert_eq!(a, b);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct SeededRandom(Mutex<SplitMix64>);

impl SeededRandom {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(SplitMix64::seed_from_u64(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, out: &mut [u8]) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(out);
        Ok(())
    }
}

impl<T: Random + ?Sized> Random for Arc<T> {
    fn fill(&self, out: &mut [u8]) -> io::Result<()> {
        (**self).fill(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_bytes_are_those_of_splitmix64() {
        // The first outputs of the reference generator for seed 1234567.
        let mut out = [0; 16];
        SeededRandom::new(1_234_567).fill(&mut out).unwrap();
        let expected = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973];
        assert_eq!(out[..], expected.map(u64::to_le_bytes).concat());
    }
}

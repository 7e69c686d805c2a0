//! Time and randomness. Both are parameters, so that tests and simulations are reproducible.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970, UTC.
    fn now_micros(&self) -> u64;

    /// Microseconds since an arbitrary start, which grow with elapsed time even if the time of day
    /// is set. An engine compares both, and signs nothing after the time of day has jumped ahead.
    ///
    /// A clock without such a value may return the time of day; jumps are not detected then.
    fn monotonic_micros(&self) -> u64 {
        self.now_micros()
    }
}

/// The machine's clock: the only place where this crate reads the system's time.
///
/// ```
/// use carrack::env::{Clock, SystemClock};
/// assert!(SystemClock.now_micros() > 1_700_000_000_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// 0 if the machine's date is before 1970.
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    fn now_micros(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// Microseconds since the first call in this process. Most systems exclude the time during
    /// which the machine was suspended.
    fn monotonic_micros(&self) -> u64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A clock that changes only when it is set, for tests and simulations.
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

    /// Sets the time of day, in microseconds since 1970. The monotonic time does not change.
    pub fn set(&self, micros: u64) {
        self.micros.store(micros, Ordering::SeqCst);
    }

    /// Advances both times, in microseconds.
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

/// A source of random bytes.
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

/// A sequence determined by a seed (`SplitMix64`), for tests and simulations. **Not for keys**: a
/// few of its bytes reveal the rest.
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

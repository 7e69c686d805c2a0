use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng};

/// Numbers that a seed determines.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Rng(SplitMix64);

impl Rng {
    pub(in crate::cli) fn new(seed: u64) -> Self {
        Self(SplitMix64::seed_from_u64(seed))
    }

    /// A number below `limit`.
    pub(in crate::cli) fn below(&mut self, limit: u64) -> u64 {
        self.0.next_u64() % limit.max(1)
    }

    /// Bytes, each of a number of its own.
    pub(in crate::cli) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.0.next_u64().to_le_bytes()[0])
    }
}

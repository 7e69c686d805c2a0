/// Counts steps in tests, and nothing otherwise.
#[derive(Default)]
pub(in crate::verify) struct Steps(#[cfg(test)] std::sync::atomic::AtomicU64);

impl Steps {
    #[inline]
    #[allow(clippy::unused_self, reason = "tests count")]
    pub(in crate::verify) fn add(&self) {
        #[cfg(test)]
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(in crate::verify) fn count(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

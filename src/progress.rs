//! Progress of long calls.

use std::fmt;

/// Receives the progress of a long call: a backup, a compaction, a scrub, a move.
///
/// The reported number grows, several times a second to once in some seconds. Each call documents
/// its unit. Reports come from the working thread, which waits for them.
///
/// ```
/// use carrack::{Engine, Progress};
/// use std::sync::atomic::{AtomicU64, Ordering};
/// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
/// let engine = Engine::in_memory()?;
/// let bytes = AtomicU64::new(0);
/// let see = |copied| bytes.store(copied, Ordering::Relaxed);
/// let done = engine.backup(folder.path().join("backup.redb"), Progress::to(&see))?;
/// assert_eq!(bytes.into_inner(), done.bytes);
/// engine.scrub(Progress::none())?;
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Copy, Default)]
pub struct Progress<'a>(Option<&'a (dyn Fn(u64) + Sync)>);

impl<'a> Progress<'a> {
    /// Calls `see` with the present number.
    pub fn to(see: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self(Some(see))
    }

    /// Ignores the progress.
    pub fn none() -> Self {
        Self(None)
    }

    pub(crate) fn report(self, done: u64) {
        if let Some(see) = self.0 {
            see(done);
        }
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Progress::to(..)" } else { "Progress::none()" })
    }
}

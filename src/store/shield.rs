//! A read-only view of a storage: what the database writes to open, to repair and to close stays in
//! memory, and its locks are shared with other readers.

use crate::limits::READ_ONLY_PAGES_BYTES_MAX;
use redb::{BackendError, StorageBackend};
use std::collections::BTreeMap;
use std::io;
use std::ops::{Bound, Range};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Bytes that are kept together once one of them is written.
const PAGE: usize = 4096;

/// A storage over another one, which stays unchanged.
#[derive(Debug)]
pub(crate) struct Shield<B> {
    below: B,
    written: RwLock<WrittenPages>,
    /// Maximum bytes of written pages.
    bytes_max: usize,
}

/// The written pages.
#[derive(Debug)]
struct WrittenPages {
    len: u64,
    /// This much of the storage below was never cut off.
    below_len: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl WrittenPages {
    /// Whether no byte of a range was ever written.
    fn is_below(&self, start: u64, end: u64) -> bool {
        let page = PAGE as u64;
        end <= self.below_len && self.pages.range(start / page..end.div_ceil(page)).next().is_none()
    }
}

impl<B: StorageBackend> Shield<B> {
    pub(crate) fn over(below: B) -> io::Result<Self> {
        let len = below.len()?;
        let written = WrittenPages { len, below_len: len, pages: BTreeMap::new() };
        let (written, bytes_max) = (RwLock::new(written), READ_ONLY_PAGES_BYTES_MAX);
        Ok(Self { below, written, bytes_max })
    }

    fn written(&self) -> RwLockReadGuard<'_, WrittenPages> {
        self.written.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn written_mut(&self) -> RwLockWriteGuard<'_, WrittenPages> {
        self.written.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a shared lock, and from then on looks at what the storage below has now: before the lock
    /// a writer may have changed its length.
    fn locked(
        &self,
        lock: impl FnOnce() -> Result<bool, BackendError>,
    ) -> Result<bool, BackendError> {
        if !lock()? {
            return Ok(false);
        }
        let mut written = self.written_mut();
        if written.pages.is_empty() && written.len == written.below_len {
            written.len = self.below.len()?;
            written.below_len = written.len;
        }
        Ok(true)
    }

    /// A page as the storage below has it, zeros behind its end.
    fn page(&self, number: u64, below_len: u64) -> io::Result<Vec<u8>> {
        let start = number * PAGE as u64;
        let there = below_len.saturating_sub(start).min(PAGE as u64);
        let mut page = vec![0; usize::try_from(there).map_err(io::Error::other)?];
        if !page.is_empty() {
            self.below.read(start, &mut page)?;
        }
        page.resize(PAGE, 0);
        Ok(page)
    }
}

/// The pages that a range touches: number, place within the page, part of the range.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, Range<usize>, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let left = length.checked_sub(done).filter(|left| *left > 0)?;
        let at = offset + done as u64;
        let within = usize::try_from(at % PAGE as u64).unwrap_or_default();
        let count = (PAGE - within).min(left);
        let part = done..done + count;
        done += count;
        Some((at / PAGE as u64, within..within + count, part))
    })
}

/// Copies a part of one buffer to a part of another; both parts have the same length.
fn copy(from: &[u8], of: Range<usize>, to: &mut [u8], at: Range<usize>) {
    if let (Some(from), Some(to)) = (from.get(of), to.get_mut(at)) {
        to.copy_from_slice(from);
    }
}

impl<B: StorageBackend> StorageBackend for Shield<B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > written.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if end.is_some_and(|end| written.is_below(offset, end)) {
            return self.below.read(offset, out);
        }
        for (number, within, part) in parts(offset, out.len()) {
            match written.pages.get(&number) {
                Some(page) => copy(page, within, out, part),
                None => copy(&self.page(number, written.below_len)?, within, out, part),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written_mut();
        // What lies behind the new end is zero if the storage grows again.
        written.below_len = written.below_len.min(len);
        written.pages.split_off(&len.div_ceil(PAGE as u64));
        let kept = usize::try_from(len % PAGE as u64).unwrap_or_default();
        if let Some(page) = written.pages.get_mut(&(len / PAGE as u64)) {
            page.iter_mut().skip(kept).for_each(|byte| *byte = 0);
        }
        written.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written_mut();
        let below_len = written.below_len;
        for (number, within, part) in parts(offset, data.len()) {
            if let Some(page) = written.pages.get_mut(&number) {
                copy(data, part, page, within);
                continue;
            }
            if (written.pages.len() + 1) * PAGE > self.bytes_max {
                return Err(too_much(self.bytes_max));
            }
            let mut page = self.page(number, below_len)?;
            copy(data, part, &mut page, within);
            written.pages.insert(number, page);
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.below.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.try_lock_shared_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        if is_left_free(start, end) {
            return Ok(true);
        }
        self.locked(|| self.below.try_lock_shared_range(start, end))
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.lock_shared_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if is_left_free(start, end) {
            return Ok(());
        }
        self.locked(|| self.below.lock_shared_range(start, end).map(|()| true)).map(drop)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if is_left_free(start, end) {
            return Ok(());
        }
        self.below.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.below.query_lock_range(start, end)
    }
}

/// Whether a range of locks is not taken. The database locks the whole storage in three ranges. The
/// one from the start holds the byte by which readers look for a writer that shares the file: a
/// lock on it would refuse other readers. The other two exclude every writer.
fn is_left_free(start: Bound<u64>, end: Bound<u64>) -> bool {
    start == Bound::Unbounded && end != Bound::Unbounded
}

fn too_much(limit: usize) -> io::Error {
    io::Error::other(format!(
        "opening the store read-only takes more than {} MiB of repair in memory; open it once for \
         writing",
        limit >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;

    /// A storage that holds these bytes, and panics when it is written to.
    #[derive(Debug)]
    struct Frozen(Vec<u8>);

    impl StorageBackend for Frozen {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let offset = usize::try_from(offset).unwrap();
            out.copy_from_slice(&self.0[offset..offset + out.len()]);
            Ok(())
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            panic!("written to")
        }

        fn sync_data(&self) -> io::Result<()> {
            panic!("written to")
        }

        fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
            panic!("written to")
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write(usize, usize, u8),
        SetLen(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let write = (0..30_000_usize, 0..9_000_usize, 1..=255_u8);
        prop_oneof![
            4 => write.prop_map(|(at, length, byte)| Step::Write(at, length, byte)),
            1 => (0..40_000_usize).prop_map(Step::SetLen),
        ]
    }

    fn all(storage: &dyn StorageBackend) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(storage.len().unwrap()).unwrap()];
        storage.read(0, &mut bytes).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn it_reads_as_a_storage_that_was_written(
            length in 0..20_000_usize,
            steps in prop::collection::vec(step(), 0..12),
        ) {
            let held: Vec<u8> = (0..251u8).cycle().take(length).collect();
            let plain = InMemoryBackend::new();
            plain.set_len(length as u64).unwrap();
            plain.write(0, &held).unwrap();
            let shield = Shield::over(Frozen(held)).unwrap();
            for step in steps {
                for storage in [&plain as &dyn StorageBackend, &shield] {
                    let length = usize::try_from(storage.len().unwrap()).unwrap();
                    match step {
                        Step::Write(at, count, byte) => {
                            let at = at.min(length);
                            let data = vec![byte; count.min(length - at)];
                            storage.write(at as u64, &data).unwrap();
                        }
                        Step::SetLen(length) => storage.set_len(length as u64).unwrap(),
                    }
                }
                prop_assert_eq!(all(&shield), all(&plain));
            }
            let end = shield.len().unwrap();
            prop_assert!(shield.read(end, &mut [0]).is_err());
            prop_assert!(shield.read(u64::MAX, &mut [0]).is_err());
        }
    }

    /// A storage that a writer makes longer before it releases its lock.
    #[derive(Debug, Default)]
    struct Growing(std::sync::atomic::AtomicU64);

    impl StorageBackend for Growing {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.load(std::sync::atomic::Ordering::SeqCst))
        }

        fn read(&self, _: u64, out: &mut [u8]) -> io::Result<()> {
            out.fill(7);
            Ok(())
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            panic!("written to")
        }

        fn sync_data(&self) -> io::Result<()> {
            panic!("written to")
        }

        fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
            panic!("written to")
        }

        fn try_lock_shared_range(
            &self,
            _: Bound<u64>,
            _: Bound<u64>,
        ) -> Result<bool, BackendError> {
            self.0.store(2 * PAGE as u64, std::sync::atomic::Ordering::SeqCst);
            Ok(true)
        }
    }

    #[test]
    fn it_is_as_long_as_the_storage_was_when_it_was_locked() {
        let shield = Shield::over(Growing::default()).unwrap();
        assert_eq!(shield.len().unwrap(), 0);
        assert!(shield.try_lock_range(Bound::Included(5), Bound::Unbounded).unwrap());
        let mut out = [0; 2 * PAGE];
        shield.read(0, &mut out).unwrap();
        assert_eq!((shield.len().unwrap(), out[2 * PAGE - 1]), (2 * PAGE as u64, 7));
    }

    #[test]
    fn its_memory_is_bounded() {
        let mut shield = Shield::over(Frozen(vec![0; 9 * PAGE])).unwrap();
        shield.bytes_max = 2 * PAGE;
        shield.write(PAGE as u64 - 1, &[1, 2]).unwrap();
        assert!(shield.write(5 * PAGE as u64, &[3]).is_err());
        shield.write(0, &[4; 2 * PAGE]).unwrap();
        let mut out = [0; 2];
        shield.read(2 * PAGE as u64 - 1, &mut out).unwrap();
        assert_eq!(out, [4, 0]);
    }
}

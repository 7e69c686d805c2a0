//! A read-only view of a storage: what the database writes to open and to close stays in memory.

use crate::store::forward_locks::forward_locks;
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that are kept together once one of them is written.
const PAGE: usize = 4096;

/// A storage over another one, which stays unchanged.
#[derive(Debug)]
pub(crate) struct Shield<B> {
    below: B,
    written: Mutex<WrittenPages>,
}

/// The written pages.
#[derive(Debug)]
struct WrittenPages {
    len: u64,
    /// This much of the storage below was never cut off.
    below_len: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl<B: StorageBackend> Shield<B> {
    pub(crate) fn over(below: B) -> io::Result<Self> {
        let len = below.len()?;
        let written = WrittenPages { len, below_len: len, pages: BTreeMap::new() };
        Ok(Self { below, written: Mutex::new(written) })
    }

    fn written(&self) -> MutexGuard<'_, WrittenPages> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
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
        for (number, within, part) in parts(offset, out.len()) {
            match written.pages.get(&number) {
                Some(page) => copy(page, within, out, part),
                None => copy(&self.page(number, written.below_len)?, within, out, part),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written();
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
        let mut written = self.written();
        let below_len = written.below_len;
        for (number, within, part) in parts(offset, data.len()) {
            if let Some(page) = written.pages.get_mut(&number) {
                copy(data, part, page, within);
                continue;
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

    forward_locks!(below);
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
}

use crate::store::forward_locks::forward_locks;
use crate::store::session::StorageState;
use crate::store::write_buffer::batch::WriteBatch;
use redb::StorageBackend;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum bytes of buffered writes. An import's flush has about 24 MiB.
const BUFFERED_BYTES_MAX: usize = 24 << 20;

/// A storage over another one, which combines writes to it.
#[derive(Debug)]
pub(crate) struct BufferedBackend<B> {
    below: B,
    /// Whether writes are allowed, and the first failure.
    state: Arc<StorageState>,
    batches: Mutex<Batches>,
    /// Whether the buffer is empty, as for most reads.
    is_empty: AtomicBool,
    /// Held while writes are carried out. It is taken before `batches`.
    turn: Mutex<()>,
}

/// Writes that the storage below does not have yet.
#[derive(Debug, Default)]
struct Batches {
    /// Writes that are being carried out. They are kept until the end, so that reads see them and a
    /// failed attempt can be repeated.
    carried: Option<Arc<WriteBatch>>,
    /// Later writes.
    open: WriteBatch,
}

impl<B: StorageBackend> BufferedBackend<B> {
    pub(crate) fn over(below: B, state: Arc<StorageState>) -> Self {
        Self {
            below,
            state,
            batches: Mutex::default(),
            is_empty: AtomicBool::new(true),
            turn: Mutex::default(),
        }
    }

    /// Stores the reason of a failure.
    fn noted<T>(&self, doing: &str, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|error| self.state.note(&format!("{doing}: {error}")))
    }

    /// Refuses to write once the session has ended abnormally.
    fn check_frozen(&self) -> io::Result<()> {
        if self.state.is_frozen() {
            return Err(io::Error::other("nothing more is written after a failure"));
        }
        Ok(())
    }

    /// Carries out all writes so far.
    fn carry_out(&self) -> io::Result<()> {
        self.check_frozen()?;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // The first pass repeats what may have failed before, the second writes the rest.
        loop {
            let Some(batch) = self.batches().next_to_carry() else { return Ok(()) };
            let written = batch.carry_out(|offset, data| self.below.write(offset, data));
            self.noted("writing to the store", written)?;
            let mut batches = self.batches();
            batches.carried = None;
            self.is_empty.store(batches.open.is_empty(), Ordering::SeqCst);
            batches.reuse(batch);
        }
    }

    fn batches(&self) -> MutexGuard<'_, Batches> {
        // Nothing that can panic is done under it.
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batches {
    fn next_to_carry(&mut self) -> Option<Arc<WriteBatch>> {
        if self.carried.is_none() && !self.open.is_empty() {
            self.carried = Some(Arc::new(std::mem::take(&mut self.open)));
        }
        self.carried.clone()
    }

    /// Keeps the memory of a batch for the next.
    fn reuse(&mut self, batch: Arc<WriteBatch>) {
        if let Ok(mut batch) = Arc::try_unwrap(batch)
            && self.open.is_empty()
        {
            batch.clear();
            self.open = batch;
        }
    }
}

impl<B: StorageBackend> StorageBackend for BufferedBackend<B> {
    fn len(&self) -> io::Result<u64> {
        self.below.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.is_empty.load(Ordering::SeqCst) {
            return self.noted("reading the store", self.below.read(offset, out));
        }
        let batches = self.batches();
        // Copied before the storage below is read: from then on it may have them, or newer ones.
        let patches: Vec<(usize, Vec<u8>)> = batches
            .carried
            .as_deref()
            .into_iter()
            .chain([&batches.open])
            .flat_map(|batch| batch.patches(offset, out.len()))
            .map(|(into, data)| (into, data.to_vec()))
            .collect();
        drop(batches);
        if patches.iter().all(|(_, data)| data.len() < out.len()) {
            self.noted("reading the store", self.below.read(offset, out))?;
        }
        for (into, data) in patches {
            if let Some(out) = out.get_mut(into..into + data.len()) {
                out.copy_from_slice(&data);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        // Writes behind a new end would make the file long again.
        if len < self.below.len()? {
            self.carry_out()?;
        }
        self.check_frozen()?;
        self.noted("changing the length of the store", self.below.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.carry_out()?;
        self.noted("flushing the store", self.below.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check_frozen()?;
        loop {
            let mut batches = self.batches();
            let has_room = batches.open.bytes() + data.len() <= BUFFERED_BYTES_MAX;
            if has_room || batches.open.is_empty() {
                self.is_empty.store(false, Ordering::SeqCst);
                if batches.open.put(offset, data) {
                    return Ok(());
                }
            }
            drop(batches);
            self.carry_out()?;
        }
    }

    fn close(&self) -> io::Result<()> {
        // Do not write what the database left unwritten at the end of a failed session.
        let carried_out = if self.state.is_frozen() { Ok(()) } else { self.carry_out() };
        self.below.close()?;
        carried_out
    }

    forward_locks!(below);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::AtomicU32;

    /// A storage in memory of which some writes fail.
    #[derive(Debug, Default)]
    struct Fragile {
        bytes: Mutex<Vec<u8>>,
        writes_left: AtomicU32,
    }

    impl Fragile {
        fn with(writes: u32) -> Self {
            Self { writes_left: AtomicU32::new(writes), ..Self::default() }
        }
    }

    impl StorageBackend for &'static Fragile {
        fn len(&self) -> io::Result<u64> {
            Ok(self.bytes.lock().unwrap().len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let offset = usize::try_from(offset).unwrap();
            let bytes = self.bytes.lock().unwrap();
            let found = bytes.get(offset..offset + out.len());
            out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.bytes.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
            Ok(())
        }

        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            let left = self.writes_left.load(Ordering::SeqCst);
            self.writes_left
                .store(left.checked_sub(1).ok_or(io::ErrorKind::Other)?, Ordering::SeqCst);
            let offset = usize::try_from(offset).unwrap();
            let mut bytes = self.bytes.lock().unwrap();
            bytes.get_mut(offset..offset + data.len()).unwrap().copy_from_slice(data);
            Ok(())
        }
    }

    #[derive(Clone, Debug)]
    enum Act {
        Write { offset: u16, length: u16, with: u8 },
        Read { offset: u16, length: u16 },
        SetLen(u16),
        Sync,
    }

    fn act() -> impl Strategy<Value = Act> {
        let place = (any::<u16>(), 0..3000u16);
        prop_oneof![
            6 => (place.clone(), any::<u8>())
                .prop_map(|((offset, length), with)| Act::Write { offset, length, with }),
            6 => place.prop_map(|(offset, length)| Act::Read { offset, length }),
            1 => any::<u16>().prop_map(Act::SetLen),
            2 => Just(Act::Sync),
        ]
    }

    proptest! {
        #[test]
        fn it_reads_and_leaves_what_a_plain_storage_does(
            acts in prop::collection::vec(act(), 0..80),
        ) {
            let below: &'static Fragile = Box::leak(Box::new(Fragile::with(u32::MAX)));
            let backend = BufferedBackend::over(below, Arc::default());
            let mut plain: Vec<u8> = vec![0; 5000];
            backend.set_len(5000).unwrap();
            for act in acts {
                match act {
                    Act::Write { offset, length, with } => {
                        let offset = usize::from(offset) % (plain.len() + 1);
                        let length = usize::from(length).min(plain.len() - offset);
                        plain[offset..offset + length].fill(with);
                        backend.write(offset as u64, &vec![with; length]).unwrap();
                    }
                    Act::Read { offset, length } => {
                        let offset = usize::from(offset) % (plain.len() + 1);
                        let length = usize::from(length).min(plain.len() - offset);
                        let mut out = vec![0xaa; length];
                        backend.read(offset as u64, &mut out).unwrap();
                        prop_assert_eq!(&out[..], &plain[offset..offset + length]);
                    }
                    Act::SetLen(length) => {
                        plain.resize(usize::from(length), 0);
                        backend.set_len(u64::from(length)).unwrap();
                    }
                    Act::Sync => {
                        backend.sync_data().unwrap();
                        prop_assert_eq!(&*below.bytes.lock().unwrap(), &plain);
                    }
                }
                prop_assert_eq!(backend.len().unwrap(), plain.len() as u64);
            }
            backend.close().unwrap();
            prop_assert_eq!(&*below.bytes.lock().unwrap(), &plain);
        }
    }

    #[test]
    fn what_could_not_be_written_is_seen_and_tried_again() {
        let below: &'static Fragile = Box::leak(Box::new(Fragile::with(1)));
        let backend = BufferedBackend::over(below, Arc::default());
        backend.set_len(100).unwrap();
        for (offset, data) in [(50, b"two"), (10, b"one")] {
            backend.write(offset, data).unwrap();
        }
        assert!(backend.sync_data().is_err());
        backend.write(51, b"2").unwrap();
        let seen = || {
            let mut out = [0; 44];
            backend.read(10, &mut out).unwrap();
            (out[..3].to_vec(), out[40..43].to_vec())
        };
        assert_eq!(seen(), (b"one".to_vec(), b"t2o".to_vec()));
        assert!(backend.sync_data().is_err() && backend.close().is_err());
        below.writes_left.store(10, Ordering::SeqCst);
        backend.sync_data().unwrap();
        assert_eq!(seen(), (b"one".to_vec(), b"t2o".to_vec()));
        assert_eq!(below.bytes.lock().unwrap()[50..53], *b"t2o");
    }

    #[test]
    fn a_frozen_storage_takes_no_writes() {
        let below: &'static Fragile = Box::leak(Box::new(Fragile::with(u32::MAX)));
        let state: Arc<StorageState> = Arc::default();
        let backend = BufferedBackend::over(below, Arc::clone(&state));
        backend.set_len(100).unwrap();
        backend.write(0, b"before").unwrap();
        backend.sync_data().unwrap();
        backend.write(0, b"gather").unwrap();
        state.freeze("a panic while committing");
        assert!(backend.write(10, b"after").is_err());
        assert!(backend.sync_data().is_err() && backend.set_len(10).is_err());
        backend.close().unwrap();
        assert_eq!(below.bytes.lock().unwrap()[..6], *b"before");
        assert_eq!(state.failure().unwrap(), "a panic while committing");
    }
}

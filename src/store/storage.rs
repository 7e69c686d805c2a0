//! The storage below all sessions of an engine: it stays open while the database is reopened, and
//! is released when the engine is closed, even if there are readers.

use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// A storage that several databases own, one after the other.
#[derive(Debug)]
pub(crate) struct SharedStorage {
    /// `None` once it was closed.
    below: RwLock<Option<Box<dyn StorageBackend>>>,
}

/// The part that one database owns.
#[derive(Debug)]
pub(crate) struct Attached {
    storage: Arc<SharedStorage>,
    /// The ranges that this database has locked.
    locked: Mutex<Vec<(Bound<u64>, Bound<u64>)>>,
}

impl SharedStorage {
    pub(crate) fn new(below: impl StorageBackend) -> Arc<Self> {
        Arc::new(Self { below: RwLock::new(Some(Box::new(below))) })
    }

    /// Attaches the next database.
    pub(crate) fn attach(self: &Arc<Self>) -> Attached {
        Attached { storage: Arc::clone(self), locked: Mutex::default() }
    }

    /// Releases the storage: a file is unlocked and closed. Later reads fail.
    pub(crate) fn close(&self) -> io::Result<()> {
        let below = self.below.write().unwrap_or_else(PoisonError::into_inner).take();
        below.map_or(Ok(()), |below| below.close())
    }

    fn with<R, E: From<io::Error>>(
        &self,
        call: impl FnOnce(&dyn StorageBackend) -> Result<R, E>,
    ) -> Result<R, E> {
        let below = self.below.read().unwrap_or_else(PoisonError::into_inner);
        match &*below {
            Some(below) => call(&**below),
            None => Err(io::Error::other("the storage was closed").into()),
        }
    }
}

impl Drop for SharedStorage {
    fn drop(&mut self) {
        // A caller that wants to know calls `close`.
        let _ = self.close();
    }
}

impl Attached {
    fn note(&self, start: Bound<u64>, end: Bound<u64>) {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner).push((start, end));
    }

    fn forget(&self, start: Bound<u64>, end: Bound<u64>) {
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        locked.retain(|range| *range != (start, end));
    }
}

impl StorageBackend for Attached {
    fn len(&self) -> io::Result<u64> {
        self.storage.with(StorageBackend::len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.storage.with(|below| below.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.storage.with(|below| below.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.storage.with(StorageBackend::sync_data)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.storage.with(|below| below.write(offset, data))
    }

    /// The database has ended: the storage is left as it was before.
    fn close(&self) -> io::Result<()> {
        let locked =
            std::mem::take(&mut *self.locked.lock().unwrap_or_else(PoisonError::into_inner));
        let mut result = Ok(());
        for (start, end) in locked {
            let unlocked = self.storage.with(|below| below.unlock_range(start, end));
            result = result.and(unlocked.map_err(io::Error::other));
        }
        result
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        let locked = self.storage.with(|below| below.try_lock_range(start, end))?;
        if locked {
            self.note(start, end);
        }
        Ok(locked)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        let locked = self.storage.with(|below| below.try_lock_shared_range(start, end))?;
        if locked {
            self.note(start, end);
        }
        Ok(locked)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.storage.with(|below| below.lock_range(start, end))?;
        self.note(start, end);
        Ok(())
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.storage.with(|below| below.lock_shared_range(start, end))?;
        self.note(start, end);
        Ok(())
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.storage.with(|below| below.unlock_range(start, end))?;
        self.forget(start, end);
        Ok(())
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.storage.with(|below| below.query_lock_range(start, end))
    }
}

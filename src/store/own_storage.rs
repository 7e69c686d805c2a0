//! Storage that the caller implements.

use redb::StorageBackend;
use std::fmt;
use std::io;

/// Storage for a store that is not in a file: memory, a device, or a disk that a test lets fail.
/// See [`Engine::open_storage`](crate::Engine::open_storage).
///
/// It belongs to one engine at a time, and is called from several threads concurrently.
pub trait Storage: Send + Sync + 'static {
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the storage says.
    fn len(&self) -> io::Result<u64>;

    /// Whether it holds nothing yet.
    ///
    /// # Errors
    /// As [`Storage::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads as many bytes as `out` has, from `offset` on.
    ///
    /// # Errors
    /// What the storage says; `UnexpectedEof` beyond its end.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes bytes at `offset`, within the length. They may be lost until [`Storage::sync`].
    ///
    /// # Errors
    /// What the storage says.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Sets the length. New bytes are 0.
    ///
    /// # Errors
    /// What the storage says.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Makes all earlier writes durable.
    ///
    /// # Errors
    /// What the storage returns. The engine then has to be reopened.
    fn sync(&self) -> io::Result<()>;

    /// Releases the storage: the engine does not call it again.
    ///
    /// # Errors
    /// What the storage says.
    fn close(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Storage of the caller's, as the database calls it.
pub(crate) struct OwnStorage<S>(pub(crate) S);

impl<S> fmt::Debug for OwnStorage<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnStorage")
    }
}

impl<S: Storage> StorageBackend for OwnStorage<S> {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write(offset, bytes)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

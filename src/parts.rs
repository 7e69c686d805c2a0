//! What Carrack is built on, for tests and measurements. None of it is under the promise that a
//! version number makes: it changes with the database.

/// The database.
pub mod redb {
    use crate::engine::{Engine, Options};
    use crate::error::Result;
    use ::redb::StorageBackend;

    /// Opens the store on a storage of the database's kind, with its locks.
    ///
    /// ```
    /// use carrack::engine::Options;
    /// let storage = redb::backends::InMemoryBackend::new();
    /// let engine = carrack::parts::redb::open(storage, &Options::default())?;
    /// assert!(engine.accounts()?.is_empty());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open(backend: impl StorageBackend, options: &Options) -> Result<Engine> {
        Engine::open_backend(backend, options)
    }
}

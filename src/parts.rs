//! What Carrack is built on, for tests, measurements and tools that look inside. **None of it is under
//! the promise that a version number makes**: it changes with the database and with what the engine
//! needs.

/// Blocks from anywhere: what [`verify`](mod@crate::verify) and [`Engine::import`](crate::Engine::import) read
/// through, for sources that are no [`Input`](crate::verify::Input), or whose reading is watched.
pub mod sources {
    pub use crate::verify::block_source::{BlockSource, Missing, RecordBlock, Totals};
    pub use crate::verify::collection::verify_collection_source;
    pub use crate::verify::file_source::FileSource;
    pub use crate::verify::node_outline::TreeCounts;
    pub use crate::verify::repository::verify_source;
    pub use crate::verify::stream_source::StreamSource;

    use crate::engine::{Engine, ImportOptions, Imported};
    use crate::error::Result;

    /// Imports a repository from any source of blocks.
    ///
    /// ```
    /// use carrack::Engine;
    /// use carrack::engine::ImportOptions;
    /// use carrack::key::{Curve, SigningKey};
    /// use carrack::parts::sources::{StreamSource, import};
    /// use carrack::verify::ExpectedHead;
    ///
    /// let (host, copies) = (Engine::in_memory()?, Engine::in_memory()?);
    /// let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// host.create_account(&did, &key)?;
    /// let mut car = Vec::new();
    /// host.export(&did, &mut car)?;
    ///
    /// let options = ImportOptions::default().head(ExpectedHead::signed_by([key.verifying_key()]));
    /// let imported = import(&copies, &mut StreamSource::new(&car[..])?, &options)?;
    /// assert_eq!(imported.records, 0);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Engine::import`].
    pub fn import(
        engine: &Engine,
        source: &mut dyn BlockSource,
        options: &ImportOptions,
    ) -> Result<Imported> {
        engine.import_source(source, options)
    }
}

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

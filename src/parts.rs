//! Internal building blocks, for tests, measurements and diagnostic tools. **They are outside of
//! the version promise**: they change with the database and with the needs of the engine.

/// Sources of blocks: what [`verify`](mod@crate::verify) and
/// [`Engine::import`](crate::Engine::import) read from, for sources that are not an
/// [`Input`](crate::verify::Input), or whose reading is observed.
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

/// The tree, of which only the touched part is in memory, and walks over it.
pub mod tree {
    pub use crate::event::invert::invert;
    pub use crate::tree::diff::{Diff, diff};
    pub use crate::tree::partial::{Child, Gap, Held, HeldEntry, NodeSource, Tree};
    pub use crate::tree::range::KeyRange;
    pub use crate::tree::walk::{Walk, Want};
}

/// Reads and writes DRISL value by value, without a tree of values.
pub mod drisl {
    pub use crate::block::drisl::check::Floats;
    pub use crate::block::drisl::decoder::{Decoder, Kind};
    pub use crate::block::drisl::encoder::Encoder;

    /// Checks whether bytes are DRISL, without building values.
    pub mod check {
        pub use crate::block::drisl::check::{record, value};
    }
}

/// The elements of a CAR: header, sections, varints.
pub mod car {
    pub use crate::car::header::header;
    pub use crate::car::next_section::{NextSection, SkippedSection};
    pub use crate::car::section::parse_section;
    pub use crate::car::writer::{append_section, section_len};

    /// Unsigned LEB128 in its shortest form.
    pub mod varint {
        pub use crate::car::varint::{BYTES_MAX, Malformed, len, read, write};
    }
}

/// Files that are renamed when they are complete.
pub mod files {
    pub use crate::part_file::{PartFile, folder_of, follow_links, sync_folder};
}

/// Stores on redb's own storage types.
pub mod redb {
    use crate::engine::{BackedUp, Engine, Options, PartialBackup};
    use crate::error::Result;
    use crate::progress::Progress;
    use ::redb::StorageBackend;

    /// Opens the store on a storage of redb, with its locks.
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

    /// Copies a store onto an empty storage of redb. An incomplete copy does not open.
    ///
    /// ```
    /// use carrack::{Engine, Progress};
    /// let storage = redb::backends::InMemoryBackend::new();
    /// let done = carrack::parts::redb::backup(&Engine::in_memory()?, storage, Progress::none())?;
    /// assert_eq!(done.accounts, 0);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Exists` if the storage is not empty; else as [`Engine::backup`].
    pub fn backup(
        engine: &Engine,
        storage: impl StorageBackend,
        progress: Progress<'_>,
    ) -> Result<BackedUp> {
        engine.backup_to(storage, progress)
    }

    /// Copies what is whole of a damaged store onto an empty storage of redb.
    ///
    /// ```
    /// use carrack::{Engine, Progress};
    /// let storage = redb::backends::InMemoryBackend::new();
    /// let engine = Engine::in_memory()?;
    /// let done = carrack::parts::redb::backup_intact(&engine, storage, Progress::none())?;
    /// assert!(done.is_whole());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Exists` if the storage is not empty; else as [`Engine::backup_intact`].
    pub fn backup_intact(
        engine: &Engine,
        storage: impl StorageBackend,
        progress: Progress<'_>,
    ) -> Result<PartialBackup> {
        engine.backup_intact_to(storage, progress)
    }
}

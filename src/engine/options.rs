use crate::env::{Clock, Random, SystemClock, SystemRandom};
use crate::limits::BLOCK_WALK_BYTES_DEFAULT;
use crate::store::log::Retention;
use std::sync::Arc;

/// Options for opening an engine.
///
/// ```
/// use carrack::engine::Options;
/// let options = Options::default().create(false).cache_bytes(256 << 20);
/// assert!(options.upgrade);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The clock that revisions are taken from. The default is the system's.
    pub clock: Arc<dyn Clock>,
    /// The source of random bytes, for the name of a new store. The default is the system's.
    pub random: Arc<dyn Random>,
    /// The cache for database pages, in bytes. Up to an eighth more is used for tree nodes that
    /// were read and hashed.
    pub cache_bytes: usize,
    /// Whether to create a store that does not exist. The default is true.
    pub create: bool,
    /// How much of the event log is kept. The default is 72 hours and 2 GiB.
    pub retention: Retention,
    /// How [`Snapshot::blocks`](crate::engine::Snapshot::blocks) finds blocks by their CIDs.
    pub block_search: BlockSearch,
    /// Whether to upgrade a store of an older format; older versions of Carrack cannot open it
    /// afterwards. If false, such a store is read-only, as with `read_only`. The default is true.
    pub upgrade: bool,
    /// Whether nothing is written to the store. Its storage is only read: a file may be on a
    /// read-only file system, or belong to another user. Several engines can read a store at a
    /// time, and none can while another one has it open for writing. Writes fail with
    /// [`Error::ReadOnly`](crate::Error::ReadOnly), no background work runs, a store that does not
    /// exist is not created, and one of an older format is read without an upgrade. What the
    /// database repairs after an unclean end stays in memory. The default is false.
    pub read_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            cache_bytes: crate::limits::CACHE_BYTES_DEFAULT,
            create: true,
            retention: Retention::default(),
            block_search: BlockSearch::default(),
            upgrade: true,
            read_only: false,
        }
    }
}

impl Options {
    /// Sets the clock that revisions are taken from.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the source of random bytes.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Sets the cache for database pages, in bytes.
    #[must_use]
    pub fn cache_bytes(mut self, cache_bytes: usize) -> Self {
        self.cache_bytes = cache_bytes;
        self
    }

    /// Sets whether to create a store that does not exist.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets how much of the event log is kept.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Sets how blocks are found by their CIDs.
    #[must_use]
    pub fn block_search(mut self, block_search: BlockSearch) -> Self {
        self.block_search = block_search;
        self
    }

    /// Sets whether to upgrade a store of an older format, or to open it read-only.
    #[must_use]
    pub fn upgrade(mut self, upgrade: bool) -> Self {
        self.upgrade = upgrade;
        self
    }

    /// Sets whether nothing is written to the store.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }
}

/// How an engine finds blocks by their CIDs
/// ([`Snapshot::blocks`](crate::engine::Snapshot::blocks)). Rows are in the order of a CAR and not
/// of their CIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockSearch {
    /// Not at all: the call fails with `Request`.
    Off,
    /// By a walk over the account's rows, until all requested blocks are found or the limit is
    /// reached.
    Walk {
        /// The maximum bytes of rows that one search reads.
        bytes: u64,
    },
}

impl Default for BlockSearch {
    /// A walk over at most 64 MiB: a whole account of about 170,000 records, in about 60 ms.
    fn default() -> Self {
        Self::Walk { bytes: BLOCK_WALK_BYTES_DEFAULT }
    }
}

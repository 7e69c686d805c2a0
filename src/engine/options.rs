use crate::env::{Clock, Random, SystemClock, SystemRandom};
use crate::limits::BLOCK_WALK_BYTES_DEFAULT;
use crate::store::log::Retention;
use std::sync::Arc;

/// How an engine is opened.
///
/// ```
/// use carrack::engine::Options;
/// let options = Options::default().create(false).cache_bytes(256 << 20);
/// assert!(options.upgrade);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The clock that revisions are taken from.
    pub clock: Arc<dyn Clock>,
    /// Where random bytes come from: the engine's name, once.
    pub random: Arc<dyn Random>,
    /// Memory for the database's pages, in bytes. An eighth as much again is for tree nodes that
    /// have been read and hashed.
    pub cache_bytes: usize,
    /// Whether a store that is not there is created.
    pub create: bool,
    /// How much of the event log is kept.
    pub retention: Retention,
    /// How blocks are found by their CIDs.
    pub block_search: BlockSearch,
    /// Whether a store of an older format is upgraded, after which older versions of Carrack do
    /// not open it. If not, it is read as it is: nothing at all is written to it, and whatever
    /// would write is refused with [`Error::Format`](crate::Error::Format).
    pub upgrade: bool,
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
        }
    }
}

impl Options {
    /// The clock that revisions are taken from.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where random bytes come from.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Memory for the database's pages, in bytes.
    #[must_use]
    pub fn cache_bytes(mut self, cache_bytes: usize) -> Self {
        self.cache_bytes = cache_bytes;
        self
    }

    /// Whether a store that is not there is created.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// How much of the event log is kept.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// How blocks are found by their CIDs.
    #[must_use]
    pub fn block_search(mut self, block_search: BlockSearch) -> Self {
        self.block_search = block_search;
        self
    }

    /// Whether a store of an older format is upgraded, or only read.
    #[must_use]
    pub fn upgrade(mut self, upgrade: bool) -> Self {
        self.upgrade = upgrade;
        self
    }
}

/// How an engine answers for blocks by their CIDs ([`Snapshot::blocks`](crate::engine::Snapshot::blocks)). Rows lie in the order of
/// their places, which is that of a CAR, and not of their CIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockSearch {
    /// It does not: asking is refused.
    Off,
    /// It walks over the account's rows until all that were asked for are found, or so many bytes
    /// of rows have been read.
    Walk {
        /// Bytes of rows that one search reads at most.
        bytes: u64,
    },
}

impl Default for BlockSearch {
    /// A walk over 64 MiB at most: all of an account of some 170,000 records, in some 60 ms.
    fn default() -> Self {
        Self::Walk { bytes: BLOCK_WALK_BYTES_DEFAULT }
    }
}

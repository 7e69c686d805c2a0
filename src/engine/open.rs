use super::blocks::BlockSearch;
use crate::error::{Error, Result};
use crate::ident::{Clock, Did, Random, SystemClock, SystemRandom};
use crate::store::account::Account;
use crate::store::gather::Gathering;
use crate::store::log::Retention;
use crate::store::open::{Opened, prepare, reserve_trees};
use crate::store::signal::Signal;
use crate::store::tables::View;
use crate::store::writer::{Upkeep, Writer};
use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, ReadableTable, StorageBackend, StorageError};
use std::collections::HashSet;
use std::fmt;
use std::fs::OpenOptions;
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store and everything that can be done with it. Shared between threads by reference.
///
/// ```
/// use carrack::engine::{Engine, Op, WriteOptions};
/// use carrack::ident::{Did, SystemRandom};
/// use carrack::key::{Curve, SigningKey};
/// use serde_json::json;
///
/// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
/// let engine = Engine::open(folder.path().join("store.redb"))?;
/// let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
/// let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// engine.create_account(&did, &key)?;
/// let post = carrack::block::json::from_json(&json!({"$type": "app.bsky.feed.post", "text": "ahoy"}))?;
/// let path = "app.bsky.feed.post/3jzfcijpj2z2a".parse()?;
/// let written = engine.write(&did, vec![Op::create(path, post)], &WriteOptions::default(), &key)?;
/// assert_eq!(engine.status(&did)?.rev, Some(written.rev));
/// # Ok::<(), carrack::Error>(())
/// ```
pub struct Engine {
    pub(super) database: Arc<Database>,
    pub(super) writer: Writer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) name: String,
    /// Ten bits that tell this engine's revisions from others'.
    pub(super) clock_id: u16,
    pub(super) signal: Arc<Signal>,
    pub(super) block_search: BlockSearch,
    /// Numbers for trees that are to be imported.
    trees: Mutex<Range<u64>>,
    turns: Turns,
    /// Accounts of which a move, or the abort of one, is under way in this process.
    moving: Mutex<HashSet<Did>>,
}

/// How an engine is opened.
#[derive(Clone)]
pub struct Options {
    /// The clock that revisions are taken from.
    pub clock: Arc<dyn Clock>,
    /// Where random bytes come from: the engine's name, once.
    pub random: Arc<dyn Random>,
    /// Memory for the database's pages, in bytes.
    pub cache_bytes: usize,
    /// Whether a store that is not there is created.
    pub create: bool,
    /// How much of the event log is kept.
    pub retention: Retention,
    /// How blocks are found by their CIDs.
    pub block_search: BlockSearch,
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
        }
    }
}

impl Engine {
    /// Opens the store at `path`, or creates it.
    ///
    /// # Errors
    /// `Format` if the file is something else or from a newer Carrack, `Store` or `Io` if it
    /// cannot be opened (another process has it open, say).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &Options::default())
    }

    /// Opens the store at `path` with options.
    ///
    /// # Errors
    /// As [`Engine::open`]; `NotFound` if there is no store and none is to be created.
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let path = path.as_ref();
        if !options.create && !path.exists() {
            return Err(Error::NotFound { what: "store", name: path.display().to_string() });
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(options.create)
            .truncate(false)
            .open(path)
            .map_err(|error| Error::Store(Box::new(redb::Error::Io(error))))?;
        if !options.create && file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            return Err(Error::Format("the file is empty".to_owned()));
        }
        Self::open_backend(FileBackend::new(file).map_err(unreadable)?, options)
    }

    /// Opens a store on a storage of the caller's: in memory, or one that fails on purpose.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_backend(backend: impl StorageBackend, options: &Options) -> Result<Self> {
        let mut builder = Builder::new();
        builder.set_cache_size(options.cache_bytes);
        let opened = builder.create_with_backend(Gathering::over(backend));
        Self::start(opened.map_err(unreadable)?, options)
    }

    fn start(database: Database, options: &Options) -> Result<Self> {
        let Opened { database, engine } = prepare(database, &*options.random)?;
        let signal = Arc::new(Signal::default());
        let upkeep = Upkeep {
            clock: Arc::clone(&options.clock),
            retention: options.retention,
            signal: Arc::clone(&signal),
        };
        let clock_id = engine.get(..3).and_then(|hex| u16::from_str_radix(hex, 16).ok());
        Ok(Self {
            writer: Writer::start(Arc::clone(&database), upkeep),
            signal,
            database,
            clock: Arc::clone(&options.clock),
            name: engine,
            clock_id: clock_id.unwrap_or_default() & 0x3ff,
            block_search: options.block_search,
            trees: Mutex::new(0..0),
            turns: Turns::new(),
            moving: Mutex::new(HashSet::new()),
        })
    }

    /// The engine's name: 32 hexadecimal digits, drawn when the store was created.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The clock that it was opened with.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The account's row, if there is one.
    pub(crate) fn held(&self, did: &Did) -> Result<Option<Account>> {
        find_account(self.view()?.accounts()?, did)
    }

    pub(super) fn view(&self) -> Result<View> {
        View::of(&*self.database)
    }

    /// One move of an account at a time: whoever aborts one must not do it between its steps.
    pub(crate) fn moving(&self, did: &Did) -> Result<Moving<'_>> {
        let mut moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        if !moving.insert(did.clone()) {
            return Err(Error::Request(format!("a move of {did} is under way; wait for its end")));
        }
        Ok(Moving { engine: self, did: did.clone() })
    }

    /// A tree number that was never used before. Most are in stock: an import need not wait for a
    /// flush to begin. What is left of them at the end is never used.
    pub(super) fn reserve_tree(&self) -> Result<u64> {
        self.require_floors_given()?;
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if trees.is_empty() {
            *trees = self.writer.submit(|tables| reserve_trees(tables, TREES_IN_STOCK))?;
        }
        let tree = trees.start;
        trees.start += 1;
        Ok(tree)
    }

    /// One writer of an account at a time prepares its commit, so that few races are lost.
    pub(super) fn turn(&self, did: &Did) -> MutexGuard<'_, ()> {
        self.turns.take(did)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Tree numbers that are drawn at a time.
const TREES_IN_STOCK: u64 = 64;

/// Tells a file that is no database from one that cannot be read.
pub(super) fn unreadable(error: DatabaseError) -> Error {
    match &error {
        DatabaseError::Storage(StorageError::Io(io)) if io.kind() == ErrorKind::InvalidData => {
            Error::Format(io.to_string())
        }
        DatabaseError::UpgradeRequired(_) => Error::Format(error.to_string()),
        _ => error.into(),
    }
}

/// A move that is under way, until it is dropped.
pub(crate) struct Moving<'a> {
    engine: &'a Engine,
    did: Did,
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        let mut moving = self.engine.moving.lock().unwrap_or_else(PoisonError::into_inner);
        moving.remove(&self.did);
    }
}

/// The account row of `did`.
pub(super) fn account_row<T>(accounts: &T, did: &Did) -> Result<Account>
where
    T: ReadableTable<&'static [u8], &'static [u8]>,
{
    find_account(accounts, did)?.ok_or_else(|| no_account(did))
}

/// The account row of `did`, if there is one.
pub(super) fn find_account<T>(accounts: &T, did: &Did) -> Result<Option<Account>>
where
    T: ReadableTable<&'static [u8], &'static [u8]>,
{
    let row = accounts.get(did.as_str().as_bytes())?;
    row.map(|row| Account::decode(row.value())).transpose()
}

pub(super) fn no_account(did: &Did) -> Error {
    Error::NotFound { what: "account", name: did.to_string() }
}

/// Locks, of which each account has one; some share.
struct Turns {
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

/// Enough that a few hundred callers seldom meet.
const TURNS: usize = 4096;

impl Turns {
    fn new() -> Self {
        let locks = std::iter::repeat_with(|| Mutex::new(())).take(TURNS).collect();
        Self { locks, hasher: RandomState::new() }
    }

    fn take(&self, did: &Did) -> MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(did);
        let index = usize::try_from(hash % TURNS as u64).unwrap_or(0);
        #[allow(clippy::indexing_slicing, reason = "there are TURNS locks")]
        let lock = &self.locks[index];
        // A poisoned lock guards nothing that could be half done.
        lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

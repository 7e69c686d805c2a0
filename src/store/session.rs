//! One opening of the database: from the open, or a reopen, to the next reopen or the close.

use crate::error::{Error, Result};
use crate::store::panics::{of_panic, panic_message};
use crate::store::read::node_cache::NodeCache;
use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The database and its state. Transactions are begun here.
pub(crate) struct Session {
    database: RwLock<Option<Database>>,
    state: AtomicU8,
    storage: Arc<StorageState>,
    nodes: NodeCache,
    /// Nothing is written.
    is_kept: bool,
}

const OPEN: u8 = 0;
const REOPENED: u8 = 1;
const CLOSED: u8 = 2;
const REOPENING: u8 = 3;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The engine is being reopened: another session continues, if that succeeds.
    Reopening,
    /// The engine was closed.
    Closed,
}

/// The state of the session's storage. Shared with the storage itself, which the database owns.
#[derive(Debug, Default)]
pub(crate) struct StorageState {
    /// The first failure of the storage, or why nothing more may be written.
    failure: Mutex<Option<String>>,
    frozen: AtomicU8,
}

impl StorageState {
    /// Stops all writes: the disk keeps what a crash at this moment would leave.
    pub(crate) fn freeze(&self, cause: &str) {
        self.note(cause);
        self.frozen.store(1, Ordering::SeqCst);
    }

    /// Whether nothing more may be written.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::SeqCst) != 0
    }

    /// Stores the first failure: the database reports only that there was one.
    pub(crate) fn note(&self, failure: &str) {
        let mut first = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| failure.to_owned());
    }

    /// The first failure.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Session {
    /// A session over a database whose pages have `cache_bytes` of memory.
    /// `is_kept` is whether nothing is to be written.
    pub(crate) fn new(
        database: Database,
        storage: Arc<StorageState>,
        cache_bytes: usize,
        is_kept: bool,
    ) -> Self {
        Self {
            is_kept,
            database: RwLock::new(Some(database)),
            state: AtomicU8::new(OPEN),
            storage,
            nodes: NodeCache::new(cache_bytes),
        }
    }

    /// What the storage has met.
    pub(crate) fn storage(&self) -> &StorageState {
        &self.storage
    }

    /// Nodes that were read in this session.
    pub(crate) fn nodes(&self) -> &NodeCache {
        &self.nodes
    }

    /// Returns an error once the session has ended.
    pub(crate) fn check(&self) -> Result<()> {
        match self.state.load(Ordering::Acquire) {
            OPEN => Ok(()),
            REOPENED => Err(Error::Stale("the engine was reopened meanwhile".to_owned())),
            REOPENING => Err(Error::Reopen(
                self.storage.failure().unwrap_or_else(|| "it is being reopened".to_owned()),
            )),
            _ => Err(Error::Closed("the engine was closed".to_owned())),
        }
    }

    /// Begins a read transaction.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction> {
        self.with(|database| Ok(database.begin_read()?))
    }

    /// Begins a write transaction.
    pub(crate) fn begin_write(&self) -> Result<WriteTransaction> {
        self.with(|database| Ok(database.begin_write()?))
    }

    /// Ends the session: readers fail, and the database releases the storage. Unless there was a
    /// failure, commits without a flush become durable.
    pub(crate) fn end(&self, why: Ended) {
        let state = if why == Ended::Reopening { REOPENING } else { CLOSED };
        let _ = self.state.compare_exchange(OPEN, state, Ordering::AcqRel, Ordering::Acquire);
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        // The last flush of a clean close may meet a damaged page, too.
        let is_kept = self.is_kept && cfg!(panic = "unwind");
        let closed = catch_unwind(AssertUnwindSafe(move || match database {
            // While a thread unwinds the database only closes. Otherwise it would write, though
            // nothing is kept of that, and end the process over a damaged list of freed pages.
            Some(database) if is_kept => {
                let _closed = database;
                resume_unwind(Box::new(()));
            }
            database => database.map(Database::close),
        }));
        match closed {
            Err(_) if is_kept => {}
            Ok(None | Some(Ok(()))) => {}
            Ok(Some(Err(error))) => self.storage.freeze(&error.to_string()),
            Err(panic) => self.storage.freeze(&panic_message(&*panic)),
        }
    }

    /// Marks this session as replaced by another one.
    pub(crate) fn replace(&self) {
        let _ =
            self.state.compare_exchange(REOPENING, REOPENED, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Adds the first failure of the storage to an error, which the database leaves out.
    pub(crate) fn explain(&self, error: Error) -> Error {
        if let Err(ended) = self.check() {
            return ended;
        }
        match error {
            Error::Reopen(what) => match self.storage.failure() {
                Some(cause) if !what.contains(&cause) => Error::Reopen(format!("{what}: {cause}")),
                _ => Error::Reopen(what),
            },
            error => error,
        }
    }

    fn with<R>(&self, begin: impl FnOnce(&Database) -> Result<R>) -> Result<R> {
        self.check()?;
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = &*database else {
            return Err(Error::Closed("the engine was closed".to_owned()));
        };
        match catch_unwind(AssertUnwindSafe(|| begin(database))) {
            Ok(begun) => begun.map_err(|error| self.explain(error)),
            Err(panic) => Err(of_panic("of tables", &*panic)),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end(Ended::Closed);
    }
}

//! One session of an engine: the database, its writer, and how they are opened, reopened and
//! closed.

use crate::engine::options::Options;
use crate::error::{Error, Result};
use crate::store::format;
use crate::store::open::{Opened, prepare};
use crate::store::session::{Ended, Session, StorageState};
use crate::store::shield::Shield;
use crate::store::storage::{Attached, SharedStorage};
use crate::store::tables::View;
use crate::store::tree_numbers::reserve_trees;
use crate::store::write::notify::Notify;
use crate::store::write::{StoreWriter, WriterOptions};
use crate::store::write_buffer::BufferedBackend;
use redb::{Builder, DatabaseError, StorageBackend, StorageError};
use std::io::ErrorKind;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// A session and its writer.
pub(crate) struct Core {
    pub(in crate::engine) session: Arc<Session>,
    pub(in crate::engine) writer: StoreWriter,
    pub(in crate::engine) notify: Arc<Notify>,
    /// Unused tree numbers for imports.
    trees: Mutex<Range<u64>>,
}

/// Tree numbers reserved at a time.
const TREES_IN_STOCK: u64 = 64;

/// Whether an engine can read and write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "state", rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum HealthState {
    /// It can.
    Open,
    /// The database refuses everything after a failure. Remove the cause, then call
    /// [`Engine::reopen`](crate::Engine::reopen).
    NeedsReopen {
        /// The first failure.
        cause: String,
    },
    /// The engine was closed.
    Closed,
}

impl Core {
    /// Opens the database on a storage and starts its writer. Also returns the store's name and
    /// format.
    pub(in crate::engine) fn open(
        storage: &Arc<SharedStorage>,
        options: &Options,
    ) -> Result<(Self, Opened)> {
        let is_kept = options.read_only || (!options.upgrade && is_older(storage)?);
        let session = if is_kept {
            session_over(shielded(storage)?, options.cache_bytes, true)?
        } else {
            session_over(storage.attach(), options.cache_bytes, false)?
        };
        let opened = prepare(&session, &*options.random, is_kept)?;
        let notify = Arc::new(Notify::default());
        let upkeep = WriterOptions {
            clock: Arc::clone(&options.clock),
            retention: options.retention,
            notify: Arc::clone(&notify),
            upkeep: !is_kept,
            refusal: is_kept.then(|| only_read(opened.older.filter(|_| !options.read_only))),
        };
        let writer = StoreWriter::start(Arc::clone(&session), upkeep);
        Ok((Self { session, writer, notify, trees: Mutex::new(0..0) }, opened))
    }

    /// A read transaction.
    pub(in crate::engine) fn view(&self) -> Result<View> {
        View::of(&self.session)
    }

    /// Returns a tree number that was never used before. Numbers are reserved in batches, so that
    /// an import need not wait for a flush to begin; unused ones are skipped.
    pub(in crate::engine) fn reserve_tree(&self) -> Result<u64> {
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if trees.is_empty() {
            *trees = self.writer.submit(|tables| reserve_trees(tables, TREES_IN_STOCK))?;
        }
        let tree = trees.start;
        trees.start += 1;
        Ok(tree)
    }

    /// Returns an error if this session can write no more and has no successor yet.
    pub(in crate::engine) fn check_writes(&self) -> Result<()> {
        match self.state() {
            HealthState::NeedsReopen { cause } => Err(Error::Reopen(cause)),
            // The next call finds out whether it was reopened or closed.
            HealthState::Open | HealthState::Closed => Ok(()),
        }
    }

    /// Carries out queued jobs and ends the session.
    pub(in crate::engine) fn end(&self, why: Ended) {
        self.writer.stop();
        self.session.end(why);
    }

    pub(in crate::engine) fn state(&self) -> HealthState {
        match (self.session.storage().failure(), self.session.check()) {
            (Some(cause), _) => HealthState::NeedsReopen { cause },
            (None, Err(_)) => HealthState::Closed,
            (None, Ok(())) => HealthState::Open,
        }
    }
}

fn session_over(
    backend: impl StorageBackend,
    cache_bytes: usize,
    is_kept: bool,
) -> Result<Arc<Session>> {
    let state = Arc::new(StorageState::default());
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes);
    let backend = BufferedBackend::over(backend, Arc::clone(&state));
    // The database may panic here on a damaged file.
    let opened = catch_unwind(AssertUnwindSafe(|| builder.create_with_backend(backend)));
    let database = opened
        .map_err(|_| Error::Corrupt("the file cannot be opened as a database".to_owned()))?
        .map_err(unreadable)?;
    Ok(Arc::new(Session::new(database, state, cache_bytes, is_kept)))
}

/// A view of the storage that writes nothing to it.
fn shielded(storage: &Arc<SharedStorage>) -> Result<Shield<Attached>> {
    Shield::over(storage.attach()).map_err(|error| Error::io("looking at the store", error))
}

/// Whether a store has an older format.
fn is_older(storage: &Arc<SharedStorage>) -> Result<bool> {
    let length =
        storage.attach().len().map_err(|error| Error::io("looking at the store", error))?;
    Ok(length > 0 && format::is_older(&session_over(shielded(storage)?, LOOK_CACHE_BYTES, true)?)?)
}

/// Cache for reading one fact, in bytes.
const LOOK_CACHE_BYTES: usize = 1 << 20;

/// Why a store takes no writes: for its older format, or because it was opened so.
fn only_read(format: Option<u32>) -> String {
    let Some(format) = format else {
        return "the store was opened read-only: open it for writing to change it".to_owned();
    };
    format!(
        "the store has format {format} and was opened without an upgrade: it can only be read; \
         open it with the upgrade to write to it"
    )
}

/// Distinguishes a file that is not a database from one that cannot be read.
pub(in crate::engine) fn unreadable(error: DatabaseError) -> Error {
    match &error {
        DatabaseError::Storage(StorageError::Io(io)) if io.kind() == ErrorKind::InvalidData => {
            Error::Format(io.to_string())
        }
        DatabaseError::UpgradeRequired(_) => Error::Format(error.to_string()),
        DatabaseError::DatabaseAlreadyOpen => Error::InUse,
        _ => error.into(),
    }
}

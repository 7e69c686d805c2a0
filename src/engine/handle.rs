use crate::engine::account::clock_watch::ClockWatch;
use crate::engine::core::Core;
use crate::engine::file_identity::CreatedFile;
use crate::engine::options::Options;
use crate::engine::write::caller_queue::WriteLines;
use crate::env::Clock;
use crate::error::{Error, Result};
use crate::ident::Did;
use crate::store::account::{Account, EngineName};
use crate::store::accounts::find_account;
use crate::store::open::Opened;
use crate::store::own_storage::{OwnStorage, Storage};
use crate::store::session::Ended;
use crate::store::storage::SharedStorage;
use crate::store::tables::{Tables, View};
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// An open store, and all operations on it.
///
/// A clone is another handle to the same engine: threads, event readers and mirrors can each own
/// one. [`Engine::close`] closes the engine, as does dropping the last handle.
///
/// # Errors of every call
///
/// Calls list the errors that are theirs. Every call can also fail as follows.
///
/// Reads: `Store` if the database fails, `Corrupt` if stored data is damaged, `Reopen` until
/// [`Engine::reopen`] after a failure of the database, `Closed` after [`Engine::close`].
///
/// Writes: the same, and `RestoreUnconfirmed` until [`Engine::confirm_restore`] in a restored
/// store, `ReadOnly` in a store that is opened read-only ([`Options::read_only`]), and `Stale` if
/// the engine is reopened during an import or a move. A call that fails leaves the store as it was,
/// with one exception: if a write fails with `Reopen`, its flush may have failed, and after
/// [`Engine::reopen`] it is either there as a whole or not at all.
///
/// # Examples
///
/// ```
/// use carrack::engine::{Engine, Op, Record, WriteOptions};
/// use carrack::env::SystemRandom;
/// use carrack::ident::Did;
/// use carrack::key::{Curve, SigningKey};
/// use serde_json::json;
///
/// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
/// let engine = Engine::open(folder.path().join("store.redb"))?;
/// let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
/// let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// engine.create_account(&did, &key)?;
/// let post = Record::from_json(&json!({"$type": "app.bsky.feed.post", "text": "ahoy"}))?;
/// let path = "app.bsky.feed.post/3jzfcijpj2z2a".parse()?;
/// let written = engine.write(&did, vec![Op::create(path, post)], &WriteOptions::default(), &key)?;
/// assert_eq!(engine.status(&did)?.rev, Some(written.rev));
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    pub(in crate::engine) shared: Arc<Shared>,
}

/// The state that all handles of an engine share.
pub(in crate::engine) struct Shared {
    /// The current session; `None` once the engine is closed.
    pub(in crate::engine) core: RwLock<Option<Arc<Core>>>,
    pub(in crate::engine) storage: Arc<SharedStorage>,
    pub(in crate::engine) options: Options,
    pub(in crate::engine) clock: Arc<dyn Clock>,
    pub(in crate::engine) name: String,
    own_name: EngineName,
    /// The format that the store had when it was opened, if it was older than the current one.
    older: Option<u32>,
    /// The file, if this engine created it.
    pub(in crate::engine) created: Option<CreatedFile>,
    pub(in crate::engine) watch: ClockWatch,
    /// Ten bits that distinguish this engine's revisions from others'.
    pub(in crate::engine) clock_id: u16,
    pub(in crate::engine) lines: WriteLines,
    /// Accounts that this process is moving, or whose move it is aborting.
    moves: Mutex<HashSet<Did>>,
}

impl Engine {
    /// Opens the store at `path`, or creates it, with [`Options::default`]. A store of an older
    /// format is upgraded.
    ///
    /// # Errors
    /// `Format` if the file is not a store or comes from a newer version; `InUse` if another
    /// engine, of this process or another one, has it open; `Io` or `Store` if it cannot be opened;
    /// `Corrupt` if it is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &Options::default())
    }

    /// Opens the store at `path` without writing to it: [`Options::read_only`].
    ///
    /// ```
    /// use carrack::{Engine, ErrorKind};
    /// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
    /// # let path = folder.path().join("store.redb");
    /// Engine::open(&path)?.close();
    /// let [first, second] = [Engine::open_read_only(&path)?, Engine::open_read_only(&path)?];
    /// assert_eq!(first.accounts()?, second.accounts()?);
    /// assert_eq!(first.mark_restored().unwrap_err().kind(), ErrorKind::Refused);
    /// assert!(matches!(Engine::open(&path), Err(carrack::Error::InUse)));
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Engine::open`]; `NotFound` if the file does not exist, `InUse` if an engine has it open
    /// for writing.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &Options::default().read_only(true))
    }

    /// Creates an engine whose store is in memory and dropped with its last handle: for tests and
    /// experiments.
    ///
    /// # Errors
    /// `Store` if the database cannot be created.
    pub fn in_memory() -> Result<Self> {
        Self::in_memory_with(&Options::default())
    }

    /// Creates an engine in memory with options.
    ///
    /// # Errors
    /// As [`Engine::in_memory`].
    pub fn in_memory_with(options: &Options) -> Result<Self> {
        Self::open_backend(InMemoryBackend::new(), options)
    }

    /// Opens the store on a storage that the caller implements, or creates one there if it is
    /// empty.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_storage(storage: impl Storage, options: &Options) -> Result<Self> {
        Self::open_backend(OwnStorage(storage), options)
    }

    /// Opens the store on a storage of the database's kind.
    pub(crate) fn open_backend(backend: impl StorageBackend, options: &Options) -> Result<Self> {
        Self::open_created(backend, options, None)
    }

    /// The same, of a file that is being created.
    pub(in crate::engine) fn open_created(
        backend: impl StorageBackend,
        options: &Options,
        created: Option<CreatedFile>,
    ) -> Result<Self> {
        let storage = SharedStorage::new(backend);
        let (core, Opened { engine, older }) = Core::open(&storage, options)?;
        let name = engine.to_string();
        let clock_id = name.get(..3).and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let shared = Shared {
            core: RwLock::new(Some(Arc::new(core))),
            storage,
            options: options.clone(),
            clock: Arc::clone(&options.clock),
            name,
            own_name: engine,
            older,
            created,
            watch: ClockWatch::start(&*options.clock),
            clock_id: clock_id.unwrap_or_default() & 0x3ff,
            lines: WriteLines::default(),
            moves: Mutex::new(HashSet::new()),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The engine's name: 32 hexadecimal digits, drawn at random when the store was created.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The format version that the store had before this engine upgraded it; `None` if it was not
    /// upgraded.
    pub fn upgraded_from(&self) -> Option<u32> {
        self.shared.older.filter(|_| !self.is_read_only())
    }

    /// Whether the store is read-only: because of [`Options::read_only`], or because its format is
    /// older and [`Options::upgrade`] is false.
    pub fn is_read_only(&self) -> bool {
        let Options { read_only, upgrade, .. } = self.shared.options;
        read_only || (self.shared.older.is_some() && !upgrade)
    }

    /// The engine's name as a value.
    pub(crate) fn engine_name(&self) -> EngineName {
        self.shared.own_name
    }

    /// The clock in the options.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    /// The account's row; `None` without the account.
    pub(crate) fn held(&self, did: &Did) -> Result<Option<Account>> {
        find_account(self.view()?.accounts()?, did)
    }

    /// A read transaction.
    pub(crate) fn view(&self) -> Result<View> {
        self.core()?.view()
    }

    /// The current session.
    pub(in crate::engine) fn core(&self) -> Result<Arc<Core>> {
        let core = self.shared.core.read().unwrap_or_else(PoisonError::into_inner);
        core.clone().ok_or_else(|| Error::Closed("the engine was closed".to_owned()))
    }

    /// Runs `work` in the next write transaction, and returns when that is durable. `work` checks
    /// before it writes, and may be run several times.
    pub(crate) fn submit<R: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tables<'_>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.core()?.writer.submit(work)
    }

    /// Registers a move of an account: only one runs at a time, so that an abort does not run
    /// between its steps.
    pub(crate) fn begin_move(&self, did: &Did) -> Result<MoveGuard<'_>> {
        let mut moves = self.shared.moves.lock().unwrap_or_else(PoisonError::into_inner);
        if !moves.insert(did.clone()) {
            return Err(Error::Request(format!("a move of {did} is under way; wait for its end")));
        }
        Ok(MoveGuard { engine: self, did: did.clone() })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl Shared {
    pub(in crate::engine) fn close(&self) {
        let core = self.core.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(core) = core {
            core.end(Ended::Closed);
        }
        // All queued writes are on disk; an error on unlocking does not affect them.
        let _ = self.storage.close();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

/// Registers a move until it is dropped.
pub(crate) struct MoveGuard<'a> {
    engine: &'a Engine,
    did: Did,
}

impl Drop for MoveGuard<'_> {
    fn drop(&mut self) {
        let mut moves = self.engine.shared.moves.lock().unwrap_or_else(PoisonError::into_inner);
        moves.remove(&self.did);
    }
}

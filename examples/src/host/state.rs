//! What all requests share.

use super::error::XrpcError;
use carrack::engine::State;
use carrack::env::SystemClock;
use carrack::ident::{Did, Rev};
use carrack::key::Signer;
use carrack::{Engine, ErrorKind};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

/// Exports at one time. Each occupies two threads until its client has everything, so more of them than
/// this would take the threads that short calls need.
const EXPORTS_MAX: usize = 32;

/// Ten bits that tell record keys of this host from those of others in the same microsecond. One host
/// makes all keys of its accounts, so a constant is enough.
const CLOCK_ID: u16 = 1;

/// An account's credentials.
pub struct Account {
    /// Signs its commits.
    pub signer: Arc<dyn Signer>,
    /// Who presents this may write. A real host verifies OAuth access tokens instead.
    pub token: String,
}

/// The engine and what the server keeps beside it.
pub struct Host {
    engine: Engine,
    accounts: HashMap<Did, Account>,
    pub(super) exports: Arc<Semaphore>,
    last_seq: watch::Receiver<u64>,
    last_key: Mutex<Option<Rev>>,
}

impl Host {
    /// A host of these accounts, which the engine has already.
    ///
    /// # Errors
    /// Those of [`Engine::last_seq`].
    pub fn new(engine: Engine, accounts: HashMap<Did, Account>) -> carrack::Result<Self> {
        let last_seq = watch_log(engine.clone())?;
        let exports = Arc::new(Semaphore::new(EXPORTS_MAX));
        Ok(Self { engine, accounts, exports, last_seq, last_key: Mutex::new(None) })
    }

    /// The engine, for a thread that may block.
    pub(super) fn engine(&self) -> Engine {
        self.engine.clone()
    }

    /// The number of the last event, with a notification when it rises.
    pub(super) fn last_seq(&self) -> watch::Receiver<u64> {
        self.last_seq.clone()
    }

    /// The account that a token belongs to.
    pub(super) fn account_of(&self, token: &str) -> Option<(&Did, &Account)> {
        self.accounts.iter().find(|(_, account)| account.token == token)
    }

    /// Runs a call of the engine on a thread that may block.
    ///
    /// The two kinds of errors that a second try can cure get one: the database has to be reopened, or a
    /// snapshot has ended. The call may therefore run twice.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        call: impl Fn(&Engine) -> carrack::Result<T> + Send + 'static,
    ) -> Result<T, XrpcError> {
        let engine = self.engine();
        let called = spawn_blocking(move || match call(&engine) {
            Err(error) if error.kind() == ErrorKind::Reopen => {
                engine.reopen()?;
                call(&engine)
            }
            Err(error) if error.kind() == ErrorKind::Stale => call(&engine),
            result => result,
        });
        called.await.map_err(|panic| XrpcError::internal(&panic))?.map_err(XrpcError::from)
    }

    /// Refuses the public methods for an account that is not active. The engine does not: it holds the
    /// states, and the server decides who may read.
    pub(super) async fn check_public(&self, did: &Did) -> Result<(), XrpcError> {
        let did = did.clone();
        match self.call(move |engine| engine.status(&did)).await?.state {
            State::Active | State::Leaving { .. } => Ok(()),
            State::Deleted => Err(XrpcError::bad("RepoNotFound", "the account was deleted")),
            State::TakenDown => Err(XrpcError::bad("RepoTakendown", "the account was taken down")),
            State::Suspended => Err(XrpcError::bad("RepoSuspended", "the account is suspended")),
            // Deactivated, moved away, or a state that a later version of the engine adds.
            _ => Err(XrpcError::bad("RepoDeactivated", "the account is not active here")),
        }
    }

    /// A key for a new record: the time, later than that of the key before.
    pub(super) fn next_key(&self) -> carrack::Result<Rev> {
        let mut last = self.last_key.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Rev::after(*last, &SystemClock, CLOCK_ID)?;
        *last = Some(key);
        Ok(key)
    }
}

/// Waits for events on one thread for the whole process: a wait blocks its thread, and subscribers are
/// many. It passes on only the number. The frames stay in the log until a subscriber takes them, so a
/// slow subscriber delays neither this thread nor the engine, and no frame waits in memory.
fn watch_log(engine: Engine) -> carrack::Result<watch::Receiver<u64>> {
    let start = engine.last_seq()?;
    let (sender, receiver) = watch::channel(start);
    std::thread::spawn(move || {
        if let Err(error) = announce(&engine, start, &sender) {
            eprintln!("no more events are announced: {error}");
        }
    });
    Ok(receiver)
}

/// Announces until no receiver is left, which is when the host is dropped.
fn announce(engine: &Engine, start: u64, sender: &watch::Sender<u64>) -> carrack::Result<()> {
    const PAUSE: Duration = Duration::from_secs(1);
    let mut events = engine.events(start)?;
    while !sender.is_closed() {
        match events.wait(PAUSE) {
            Ok(None) => {}
            // Damaged events are skipped here. Each subscriber learns of them from its own reader.
            Ok(Some(_)) | Err(carrack::Error::UnreadableEvents { .. }) => {
                sender.send_replace(events.cursor());
            }
            Err(error) if error.kind() == ErrorKind::Closed => return Ok(()),
            // A request that meets the same failure reopens the engine; this reader goes on after it.
            Err(error) => {
                eprintln!("the event log cannot be read for now: {error}");
                std::thread::sleep(PAUSE);
            }
        }
    }
    Ok(())
}

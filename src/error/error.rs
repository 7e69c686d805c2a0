use super::what::{Compared, Entity, Preparation};
use crate::account::{Action, State};
use crate::ident::{Cid, Did, Rev, RevError, SyntaxError, Timestamp};
use crate::key::{KeyError, VerifyingKey};
use crate::problem::{Code, Problem, Problems};
use std::fmt;

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. A failed operation leaves nothing behind; only a write that fails with
/// [`Error::Reopen`] may be there as a whole after the engine is reopened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Input breaks a rule of the protocol.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// A whole repository was refused; every problem that was found is listed, the cause first.
    #[error("refused: {0}")]
    Refused(Problems),
    /// A text is not a valid identifier (a DID, a path, a revision).
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A key or key file cannot be used.
    #[error("key: {0}")]
    Key(String),
    /// A number exceeds a bound of [`crate::limits`].
    #[error("{what}: {got} is over the limit of {limit}")]
    Limit {
        /// What was counted, with its unit.
        what: &'static str,
        /// The bound.
        limit: u64,
        /// What was asked for.
        got: u64,
    },
    /// The request contradicts itself (one path twice in a batch, say).
    #[error("{0}")]
    Request(String),
    /// There is no such store, account, record, event or other entity.
    #[error("{} not found: {}", .0.kind(), .0)]
    NotFound(Entity),
    /// The entity exists already.
    #[error("{} exists already: {}", .0.kind(), .0)]
    Exists(Entity),
    /// A compare-and-swap did not match: read again and decide anew.
    #[error(
        "{what}: expected {}, found {}; read again and decide anew",
        or_none(expected.as_ref()), or_none(found.as_ref())
    )]
    Swap {
        /// What was compared: a head, or a record.
        what: Compared,
        /// The CID that the caller expected; `None` for no record.
        expected: Option<Box<Cid>>,
        /// The CID that was found; `None` for no record.
        found: Option<Box<Cid>>,
    },
    /// The account changed while a change of it was prepared: read again and decide anew.
    #[error("account {did} changed during {during}; read again and decide anew")]
    Changed {
        /// The account.
        did: Did,
        /// The operation that was being prepared.
        during: Preparation,
    },
    /// The destination of a move has signed a later revision for this account than the one that
    /// the move would sign.
    #[error(
        "revision of {did} at the destination: expected none above {rev}, found {held}; read again \
         and decide anew"
    )]
    RevBehind {
        /// The account.
        did: Did,
        /// The revision of the move.
        rev: Rev,
        /// The revision that the destination holds.
        held: Rev,
    },
    /// The account's state does not allow this.
    #[error("account {did} is {state}: it allows no {action}")]
    State {
        /// The account.
        did: Did,
        /// Its state.
        state: State,
        /// The refused operation.
        action: Action,
    },
    /// An import or a diff over an account that takes writes, is suspended or is taken down does not
    /// name the head that it replaces: [`ImportOptions::replace`](crate::engine::ImportOptions::replace).
    #[error(
        "account {did} is {state}: what replaces its repository has to name its head, which is \
         {head} (`ImportOptions::replace`)"
    )]
    HeadNotNamed {
        /// The account.
        did: Did,
        /// Its state.
        state: State,
        /// Its head.
        head: Box<Cid>,
    },
    /// The store was restored from a backup and takes no writes until the restore is confirmed:
    /// [`Engine::confirm_restore`](crate::Engine::confirm_restore).
    #[error(
        "the store was restored from a backup and takes no writes until the restore is confirmed \
         (`Engine::confirm_restore`), with the highest sequence number and revision that were ever \
         published (this copy ends at sequence number {last_seq}, revision {})",
        or_none(last_rev.as_ref())
    )]
    RestoreUnconfirmed {
        /// The number of the last event that the copy holds.
        last_seq: u64,
        /// The newest revision that it holds.
        last_rev: Option<Rev>,
    },
    /// A revision is in the future, or would be: the clock is behind, or another one was ahead.
    #[error(transparent)]
    Clock(#[from] RevError),
    /// An account's last revision is ahead of the clock by more than five minutes, so none is
    /// signed after it: the clock is behind, or was ahead when that one was signed.
    #[error(
        "account {did} takes no writes until {until}: its last revision {rev} is ahead of this \
         machine's clock; check the clock; if that revision was signed by a clock that was wrong, \
         wait, or accept it (`Engine::accept_rev`)"
    )]
    RevAhead {
        /// The account.
        did: Did,
        /// Its last revision.
        rev: Rev,
        /// The end of the block.
        until: Timestamp,
    },
    /// The clock has gone on further than time has passed since the engine was opened, by more than
    /// five minutes. Nothing is signed.
    #[error(
        "this machine's clock has jumped ahead by {seconds} s, to {now}: nothing is signed; check \
         the clock, then accept its time (`Engine::accept_clock`) or open the engine again"
    )]
    ClockJumped {
        /// How far it is ahead of the time that has passed.
        seconds: u64,
        /// The clock's time.
        now: Timestamp,
    },
    /// A commit was to be signed with a key that is not the account's.
    #[error("{}", other_key(.did, .held.as_deref(), .signer))]
    OtherKey {
        /// The account.
        did: Did,
        /// The account's key, if it is known.
        held: Option<Box<VerifyingKey>>,
        /// The signer's.
        signer: Box<VerifyingKey>,
    },
    /// Reading or writing failed outside the store.
    #[error("{doing}: {source}")]
    Io {
        /// The operation, and the file.
        doing: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// Another engine, of this process or another one, has the store open.
    #[error("the store is in use: close it where it is open, or wait")]
    InUse,
    /// The database failed.
    #[error("store: {0}")]
    Store(Box<dyn std::error::Error + Send + Sync>),
    /// The store is damaged. Run [`Engine::scrub`](crate::Engine::scrub), restore a backup.
    #[error("the store is damaged: {0}; run scrub, and restore from a backup")]
    Corrupt(String),
    /// Events with these numbers, if there are any, cannot be read. Report the loss to followers
    /// and read on: the next call continues after them.
    #[error("the store is damaged: events {first} to {last} cannot be read: {cause}")]
    UnreadableEvents {
        /// The first number that cannot be read.
        first: u64,
        /// The last one.
        last: u64,
        /// The cause.
        cause: String,
    },
    /// The file is not a store, or comes from a newer version.
    #[error("{0}")]
    Format(String),
    /// The store was opened read-only, and this would write to it.
    #[error("{0}")]
    ReadOnly(String),
    /// The database refuses everything after a failure (a failed read or write, a full disk, a lock
    /// that a panic poisoned). Durable data is safe. Remove the cause and call
    /// [`Engine::reopen`](crate::Engine::reopen).
    #[error("the engine has to be reopened: {0}")]
    Reopen(String),
    /// A snapshot, or a reader that continues from one, is too old, or its engine was reopened:
    /// take a new snapshot.
    #[error("{0}; take a new snapshot")]
    Stale(String),
    /// The engine was closed: open it again.
    #[error("{0}")]
    Closed(String),
}

/// What the caller should do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is invalid, and a retry fails too: report it to the sender.
    Invalid,
    /// The entity does not exist.
    NotFound,
    /// The state has changed: read again and decide anew.
    Conflict,
    /// A state or a policy forbids the operation for now.
    Refused,
    /// The machine failed outside the store (disk, pipe, clock): try again later.
    Unavailable,
    /// The database refuses everything until the engine is reopened:
    /// [`Engine::reopen`](crate::Engine::reopen), then try again.
    Reopen,
    /// A snapshot has ended: take a new one and try again.
    Stale,
    /// The engine was closed: open it again.
    Closed,
    /// The store is damaged: run `scrub`, restore from a backup.
    Corrupt,
}

impl Error {
    /// The kind of the error, which says what to do.
    ///
    /// ```
    /// use carrack::error::{Entity, Error, ErrorKind};
    /// let engine = carrack::Engine::in_memory()?;
    /// let error = engine.snapshot(&"did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?).err().unwrap();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// assert!(matches!(error, Error::NotFound(Entity::Account(_))));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Problem(_)
            | Self::Refused(_)
            | Self::Syntax(_)
            | Self::Key(_)
            | Self::Limit { .. }
            | Self::Request(_)
            | Self::Format(_) => ErrorKind::Invalid,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Exists(_) | Self::Swap { .. } | Self::Changed { .. } | Self::RevBehind { .. } => {
                ErrorKind::Conflict
            }
            Self::State { .. }
            | Self::HeadNotNamed { .. }
            | Self::RestoreUnconfirmed { .. }
            | Self::OtherKey { .. }
            | Self::ReadOnly(_) => ErrorKind::Refused,
            Self::Clock(_)
            | Self::RevAhead { .. }
            | Self::ClockJumped { .. }
            | Self::Io { .. }
            | Self::InUse
            | Self::Store(_) => ErrorKind::Unavailable,
            Self::Reopen(_) => ErrorKind::Reopen,
            Self::Stale(_) => ErrorKind::Stale,
            Self::Closed(_) => ErrorKind::Closed,
            Self::Corrupt(_) | Self::UnreadableEvents { .. } => ErrorKind::Corrupt,
        }
    }

    /// The problems of the input; empty for other errors.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Problem(problem) => std::slice::from_ref(problem),
            Self::Refused(problems) => problems.listed(),
            _ => &[],
        }
    }

    /// The number of problems of the input that [`Error::problems`] does not list.
    pub fn problems_omitted(&self) -> u64 {
        match self {
            Self::Refused(problems) => problems.omitted(),
            _ => 0,
        }
    }

    pub(crate) fn io(doing: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { doing: doing.into(), source }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<crate::ident::CidError> for Error {
    fn from(error: crate::ident::CidError) -> Self {
        Problem::from(error).into()
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Syntax(error) => Self::Syntax(error),
            KeyError::Unusable(why) => Self::Key(why),
            KeyError::Io { doing, source } => Self::Io { doing, source },
            KeyError::Exists(path) => Self::Exists(Entity::KeyFile(path)),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Problem(problem) => *problem,
            error => Self::new(Code::BadSection, error.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($name:ident),*) => {$(
        #[doc(hidden)]
        impl From<redb::$name> for Error {
            fn from(error: redb::$name) -> Self {
                Self::from(redb::Error::from(error))
            }
        }
    )*};
}
from_redb!(
    DatabaseError,
    TransactionError,
    TableError,
    StorageError,
    CommitError,
    CursorError,
    SetDurabilityError
);

#[doc(hidden)]
impl From<redb::Error> for Error {
    /// The database latches a failure of its storage: everything fails from then on, until it is
    /// opened anew.
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Corrupted(what) => Self::Corrupt(what),
            redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::LockPoisoned(_) => {
                Self::Reopen(error.to_string())
            }
            redb::Error::DatabaseClosed => {
                Self::Stale("the engine was reopened or closed".to_owned())
            }
            error => Self::Store(Box::new(error)),
        }
    }
}

fn or_none(value: Option<&impl fmt::Display>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn other_key(did: &Did, held: Option<&VerifyingKey>, signer: &VerifyingKey) -> String {
    let rekey = "ask for a change of keys (`WriteOptions::rekey`)";
    match held {
        Some(held) => format!(
            "account {did} signs with {held}, and the signer's key is {signer}: sign with the \
             account's key, or {rekey}"
        ),
        None => format!(
            "account {did} has no key that is known, as its head was not checked, and the signer's \
             key is {signer}: check the head against the account's identity (`Engine::check_trust`), \
             or {rekey}"
        ),
    }
}

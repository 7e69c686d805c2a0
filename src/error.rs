//! What can go wrong, and what the caller should do about it.
//!
//! Two shapes: a [`Problem`] is a finding about bytes from outside (which CID, path or offset, and
//! a [`Code`](crate::Code) that scripts can rely on), and an [`Error`] is why an operation did not happen.
//! [`Error::kind`] says what to do next.

use crate::problem::Problem;

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation did not happen. Nothing of a failed operation remains.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes from outside break a rule of the protocol.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// A whole repository was refused; every problem that was found is listed.
    #[error("refused: {}", summary(.0))]
    Refused(Vec<Problem>),
    /// A text is not what it should be (a DID, a path, a revision).
    #[error("{text:?} is not a valid {what}: {reason}")]
    Syntax {
        /// The kind of identifier that was expected.
        what: &'static str,
        /// The text as given, cut to 128 characters.
        text: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
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
    /// No such account, record or revision here.
    #[error("{what} not found: {name}")]
    NotFound {
        /// Account, record, revision.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It is there already.
    #[error("{what} exists already: {name}")]
    Exists {
        /// Account or record.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A compare-and-swap did not match: read again, decide again.
    #[error("{what}: expected {expected}, found {found}; read again and decide anew")]
    Swap {
        /// The head, or the record's path.
        what: String,
        /// What the caller named.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The account's state does not allow this.
    #[error("account {did} is {state}: it allows no {action}")]
    State {
        /// The account.
        did: String,
        /// Its state in words, with where it moved to.
        state: String,
        /// What was asked.
        action: &'static str,
    },
    /// The store was restored from a backup and takes no writes until the restore is confirmed:
    /// [`Engine::confirm_restore`](crate::Engine::confirm_restore).
    #[error(
        "the store was restored from a backup and takes no writes until the restore is confirmed: \
         `carrack backup confirm STORE --seq N --rev REV`, with the highest that were ever published \
         (this copy ends at sequence number {last_seq}, revision {last_rev})"
    )]
    RestoreUnconfirmed {
        /// The number of the last event that the copy holds.
        last_seq: u64,
        /// The newest revision that it holds, or "none".
        last_rev: String,
    },
    /// A revision is in the future, or would be: the clock is behind, or another one was ahead.
    #[error("revision {rev} is ahead of this machine's clock; check the clock, or wait")]
    Clock {
        /// The revision.
        rev: String,
    },
    /// An account's last revision is ahead of the clock by more than five minutes, so none is
    /// signed after it: the clock is behind, or was ahead when that one was signed.
    #[error(
        "account {did} takes no writes until {until}: its last revision {rev} is ahead of this \
         machine's clock; check the clock; if that revision was signed by a clock that was wrong, \
         wait, or accept it (`Engine::accept_rev`, `carrack write --accept-rev`)"
    )]
    RevAhead {
        /// The account.
        did: String,
        /// Its last revision.
        rev: String,
        /// When the clock has come near enough, in RFC 3339.
        until: String,
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
        /// What it says, in RFC 3339.
        now: String,
    },
    /// A commit was to be signed with a key that is not the account's.
    #[error("{}", other_key(.did, .held.as_deref(), .signer))]
    OtherKey {
        /// The account.
        did: String,
        /// The account's key as did:key, if it is known.
        held: Option<String>,
        /// The signer's, as did:key.
        signer: String,
    },
    /// Reading or writing failed outside the store.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, to which file.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another engine, of this process or another one, has the store open.
    #[error("the store is in use: close it where it is open, or wait")]
    InUse,
    /// The database failed.
    #[error("store: {0}")]
    Store(Box<dyn std::error::Error + Send + Sync>),
    /// The store holds what this engine would never have written. Run `scrub`, restore a backup.
    #[error("the store is damaged: {0}; run scrub, and restore from a backup")]
    Corrupt(String),
    /// Events of these numbers, if there were any, cannot be read: tell the followers that they have
    /// missed something, and read on, which begins behind them.
    #[error("the store is damaged: events {first} to {last} cannot be read: {cause}")]
    UnreadableEvents {
        /// The first number that cannot be read.
        first: u64,
        /// The last one.
        last: u64,
        /// What the store said.
        cause: String,
    },
    /// The store was written by a newer Carrack, or by something else.
    #[error("{0}")]
    Format(String),
    /// The database has met a failure after which it refuses everything (a read or write that
    /// failed, a full disk, a lock that a panic poisoned): what is durable is safe.
    /// [`Engine::reopen`](crate::Engine::reopen) once the cause is gone.
    #[error("the engine has to be reopened: {0}")]
    Reopen(String),
    /// A snapshot, or a reader that goes on from one, is too old, or its engine was reopened: take a
    /// new one.
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
    /// The input is wrong and will be wrong again: tell the sender.
    Invalid,
    /// Not here.
    NotFound,
    /// The world has moved on: read again and decide anew.
    Conflict,
    /// A state or a policy forbids it for now.
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
    /// What to do about it.
    ///
    /// ```
    /// use carrack::{ErrorKind, ident::Did};
    /// let error = "did:".parse::<Did>().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Invalid);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Problem(_)
            | Self::Refused(_)
            | Self::Syntax { .. }
            | Self::Key(_)
            | Self::Limit { .. }
            | Self::Request(_)
            | Self::Format(_) => ErrorKind::Invalid,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Exists { .. } | Self::Swap { .. } => ErrorKind::Conflict,
            Self::State { .. } | Self::RestoreUnconfirmed { .. } | Self::OtherKey { .. } => {
                ErrorKind::Refused
            }
            Self::Clock { .. }
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

    /// The problems that it carries, if it is about bytes from outside.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Problem(problem) => std::slice::from_ref(problem),
            Self::Refused(problems) => problems,
            _ => &[],
        }
    }

    pub(crate) fn syntax(what: &'static str, text: &str, reason: &'static str) -> Self {
        Self::Syntax { what, text: text.chars().take(128).collect(), reason }
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

fn other_key(did: &str, held: Option<&str>, signer: &str) -> String {
    let rekey = "ask for a change of keys (`WriteOptions::rekey`, `carrack write --rekey`)";
    match held {
        Some(held) => format!(
            "account {did} signs with {held}, and the signer's key is {signer}: sign with the \
             account's key, or {rekey}"
        ),
        None => format!(
            "account {did} has no key that is known, as its head was not checked, and the signer's \
             key is {signer}: check the head against the account's identity (`Engine::check_trust`, \
             `carrack trust`), or {rekey}"
        ),
    }
}

fn summary(problems: &[Problem]) -> String {
    match problems {
        [] => "no problem named".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

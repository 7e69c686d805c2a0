//! The account row: which tree an account shows, its head, its state.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::ident::Rev;
pub use crate::store::engine_name::EngineName;
pub(crate) use crate::store::engine_name::Origin;
pub(crate) use crate::store::head_key::{HeadKey, HeldKey};
pub use crate::store::head_key::{Trust, TrustKey};
use std::fmt;

/// What an account may be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// In use.
    Active,
    /// Switched off by its owner.
    Deactivated,
    /// Switched off by the operator, reversibly.
    Suspended,
    /// Taken down by the operator.
    TakenDown,
    /// Gone: only its name and last revision are kept.
    Deleted,
    /// On its way to another engine; takes no writes meanwhile.
    Leaving {
        /// The destination, as its operator names it.
        to: String,
        /// The destination, as it names itself.
        engine: EngineName,
    },
    /// Moved to another engine; the copy here is history.
    Moved {
        /// The destination, as its operator names it.
        to: String,
        /// The destination, as it names itself.
        engine: EngineName,
    },
}

impl State {
    /// Whether records may be read: the one table of what each state allows, first half.
    pub fn allows_reads(&self) -> bool {
        match self {
            Self::Active
            | Self::Deactivated
            | Self::Suspended
            | Self::TakenDown
            | Self::Leaving { .. }
            | Self::Moved { .. } => true,
            Self::Deleted => false,
        }
    }

    /// Whether records may be written: the other half.
    pub fn allows_writes(&self) -> bool {
        match self {
            Self::Active => true,
            Self::Deactivated
            | Self::Suspended
            | Self::TakenDown
            | Self::Deleted
            | Self::Leaving { .. }
            | Self::Moved { .. } => false,
        }
    }

    /// Whether an import may replace the account's repository without naming its head.
    pub fn allows_replacement(&self) -> bool {
        match self {
            Self::Deactivated | Self::Deleted | Self::Moved { .. } => true,
            Self::Active | Self::Suspended | Self::TakenDown | Self::Leaving { .. } => false,
        }
    }

    /// Whether it is on its way to another engine.
    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self, Self::Leaving { .. })
    }

    /// The name that `status` prints.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Suspended => "suspended",
            Self::TakenDown => "takendown",
            Self::Deleted => "deleted",
            Self::Leaving { .. } => "leaving",
            Self::Moved { .. } => "moved",
        }
    }

    /// Where it is going or has gone.
    pub(crate) fn destination(&self) -> Option<(&str, EngineName)> {
        match self {
            Self::Leaving { to, engine } | Self::Moved { to, engine } => Some((to, *engine)),
            _ => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.destination() {
            None => f.write_str(self.name()),
            Some((to, _)) => write!(f, "{} to {to}", self.name()),
        }
    }
}

/// The head of an account's repository, and what its rows hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) tree: u64,
    pub(crate) commit: Cid,
    pub(crate) data: Cid,
    pub(crate) rev: Rev,
    /// The height of the tree's root.
    pub(crate) height: u8,
    pub(crate) records: u64,
    /// Commit, nodes and records.
    pub(crate) blocks: u64,
    /// Bytes of the sections.
    pub(crate) bytes: u64,
}

/// An account as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) state: State,
    /// The key that signed the head, and what is known of it.
    pub(crate) key: HeadKey,
    /// The last revision that was held here, which later ones have to be above: the head's, or that
    /// of the last head of an account that is gone. A confirmed restore does not raise it.
    pub(crate) last_rev: Rev,
    /// Whether the account takes writes though its last revision is ahead of the clock.
    pub(crate) may_be_ahead: bool,
    /// Where the repository came from, if it was moved here. It stays known after deletion.
    pub(crate) origin: Option<Origin>,
    /// `None` once it is deleted.
    pub(crate) head: Option<Head>,
}

impl Account {
    /// The head of an account that has one and may be read.
    pub(crate) fn readable_head(&self, did: &str) -> Result<&Head> {
        match &self.head {
            Some(head) if self.state.allows_reads() => Ok(head),
            _ => Err(self.refuse(did, "reads")),
        }
    }

    /// The error that says which state forbids what.
    pub(crate) fn refuse(&self, did: &str, action: &'static str) -> Error {
        Error::State { did: did.to_owned(), state: self.state.to_string(), action }
    }
}

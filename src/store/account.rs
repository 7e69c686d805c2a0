//! The account row: which tree an account shows, its head, its state.

use crate::account::Action;
pub(crate) use crate::account::{EngineName, Origin, State, Trust, TrustKey};
use crate::block::Cid;
use crate::error::{Error, Result};
use crate::ident::{Did, Rev};
pub(crate) use crate::store::head_key::{HeadKey, HeldKey};

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
    pub(crate) fn readable_head(&self, did: &Did) -> Result<&Head> {
        match &self.head {
            Some(head) if self.state.allows_reads() => Ok(head),
            _ => Err(self.refuse(did, Action::Read)),
        }
    }

    /// The error that says which state forbids what.
    pub(crate) fn refuse(&self, did: &Did, action: Action) -> Error {
        Error::State { did: did.clone(), state: self.state.clone(), action }
    }
}

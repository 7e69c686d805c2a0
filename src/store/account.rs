//! The account row: which tree an account shows, its head, its state.

use crate::block::Cid;
use crate::block::drisl::{Decoder, Encoder, Fault};
use crate::error::{Error, Result};
use crate::ident::Rev;
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
    },
    /// Moved to another engine; the copy here is history.
    Moved {
        /// The destination, as its operator names it.
        to: String,
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

    fn to(&self) -> &str {
        match self {
            Self::Leaving { to } | Self::Moved { to } => to,
            _ => "",
        }
    }

    fn from_parts(name: &str, to: &str) -> Option<Self> {
        Some(match name {
            "active" => Self::Active,
            "deactivated" => Self::Deactivated,
            "suspended" => Self::Suspended,
            "takendown" => Self::TakenDown,
            "deleted" => Self::Deleted,
            "leaving" => Self::Leaving { to: to.to_owned() },
            "moved" => Self::Moved { to: to.to_owned() },
            _ => return None,
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to() {
            "" => f.write_str(self.name()),
            to => write!(f, "{} to {to}", self.name()),
        }
    }
}

/// How far an account's head has been verified here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// Signed by this engine's caller, or verified with a key that the caller gave.
    Verified,
    /// Imported without a key: structure and hashes are right, the signature was not checked.
    Unverified,
}

impl Trust {
    /// The name that `status` prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unverified => "unverified",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Verified, Self::Unverified].into_iter().find(|trust| trust.name() == name)
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
    pub(crate) trust: Trust,
    /// The key that the head verifies under, as a did:key; empty if it is not known.
    pub(crate) key: String,
    /// Never to be gone below, also after the repository itself is gone.
    pub(crate) rev_floor: Rev,
    /// Where the repository came from, if it was moved here: the source engine and its commit.
    pub(crate) origin: Option<(String, Cid)>,
    /// The engine that it is leaving or has moved to, by name; empty otherwise.
    pub(crate) bound_to: String,
    /// `None` once it is deleted.
    pub(crate) head: Option<Head>,
}

const FIELDS: usize = 9;
const HEAD_FIELDS: usize = 8;

impl Account {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        to.array(FIELDS);
        to.text(self.state.name());
        to.text(self.state.to());
        to.text(self.trust.name());
        to.text(&self.key);
        to.uint(self.rev_floor.as_u64());
        to.text(self.origin.as_ref().map_or("", |(engine, _)| engine));
        to.nullable_link(self.origin.as_ref().map(|(_, commit)| commit));
        to.text(&self.bound_to);
        match &self.head {
            None => to.null(),
            Some(head) => encode_head(&mut to, head),
        }
        to.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        decode_account(bytes)
            .map_err(|fault| Error::Corrupt(format!("an account row cannot be read: {fault}")))?
            .ok_or_else(|| Error::Corrupt("an account row holds an unknown word".to_owned()))
    }

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

fn encode_head(to: &mut Encoder, head: &Head) {
    to.array(HEAD_FIELDS);
    to.uint(head.tree);
    to.link(&head.commit);
    to.link(&head.data);
    to.uint(head.rev.as_u64());
    to.uint(head.height.into());
    to.uint(head.records);
    to.uint(head.blocks);
    to.uint(head.bytes);
}

fn decode_account(bytes: &[u8]) -> Result<Option<Account>, Fault> {
    let mut from = Decoder::new(bytes);
    if from.array()? != FIELDS {
        return Ok(None);
    }
    let state = State::from_parts(from.text()?, from.text()?);
    let trust = Trust::from_name(from.text()?);
    let key = from.text()?.to_owned();
    let rev_floor = Rev::from_u64(from.uint()?).ok();
    let engine = from.text()?.to_owned();
    let origin = from.nullable_link()?.map(|commit| (engine, commit));
    let bound_to = from.text()?.to_owned();
    let head = if from.is_null() {
        from.null()?;
        Some(None)
    } else {
        decode_head(&mut from)?.map(Some)
    };
    from.end()?;
    let (Some(state), Some(trust), Some(rev_floor), Some(head)) = (state, trust, rev_floor, head)
    else {
        return Ok(None);
    };
    Ok(Some(Account { state, trust, key, rev_floor, origin, bound_to, head }))
}

fn decode_head(from: &mut Decoder<'_>) -> Result<Option<Head>, Fault> {
    if from.array()? != HEAD_FIELDS {
        return Ok(None);
    }
    let tree = from.uint()?;
    let (commit, data) = (from.link()?, from.link()?);
    let rev = Rev::from_u64(from.uint()?).ok();
    let height = u8::try_from(from.uint()?).ok();
    let (records, blocks, bytes) = (from.uint()?, from.uint()?, from.uint()?);
    let (Some(rev), Some(height)) = (rev, height) else { return Ok(None) };
    Ok(Some(Head { tree, commit, data, rev, height, records, blocks, bytes }))
}

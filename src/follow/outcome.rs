use crate::block::Cid;
use crate::event::Event;
use crate::ident::{Did, Rev};

/// A frame that was well-formed and no forgery, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Taken<T> {
    /// Its type, `#commit` for example; `None` if it is of no type known here.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: Option<&'static str>,
    /// Its number in the stream.
    pub seq: Option<u64>,
    /// The account.
    pub did: Option<Did>,
    /// How many numbers were skipped before this one. Streams may be filtered, so this alone
    /// proves no loss.
    pub missed: u64,
    /// What became of it.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub outcome: T,
}

impl<T> Taken<T> {
    pub(super) fn of(event: &Event, missed: u64, outcome: T) -> Self {
        let (kind, seq, did) = (event.kind(), event.seq(), event.did().clone());
        Self { kind: Some(kind), seq: Some(seq), did: Some(did), missed, outcome }
    }

    pub(super) fn unknown(outcome: T) -> Self {
        Self { kind: None, seq: None, did: None, missed: 0, outcome }
    }
}

/// Why a frame is passed over. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignored {
    /// Its number is not higher than the last one of the stream.
    Repeated,
    /// Its revision is not newer than the last one of the account.
    OldRev,
    /// It announces the head that is here.
    AlreadyHeld,
    /// The account is not here, and this is not where it begins.
    NotHeld,
    /// The account is not active: its content is not passed on.
    Inactive,
    /// An error frame, or one of unknown operation or type.
    Unknown,
}

impl Ignored {
    /// The word that the command line prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::OldRev => "old-rev",
            Self::AlreadyHeld => "already-held",
            Self::NotHeld => "not-held",
            Self::Inactive => "inactive",
            Self::Unknown => "unknown",
        }
    }
}

/// An event does not follow on what is here: some have been missed, or the host has changed its
/// story. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OutOfSync {
    /// What does not match.
    pub why: Mismatch,
    /// The last revision that is here.
    pub held_rev: Rev,
    /// The root of its tree.
    pub held_data: Cid,
    /// The revision of the event.
    pub rev: Rev,
}

/// What of an event does not match what is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// `since` is another revision.
    Since,
    /// `prevData` is another tree.
    PrevData,
    /// A `#sync` declares another tree.
    Sync,
    /// An event before it did not match, and nothing has set that right.
    Earlier,
}

impl Mismatch {
    /// The word that the command line prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Since => "since",
            Self::PrevData => "prevData",
            Self::Sync => "sync",
            Self::Earlier => "earlier",
        }
    }
}

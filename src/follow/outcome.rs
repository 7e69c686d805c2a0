use crate::block::Cid;
use crate::event::Event;
use crate::ident::{Did, Rev};

/// The result for a frame that was well-formed and not forged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Taken<T> {
    /// The event's type, for example `#commit`; `None` if the type is unknown.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: Option<&'static str>,
    /// The sequence number in the stream.
    pub seq: Option<u64>,
    /// The account.
    pub did: Option<Did>,
    /// How many sequence numbers were skipped before this one. Streams may be filtered, so this
    /// alone does not prove a loss.
    pub missed: u64,
    /// What was done with it.
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

/// Why a frame was ignored. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignored {
    /// The sequence number is not above the last one.
    Repeated,
    /// The revision is not newer than the account's last one.
    OldRev,
    /// The head is the known one.
    AlreadyHeld,
    /// The account is not known, and this is not its first commit.
    NotHeld,
    /// The account is not active, so its content is not passed on.
    Inactive,
    /// An error frame, or one of unknown operation or type.
    Unknown,
}

impl Ignored {
    /// The word in the command line's output.
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

/// An event does not follow the known head: events were missed, or the host changed its history.
/// Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OutOfSync {
    /// The contradiction.
    pub why: Mismatch,
    /// The last known revision.
    pub held_rev: Rev,
    /// The root of its tree.
    pub held_data: Cid,
    /// The revision of the event.
    pub rev: Rev,
}

/// Which part of an event contradicts the known head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// `since` is not the known revision.
    Since,
    /// `prevData` is not the known tree.
    PrevData,
    /// A `#sync` names another tree.
    Sync,
    /// An earlier event did not match, and the account has not been recovered.
    Earlier,
}

impl Mismatch {
    /// The word in the command line's output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Since => "since",
            Self::PrevData => "prevData",
            Self::Sync => "sync",
            Self::Earlier => "earlier",
        }
    }
}

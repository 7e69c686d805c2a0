use super::Timestamp;
use super::fields::{EventFields, encode_start};
use crate::block::drisl::Encoder;
use crate::ident::Did;
use crate::problem::Problem;
use std::sync::Arc;

/// `#account`: the state of the account at this host. Lexicon:
/// `com.atproto.sync.subscribeRepos#account`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEvent {
    /// The sequence number in the stream.
    pub seq: u64,
    /// The account.
    pub did: Did,
    /// The time of the event.
    pub time: Timestamp,
    /// Whether the account's content may be passed on.
    pub active: bool,
    /// Why the account is not active; or a limitation of an active one.
    pub status: Option<HostingStatus>,
}

/// A state of an account at a host, as the field `status` gives it.
///
/// ```
/// use carrack::event::HostingStatus;
/// assert_eq!(HostingStatus::from("takendown"), HostingStatus::Takendown);
/// assert_eq!(HostingStatus::from("asleep").as_str(), "asleep");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostingStatus {
    /// The host took the account down.
    Takendown,
    /// The host suspended the account for a time.
    Suspended,
    /// The account is deleted.
    Deleted,
    /// The owner deactivated the account.
    Deactivated,
    /// The sender's copy of the repository is out of sync.
    Desynchronized,
    /// The sender limits the rate of the account's events.
    Throttled,
    /// A word that the specification does not define.
    Other(Arc<str>),
}

impl HostingStatus {
    /// The word in the field `status`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Takendown => "takendown",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
            Self::Deactivated => "deactivated",
            Self::Desynchronized => "desynchronized",
            Self::Throttled => "throttled",
            Self::Other(word) => word,
        }
    }

    /// Whether an active account can have this status.
    pub fn allows_active(&self) -> bool {
        matches!(self, Self::Desynchronized | Self::Throttled | Self::Other(_))
    }
}

impl From<&str> for HostingStatus {
    fn from(word: &str) -> Self {
        match word {
            "takendown" => Self::Takendown,
            "suspended" => Self::Suspended,
            "deleted" => Self::Deleted,
            "deactivated" => Self::Deactivated,
            "desynchronized" => Self::Desynchronized,
            "throttled" => Self::Throttled,
            other => Self::Other(other.into()),
        }
    }
}

impl AccountEvent {
    /// Returns the position of the sequence number.
    pub(super) fn encode(&self, to: &mut Encoder) -> usize {
        to.map(4 + usize::from(self.status.is_some()));
        let at = encode_start(to, &self.did, self.seq, &self.time);
        to.text("active");
        to.bool(self.active);
        if let Some(status) = &self.status {
            to.text("status");
            to.text(status.as_str());
        }
        at
    }

    pub(super) fn decode(fields: EventFields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            seq: fields.uint("seq")?,
            did: fields.did("did")?,
            time: fields.time()?,
            active: fields.bool("active")?,
            status: fields.optional_text("status")?.map(HostingStatus::from),
        })
    }
}

use super::Timestamp;
use super::fields::{EventFields, encode_start};
use crate::block::drisl::Encoder;
use crate::ident::Did;
use crate::problem::Problem;
use std::sync::Arc;

/// `#account`: the account is hosted here in this state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEvent {
    /// Number in the stream.
    pub seq: u64,
    /// The account.
    pub did: Did,
    /// When the event was made.
    pub time: Timestamp,
    /// Whether its content may be passed on.
    pub active: bool,
    /// Why not; or what is the matter with it although it is active.
    pub status: Option<HostingStatus>,
}

/// What is the matter with an account.
///
/// ```
/// use carrack::event::HostingStatus;
/// assert_eq!(HostingStatus::from("takendown"), HostingStatus::Takendown);
/// assert_eq!(HostingStatus::from("asleep").as_str(), "asleep");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostingStatus {
    /// Its host took it down.
    Takendown,
    /// Its host suspended it for a time.
    Suspended,
    /// It is deleted.
    Deleted,
    /// Its owner deactivated it.
    Deactivated,
    /// The sender has lost track of its repository.
    Desynchronized,
    /// It does more than the sender passes on.
    Throttled,
    /// A word that the specification does not have yet.
    Other(Arc<str>),
}

impl HostingStatus {
    /// The word in events.
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

    /// Whether an account can be active in spite of it.
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
    /// Gives where the number stands.
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

use super::EngineName;
use std::fmt;

/// The state of an account in an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// In use: records can be read and written.
    Active,
    /// Deactivated by its owner: read-only.
    Deactivated,
    /// Suspended by the operator for a time: read-only.
    Suspended,
    /// Taken down by the operator: read-only.
    TakenDown,
    /// Deleted: only the DID and the last revision are kept.
    Deleted,
    /// Moving to another engine: read-only, the *fence* of a move.
    Leaving {
        /// The destination's name or URL.
        to: String,
        /// The destination's engine name.
        engine: EngineName,
    },
    /// Moved to another engine: the copy here is read-only and no longer updated.
    Moved {
        /// The destination's name or URL.
        to: String,
        /// The destination's engine name.
        engine: EngineName,
    },
}

impl State {
    /// Whether records may be read. With [`State::allows_writes`], the only table of what each
    /// state allows.
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

    /// Whether records may be written.
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

    /// Whether it is leaving for another engine.
    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self, Self::Leaving { .. })
    }

    /// The word in the command line's output.
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

    /// The destination of a leaving or moved account.
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

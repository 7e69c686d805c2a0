use super::EngineName;
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

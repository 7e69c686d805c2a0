use std::fmt;

/// The operation that an account's state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// A read of its repository.
    Read,
    /// A write to its repository.
    Write,
    /// A change of its state by its operator.
    SetState,
    /// Its deletion.
    Delete,
    /// An import of another head while the account is leaving for another engine.
    ImportWhileLeaving,
    /// A diff for an account without a head.
    ApplyDiff,
    /// Following the account at another host.
    Follow,
    /// The start of a move.
    Depart,
    /// The end of a move at the source, where the account was not on that move.
    FinishMove,
    /// The end of a move at the destination, where the account is in use.
    Arrive,
    /// The abort of a move while none is in progress.
    AbortMove,
    /// The abort of a move to another destination than the account's.
    AbortOtherMove,
    /// The abort of a move that has arrived.
    AbortArrived,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "reads",
            Self::Write => "writes",
            Self::SetState => "change of state",
            Self::Delete => "deletion",
            Self::ImportWhileLeaving => "import while it is on its way",
            Self::ApplyDiff => "diffs: import a full copy",
            Self::Follow => "following",
            Self::Depart => "departure",
            Self::FinishMove => "end of a move that it was not on",
            Self::Arrive => "arrival of the same account",
            Self::AbortMove => "abort of a move: none is under way",
            Self::AbortOtherMove => "abort with another destination",
            Self::AbortArrived => "abort: the account has arrived; run the move again to finish it",
        })
    }
}

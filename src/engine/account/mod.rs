//! Accounts: creation, state, deletion, moves and trust.

pub(super) mod clock_watch;
pub(super) mod handover;
pub(super) mod lifecycle;
pub(super) mod next_rev;
pub(super) mod status;
pub(super) mod trust;

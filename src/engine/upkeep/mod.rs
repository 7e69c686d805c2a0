//! What an operator does with a store: health, scrub, backup, restore, compact, digest.

pub(super) mod backup;
pub(super) mod compact;
pub(super) mod digest;
pub(super) mod health;
pub(super) mod restore;
pub(super) mod scrub;

//! Operator's tasks: health, scrub, backup, restore, compaction, digest.

pub(super) mod backup;
pub(super) mod compact;
pub(super) mod digest;
pub(super) mod health;
pub(super) mod restore;
pub(super) mod scrub;

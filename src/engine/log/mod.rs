//! The event log: how events are built, stored and read.

pub(super) mod events;
pub(super) mod make;

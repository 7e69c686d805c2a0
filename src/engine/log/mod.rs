//! The event log: events made, kept and read.

pub(super) mod events;
pub(super) mod make;

//! The one writer, with group commit: jobs queue, one flush makes all of them durable.

mod job;
mod probe;
mod queue;
mod turn;
mod upkeep;

pub(crate) use job::Pending;
pub(crate) use probe::probe_beside;
pub(crate) use queue::{Writer, WriterOptions};
pub(crate) use turn::once;
pub use upkeep::Unreadable;

//! The one writer, with group commit: jobs queue, one flush makes all of them durable.

pub(crate) mod bulk_insert;
mod job;
pub(crate) mod notify;
mod options;
mod probe;
mod queue;
pub(crate) mod reclaim;
mod turn;
mod upkeep;
pub(crate) mod working_set;

pub(crate) use job::Pending;
pub(crate) use options::WriterOptions;
pub(crate) use probe::probe_beside;
pub(crate) use queue::StoreWriter;
pub use upkeep::Unreadable;

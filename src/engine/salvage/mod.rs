//! Getting data out of a damaged store: what can be proved, and what is lost.

pub(super) mod backup;
pub(super) mod export;
pub(super) mod left_out;
pub(super) mod log;
pub(super) mod loss;
mod plan;
mod storage;
pub(super) mod walk;

//! Time, memory and processor of a job; the machine; and how figures are shown.

pub(in crate::cli) mod child;
pub(in crate::cli) mod figures;
pub(in crate::cli) mod latency;
pub(in crate::cli) mod machine;
pub(in crate::cli) mod scratch;
pub(in crate::cli) mod step;
pub(in crate::cli) mod threads;
pub(in crate::cli) mod usage;

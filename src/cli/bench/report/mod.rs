//! What a measurement found: as JSON, at a terminal, and as a page.

mod chart;
pub(in crate::cli) mod deliver;
mod escape;
mod html;
pub(in crate::cli) mod latency;
pub(in crate::cli) mod report;

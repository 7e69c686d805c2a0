//! Whole repositories and diffs on their way out.

pub(super) mod export;
pub(super) mod link_check;
pub(super) mod pipe;
pub(super) mod since;

//! Exports of whole repositories and of diffs.

pub(super) mod export;
pub(super) mod link_check;
pub(super) mod pipe;
pub(super) mod since;

//! Whole repositories on their way in: staged, then published.

pub(super) mod import;
pub(super) mod staging;

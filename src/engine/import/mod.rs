//! Imports of whole repositories: admitted, staged, then published.

pub(super) mod admit;
pub(super) mod import;
pub(super) mod options;
pub(super) mod staging;
pub(super) mod undo;

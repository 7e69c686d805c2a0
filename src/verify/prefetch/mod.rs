//! Reads ahead of the checks, on threads of its own.

pub(super) mod fetch;
pub(super) mod read_ahead;

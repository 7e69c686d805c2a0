//! Prefetch: reads ahead of the checks on separate threads.

pub(super) mod fetch;
pub(super) mod read_ahead;

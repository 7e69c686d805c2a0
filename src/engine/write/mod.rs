//! Writes: the operations, the commit made of them, its event. See [`crate::manual::writing`].

pub(super) mod caller_queue;
pub(super) mod commit;
pub(super) mod draft;
pub(super) mod event_slice;
pub(super) mod op;
pub(super) mod record;
pub(super) mod written;

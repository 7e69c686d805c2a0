//! The events that an account's host sends to its subscribers: the messages of
//! `com.atproto.sync.subscribeRepos`, to the byte.
//!
//! A frame is read with [`decode_frame`], which checks its form, or with [`verify_frame`], which
//! checks everything that a frame and a key can show. The heart of that is an inversion: undoing the
//! ops of a commit on the part of the tree that the frame holds has to give the tree before, so an
//! op that is left out or made up shows.
//!
//! Specification: <https://atproto.com/specs/sync>, <https://atproto.com/specs/event-stream>.

mod account;
mod commit;
mod fields;
mod frame;
mod identity;
pub(crate) mod invert;
mod op;
mod report;
mod slice;
mod sync;
mod unnumbered;
mod verify;

pub use crate::ident::Timestamp;
pub use account::{AccountEvent, HostingStatus};
pub use commit::CommitEvent;
pub use frame::{Event, Frame, UnknownFrame, decode_frame};
pub use identity::IdentityEvent;
pub(crate) use invert::invert;
pub use op::RepoOp;
pub use report::{EventReport, Verdict};
pub use sync::SyncEvent;
pub(crate) use unnumbered::Unnumbered;
pub use verify::verify_frame;

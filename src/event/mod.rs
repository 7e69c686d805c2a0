//! The events that a host sends to its subscribers: the messages of
//! `com.atproto.sync.subscribeRepos`, byte for byte.
//!
//! [`decode_frame`] reads a frame and checks its form. [`verify_frame`] checks everything that a
//! frame and the account's keys can prove. Its main check is the inversion: undoing the operations
//! of a commit on the part of the tree in the frame must give the previous tree, so that an omitted
//! or invented operation is detected.
//!
//! Specification: <https://atproto.com/specs/sync>, <https://atproto.com/specs/event-stream>.

mod account;
mod commit;
mod fields;
mod frame;
mod frames;
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
pub use frames::Frames;
pub use identity::IdentityEvent;
pub(crate) use invert::invert;
pub use op::RepoOp;
pub use report::{EventReport, Verdict};
pub use sync::SyncEvent;
pub(crate) use unnumbered::Unnumbered;
pub use verify::verify_frame;

//! One file for each command: its arguments, the call of the library, its output.

pub(in crate::cli) mod account;
pub(in crate::cli) mod account_state;
pub(in crate::cli) mod apply;
pub(in crate::cli) mod backup;
pub(in crate::cli) mod blobs;
pub(in crate::cli) mod compact;
pub(in crate::cli) mod completions;
pub(in crate::cli) mod diff;
pub(in crate::cli) mod dump;
pub(in crate::cli) mod event;
pub(in crate::cli) mod events;
pub(in crate::cli) mod export;
pub(in crate::cli) mod follow;
mod frame_files;
pub(in crate::cli) mod get;
pub(in crate::cli) mod import;
pub(in crate::cli) mod key;
pub(in crate::cli) mod ls;
pub(in crate::cli) mod man;
pub(in crate::cli) mod migrate;
pub(in crate::cli) mod plc;
pub(in crate::cli) mod proof;
pub(in crate::cli) mod scrub;
pub(in crate::cli) mod tree;
pub(in crate::cli) mod trust;
pub(in crate::cli) mod verify;
pub(in crate::cli) mod write;

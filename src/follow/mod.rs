//! Follows the event streams of other hosts.
//!
//! [`Mirror`] keeps copies in an engine in sync with the accounts' hosts: each frame is verified
//! and applied; one that does not follow the stored head changes nothing and is reported. [`Watch`]
//! runs the same checks for a relay, which holds no copies: it remembers the last revision and tree
//! of each account. [`crate::manual::following`] explains how to use them.
//!
//! Specification: <https://atproto.com/specs/sync>.

mod chain;
mod mirror;
mod outcome;
mod sequence;
mod watch;

pub use mirror::{Followed, Mirror};
pub use outcome::{Ignored, Mismatch, OutOfSync, Taken};
pub use watch::{Known, Watch, Watched};

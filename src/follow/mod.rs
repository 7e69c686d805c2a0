//! Following others' event streams.
//!
//! [`Mirror`] keeps copies in an engine in step with the accounts' hosts: each frame is verified
//! and applied, and one that does not follow on what is held changes nothing and says so. [`Watch`]
//! does the same chain of checks for a relay, which holds no copies: it remembers the last revision
//! and tree of each account. [`crate::manual::following`] explains how the parts fit.
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

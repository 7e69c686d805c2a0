//! The commit object, which an account's key signs. Specification:
//! <https://atproto.com/specs/repository#commit-objects>.

mod object;

pub use object::{Commit, UnsignedCommit};

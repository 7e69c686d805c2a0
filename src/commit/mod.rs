//! The commit object: what an account signs.

mod object;

pub use object::{Commit, UnsignedCommit};

//! The commit object: what an account signs.

mod object;
mod signature;

pub use object::{Commit, UnsignedCommit};
pub use signature::Signature;

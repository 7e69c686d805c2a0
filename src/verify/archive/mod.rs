//! A repository in a CAR of any block order, read path by path instead of as a whole.

mod archive;
mod proof;
mod sections;

pub use archive::Archive;
pub(crate) use proof::write_proof;

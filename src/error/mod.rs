//! Errors, and what the caller should do about them.
//!
//! There are two types: a [`Problem`](crate::Problem) describes input (which CID, path or offset,
//! and a [`Code`](crate::Code) that scripts can rely on), and an [`Error`] is why an operation
//! failed. [`Error::kind`] says what to do next, and [`crate::manual::failures`] explains the
//! failures of a store.

#[allow(clippy::module_inception)]
mod error;
mod what;

pub use error::{Error, ErrorKind, Result};
pub use what::{Compared, Entity, Preparation};

#[cfg(test)]
mod tests;

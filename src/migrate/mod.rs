//! Moves an account from one engine to another, as one verified CAR stream.
//!
//! [`crate::manual::migration`] lists the steps in order, and explains why none of them can lose a
//! write.

mod run;

pub use run::{MigrateOptions, Migrated, abort, migrate};

//! Moves an account from one engine to another, as one verified CAR stream.
//!
//! The order of the steps, and why none of them can lose a write, is in
//! [`crate::manual::migration`].

mod run;

pub use run::{MigrateOptions, Migrated, abort, migrate};

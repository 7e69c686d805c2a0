//! `carrack backup`: a copy of a store, and what a restored copy needs before it takes writes.

mod backup;
mod copy;
mod restore;

pub(in crate::cli) use backup::{BackupArgs, FloorsArgs, floors, run};

//! The engine: accounts in one store, read from snapshots, written through one writer.

mod account;
mod blobs;
mod digest;
mod export;
mod import;
mod lifecycle;
mod op;
mod open;
mod prepare;
mod proof;
mod scrub;
mod snapshot;
mod stage;
mod write;

pub use account::AccountStatus;
pub use export::Exported;
pub use import::{ImportOptions, Imported};
pub use op::{Op, WriteOptions};
pub use open::{Engine, Options};
pub use scrub::ScrubReport;
pub use snapshot::{List, Record, Snapshot};
pub use write::{Applied, Written};

pub use crate::store::account::{State, Trust};

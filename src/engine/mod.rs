//! The engine: accounts in one store, read from snapshots, written through one writer.
//!
//! [`crate::manual::hosting`] lists the call behind each XRPC method, [`crate::manual::writing`] the way of a
//! write to the disk, [`crate::manual::trust`] what is known of keys, [`crate::manual::failures`] what to do
//! about damage, and [`crate::manual::guarantees`] what holds.

mod account;
mod blobs;
mod core;
mod diff;
mod export;
mod file;
mod file_identity;
mod handle;
mod import;
mod log;
mod options;
mod read;
mod salvage;
mod upkeep;
mod write;

pub use account::status::AccountStatus;
pub use account::trust::TrustChecked;
pub use core::HealthState;
pub use diff::apply::AppliedDiff;
pub use export::export::{Exported, Extent};
pub use handle::Engine;
pub use import::import::Imported;
pub use import::options::ImportOptions;
pub use log::events::{Events, LoggedEvent};
pub use options::{BlockSearch, Options};
pub use read::blocks::BlocksFound;
pub use read::needed_blobs::{BlobCursor, NeededBlob};
pub use read::snapshot::{List, Snapshot, StoredRecord};
pub use salvage::backup::PartialBackup;
pub use salvage::export::SalvagedExport;
pub use salvage::left_out::LeftOut;
pub use salvage::log::EventsLeftOut;
pub use salvage::loss::Loss;
pub use salvage::walk::{Salvage, Salvaged};
pub use upkeep::backup::BackedUp;
pub use upkeep::compact::{CompactOptions, Compacted};
pub use upkeep::health::Health;
pub use upkeep::scrub::ScrubReport;
pub use write::op::{Op, WriteOptions};
pub use write::record::Record;
pub use write::written::Written;

pub(crate) use account::handover::check_arrival;
pub(crate) use import::staging::StagedTree;

pub use crate::account::{Action, EngineName, State, Trust, TrustKey};
pub use crate::store::log::Retention;
pub use crate::store::own_storage::Storage;
pub use crate::store::restore::Restored;
pub use crate::store::write::Unreadable;

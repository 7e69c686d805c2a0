//! The engine: accounts in one store, read from snapshots, written through one writer.

mod account;
mod announce;
mod apply;
mod backup;
mod blobs;
mod blocks;
mod clock_watch;
mod collection_proof;
mod core;
mod diff_blocks;
mod digest;
mod events;
mod export;
mod floors;
mod follow_links;
mod graft;
mod import;
mod lifecycle;
mod moving;
mod op;
mod open;
mod prepare;
mod proof;
mod record_diff;
mod revs;
mod scrub;
mod since;
mod slice;
mod snapshot;
mod stage;
mod trust;
mod write;
mod write_line;

pub use account::AccountStatus;
pub use apply::AppliedDiff;
pub use backup::BackedUp;
pub use blocks::{BlockSearch, BlocksFound};
pub use core::{Health, HealthState};
pub use events::{Events, LoggedEvent};
pub use export::{Exported, Extent};
pub use import::{ImportOptions, Imported};
pub use op::{Op, WriteOptions};
pub use open::{Engine, Options};
pub use scrub::ScrubReport;
pub use snapshot::{List, Record, Snapshot};
pub use trust::TrustChecked;
pub use write::Written;

pub(crate) use moving::check_arrival;
pub(crate) use stage::Whole;

pub use crate::store::account::{EngineName, State, Trust, TrustKey};
pub use crate::store::floors::Restored;
pub use crate::store::log::Retention;
pub use crate::store::write::Unreadable;

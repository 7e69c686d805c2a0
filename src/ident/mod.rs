//! Identifiers (DIDs, NSIDs, record keys, paths, revisions), and the clock and the randomness that
//! everything else is given.

#[macro_use]
mod text;
pub mod clock;
pub(crate) mod datetime;
mod did;
mod did_doc;
mod nsid;
mod path;
pub mod plc;
mod record_key;
mod rev;

pub use clock::{Clock, ManualClock, Random, SeededRandom, SystemClock, SystemRandom};
pub use did::Did;
pub use did_doc::DidDocument;
pub use nsid::Nsid;
pub use path::RepoPath;
pub use record_key::RecordKey;
pub use rev::Rev;

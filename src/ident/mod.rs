//! Identifiers: DIDs, NSIDs, record keys, paths and revisions, in the strict syntax of the protocol.

#[macro_use]
mod text;
pub(crate) mod datetime;
mod did;
mod nsid;
mod path;
mod record_key;
mod rev;

pub use did::Did;
pub use nsid::Nsid;
pub use path::RepoPath;
pub use record_key::RecordKey;
pub use rev::Rev;

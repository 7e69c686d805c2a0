//! Identifiers: DIDs, NSIDs, record keys, paths, revisions, timestamps and CIDs, in the strict
//! syntax of the protocol. Each type is parsed with [`str::parse`].

#[macro_use]
mod text;
mod cid;
pub(crate) mod datetime;
mod did;
mod nsid;
mod path;
mod record_key;
mod rev;
mod syntax;
mod timestamp;

pub(crate) use cid::Comparison;
pub use cid::{Cid, CidError, Codec};
pub use did::Did;
pub use nsid::Nsid;
pub use path::RepoPath;
pub use record_key::RecordKey;
pub use rev::{Rev, RevError};
pub use syntax::SyntaxError;
pub use timestamp::Timestamp;

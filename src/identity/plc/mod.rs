//! did:plc: verifies audit logs without trust in the directory, and builds operations that change
//! an account's server and keys.
//!
//! A did:plc identity is a log of signed operations. The DID is the hash of the first one; each
//! later one names its predecessor by CID and is signed by a rotation key of that one. The
//! directory adds the order and the time of operations, which decide one thing: for 72 hours, a
//! rotation key can undo operations of a key of lower priority. Specification:
//! <https://web.plc.directory/spec/v0.1/did-plc>.

mod audit;
mod draft;
mod entry;
mod history;
mod log;
mod operation;
mod operation_log;
mod state;
mod timestamp;

pub use draft::Draft;
pub use history::Period;
pub use log::PlcLog;
pub use operation::Operation;
pub use operation_log::OperationLog;
pub use state::{PlcState, Service};

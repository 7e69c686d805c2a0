//! did:plc: audit logs verified without trusting the directory that sends them, and operations
//! that change where an account lives and which keys speak for it.
//!
//! A did:plc identity is a log of signed operations. The DID is the hash of the first one; each
//! later one names its predecessor by CID and is signed by a rotation key of it. What the
//! directory adds is the order and the time at which operations came in, which decide about one
//! thing: for 72 hours, a rotation key can undo what a key of lower priority did. See the did:plc
//! method's specification.

mod audit;
mod draft;
mod entry;
mod history;
mod log;
mod operation;
mod state;
mod timestamp;

pub use draft::Draft;
pub use history::Period;
pub use log::PlcLog;
pub use operation::Operation;
pub use state::{PlcState, Service};

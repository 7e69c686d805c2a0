//! What an identity says: DID documents, and the log of operations of a did:plc.

mod did_doc;
pub mod plc;

pub use did_doc::DidDocument;

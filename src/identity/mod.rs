//! Identities: DID documents, and the operation log of a did:plc.

mod did_doc;
pub mod plc;

pub use did_doc::DidDocument;

//! The sample account and its records.

use carrack::block::json::from_json;
use serde_json::json;

/// The account of the examples: a DID that the protocol's documentation uses. The keys here are not its
/// keys, so a host must not announce it to a relay.
pub const SAMPLE_DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

/// A record as the engine takes it: AT Protocol JSON, encoded as DAG-CBOR.
///
/// # Errors
/// None for text of a sensible length; those of [`from_json`].
pub fn note(text: &str) -> carrack::Result<Vec<u8>> {
    from_json(&json!({ "$type": "com.example.note", "text": text }))
}

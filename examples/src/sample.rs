//! The sample account and its records.

use carrack::engine::Record;
use serde_json::json;

/// The account of the examples: a DID that the protocol's documentation uses. The keys here are not its
/// keys, so a host must not announce it to a relay.
pub const SAMPLE_DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

/// A record of the sample account.
///
/// # Errors
/// None for text of a sensible length; those of [`Record::from_json`].
pub fn note(text: &str) -> carrack::Result<Record> {
    Record::from_json(&json!({ "$type": "com.example.note", "text": text }))
}

use crate::block::{Block, Cid, drisl, json};
use crate::error::{Error, Result};
use crate::limits::RECORD_BYTES_MAX;
use crate::problem::Code;
use bytes::Bytes;
use serde_json::Value;

/// A record that a write may store: of the data model, and no longer than
/// [`RECORD_BYTES_MAX`] bytes. Its constructors check both, once; a write trusts the type.
///
/// ```
/// use carrack::engine::Record;
/// let note = Record::from_json(&serde_json::json!({"$type": "com.example.note", "n": 7}))?;
/// assert_eq!(Record::from_dag_cbor(note.bytes().to_vec())?, note);
/// assert!(Record::from_dag_cbor(vec![0x01]).is_err(), "a record is a map");
/// assert!(Record::from_json(&serde_json::json!({"n": 0.5})).is_err(), "floats are no data");
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record(Block);

impl Record {
    /// The record that this JSON describes, by the data model's rules (`$link`, `$bytes`, blobs).
    ///
    /// # Errors
    /// As [`json::from_json`] and [`Record::from_dag_cbor`].
    pub fn from_json(value: &Value) -> Result<Self> {
        Self::from_dag_cbor(json::from_json(value)?)
    }

    /// The record of these bytes, which are kept as they are.
    ///
    /// # Errors
    /// [`Error::Limit`] above [`RECORD_BYTES_MAX`] bytes; `BadRecord` or `NonCanonical` if they are
    /// not a map in DRISL.
    pub fn from_dag_cbor(bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(Error::Limit {
                what: "bytes of a record",
                limit: RECORD_BYTES_MAX as u64,
                got: bytes.len() as u64,
            });
        }
        drisl::check::record(&bytes).map_err(|fault| fault.problem(Code::BadRecord))?;
        Ok(Self(Block::dag_cbor(bytes)))
    }

    /// The CID that links to it.
    pub fn cid(&self) -> &Cid {
        self.0.cid()
    }

    /// Its bytes, in DRISL.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// CID and bytes, as a block.
    pub fn block(&self) -> &Block {
        &self.0
    }
}

use crate::block::{Block, Cid, data_model, json};
use crate::error::{Error, Result};
use crate::limits::RECORD_BYTES_MAX;
use bytes::Bytes;
use serde_json::Value;

/// A record that a write can store: proper by the rules of [`data_model`], and at most
/// [`RECORD_BYTES_MAX`] bytes long. The constructors check both.
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
    /// Encodes JSON as a record, by the rules of the data model (`$link`, `$bytes`, blobs).
    ///
    /// # Errors
    /// As [`json::from_json`] and [`Record::from_dag_cbor`].
    pub fn from_json(value: &Value) -> Result<Self> {
        Self::from_dag_cbor(json::encode(value)?)
    }

    /// Checks the bytes of a record in DRISL, and keeps them unchanged.
    ///
    /// # Errors
    /// [`Error::Limit`] above [`RECORD_BYTES_MAX`] bytes; [`Error::Problem`] as
    /// [`data_model::check_new`], which says where in the record the problem is.
    pub fn from_dag_cbor(bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(Error::Limit {
                what: "bytes of a record",
                limit: RECORD_BYTES_MAX as u64,
                got: bytes.len() as u64,
            });
        }
        data_model::check_new(&bytes)?;
        Ok(Self(Block::dag_cbor(bytes)))
    }

    /// The record's CID.
    pub fn cid(&self) -> &Cid {
        self.0.cid()
    }

    /// The record's bytes in DRISL.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The record as a block: CID and bytes.
    pub fn block(&self) -> &Block {
        &self.0
    }
}

use super::{Cid, Codec};
use crate::problem::{Code, Problem};
use bytes::Bytes;

/// Bytes that have been proved against their CID.
///
/// There are two ways to get one, and both hash: [`Block::check`] compares with a promised CID,
/// [`Block::dag_cbor`] computes it. No other constructor exists, so holding a `Block` is the proof.
///
/// ```
/// use carrack::block::Block;
/// let block = Block::dag_cbor(vec![0xa0]);
/// assert_eq!(block.cid().to_string(), "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua");
/// assert!(Block::check(block.cid().clone(), vec![0xa1]).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    cid: Cid,
    bytes: Bytes,
}

impl Block {
    /// Computes the digest of `bytes` and compares it with what `cid` promises.
    ///
    /// # Errors
    /// `HashMismatch` if they differ, `UnsupportedCid` if the CID uses a hash that is not SHA-256.
    pub fn check(cid: Cid, bytes: impl Into<Bytes>) -> Result<Self, Problem> {
        let bytes = bytes.into();
        if cid.matches(&bytes)? {
            Ok(Self { cid, bytes })
        } else {
            let message = format!("{} bytes do not hash to their CID", bytes.len());
            Err(Problem::new(Code::HashMismatch, message).cid(&cid))
        }
    }

    /// The block of these bytes under the codec of records, nodes and commits.
    pub fn dag_cbor(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { cid: Cid::of(Codec::DagCbor, &bytes), bytes }
    }

    /// The CID that the bytes hash to.
    pub fn cid(&self) -> &Cid {
        &self.cid
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// CID and bytes, as two.
    pub fn into_parts(self) -> (Cid, Bytes) {
        (self.cid, self.bytes)
    }
}

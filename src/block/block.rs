use super::{Cid, Codec};
use crate::problem::{Code, Problem};
use bytes::Bytes;

/// Bytes that were verified against their CID.
///
/// Both constructors hash: [`Block::check`] compares with a given CID, [`Block::dag_cbor`] computes
/// it. So every `Block` matches its CID.
///
/// ```
/// use carrack::block::Block;
/// let block = Block::dag_cbor(vec![0xa0]);
/// assert_eq!(block.cid().to_string(), "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua");
/// assert!(Block::check(block.cid().clone(), vec![0xa1]).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Block {
    cid: Cid,
    /// The bytes, with their CAR section's beginning in front of them if they came in one.
    section: Bytes,
    /// Where the bytes begin; 0 without that beginning.
    start: usize,
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.cid == other.cid && self.bytes() == other.bytes()
    }
}

impl Eq for Block {}

impl Block {
    /// Hashes `bytes` and compares the digest with the CID.
    ///
    /// # Errors
    /// `HashMismatch` if they differ, `UnsupportedCid` if the CID uses a hash that is not SHA-256.
    pub fn check(cid: Cid, bytes: impl Into<Bytes>) -> Result<Self, Problem> {
        Self::check_section(cid, bytes.into(), 0)
    }

    /// The same of the bytes of a CAR section, which begin at `start`. The beginning of the section
    /// is kept: a row takes the section as it is.
    pub(crate) fn check_section(cid: Cid, section: Bytes, start: usize) -> Result<Self, Problem> {
        let bytes = section.get(start..).unwrap_or_default();
        if cid.matches(bytes)? {
            Ok(Self { cid, section, start })
        } else {
            let message = format!("{} bytes do not hash to their CID", bytes.len());
            Err(Problem::new(Code::HashMismatch, message).cid(&cid))
        }
    }

    /// The block of these bytes under the codec of records, nodes and commits.
    pub fn dag_cbor(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { cid: Cid::of(Codec::DagCbor, &bytes), section: bytes, start: 0 }
    }

    /// The CID that the bytes hash to.
    pub fn cid(&self) -> &Cid {
        &self.cid
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.section.get(self.start..).unwrap_or_default()
    }

    /// The whole CAR section, if the block came in one.
    pub(crate) fn section(&self) -> Option<&[u8]> {
        (self.start > 0).then_some(&self.section)
    }

    /// CID and bytes, as two.
    pub fn into_parts(self) -> (Cid, Bytes) {
        (self.cid, self.section.slice(self.start..))
    }
}

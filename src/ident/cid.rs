use super::SyntaxError;
use crate::limits::CID_BYTES_MAX;
use data_encoding::{BASE32_NOPAD, Encoding};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

/// A content identifier: the hash of some bytes, with its function and codec. Specification:
/// <https://atproto.com/specs/data-model>.
///
/// Nearly all are *blessed* (version 1, SHA-256, codec dag-cbor or raw) and take 34 bytes in
/// memory. Links in records may have other forms, which are kept byte for byte and never generated.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cid(Form);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Form {
    Blessed(Codec, [u8; 32]),
    Other(Arc<[u8]>),
}

/// Why bytes are not a CID, or cannot be checked against one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CidError {
    /// They are not a CID. The text says why.
    #[error("not a CID: {0}")]
    Malformed(String),
    /// Bytes follow the CID.
    #[error("bytes follow the CID")]
    Trailing,
    /// A varint of the CID is longer than necessary.
    #[error("the CID is not in its shortest form")]
    NotShortest,
    /// The CID's hash is not a whole SHA-256 of 32 bytes, the only one that is supported.
    #[error("{}", unchecked(cid, *function))]
    Hash {
        /// The CID.
        cid: Cid,
        /// The multihash code of its hash function.
        function: u64,
    },
}

/// Why bytes cannot be checked against a CID.
fn unchecked(cid: &Cid, function: u64) -> String {
    let parsed = cid::Cid::try_from(&cid.to_bytes()[..]);
    match parsed.map_or(0, |parsed| parsed.hash().digest().len()) {
        length if function == SHA2_256 => {
            format!(
                "the CID has a SHA-256 hash of {length} bytes: only whole ones, of 32, are checked"
            )
        }
        _ => format!("the CID has the hash function {function:#x}: only SHA-256 (0x12) is checked"),
    }
}

/// The codec of a block, in blessed CIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// Blobs.
    Raw,
    /// Records, nodes, commits.
    DagCbor,
}

impl Codec {
    fn prefix(self) -> [u8; 4] {
        match self {
            Self::Raw => [0x01, 0x55, 0x12, 0x20],
            Self::DagCbor => [0x01, 0x71, 0x12, 0x20],
        }
    }
}

/// A hash that is computed piece by piece, and compared with a CID.
pub(crate) struct Comparison {
    promised: [u8; 32],
    hash: Sha256,
}

impl Comparison {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    pub(crate) fn matches(self) -> bool {
        self.promised == <[u8; 32]>::from(self.hash.finalize())
    }
}

/// The SHA-256 multihash code.
const SHA2_256: u64 = 0x12;

impl Cid {
    /// Computes the CID of these bytes.
    pub fn of(codec: Codec, bytes: &[u8]) -> Self {
        Self(Form::Blessed(codec, Sha256::digest(bytes).into()))
    }

    /// The blessed CID with this SHA-256 digest.
    pub fn from_digest(codec: Codec, digest: [u8; 32]) -> Self {
        Self(Form::Blessed(codec, digest))
    }

    /// Parses a CID that fills all of `bytes`.
    ///
    /// # Errors
    /// [`CidError::Malformed`], [`CidError::NotShortest`], or [`CidError::Trailing`] if bytes
    /// follow it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidError> {
        match Self::read(bytes)? {
            (cid, length) if length == bytes.len() => Ok(cid),
            _ => Err(CidError::Trailing),
        }
    }

    /// Parses the CID at the start of `bytes`; returns it and its length in bytes.
    ///
    /// # Errors
    /// [`CidError::Malformed`] or [`CidError::NotShortest`] if there is none, or it is longer than
    /// 128 bytes.
    pub fn read(bytes: &[u8]) -> Result<(Self, usize), CidError> {
        for codec in [Codec::DagCbor, Codec::Raw] {
            if let Some(rest) = bytes.strip_prefix(&codec.prefix())
                && let Some(digest) = rest.first_chunk::<32>()
            {
                return Ok((Self(Form::Blessed(codec, *digest)), 36));
            }
        }
        let bounded = bytes.get(..CID_BYTES_MAX).unwrap_or(bytes);
        let mut rest = bounded;
        let other = cid::Cid::read_bytes(&mut rest)
            .map_err(|error| CidError::Malformed(error.to_string()))?;
        let length = bounded.len() - rest.len();
        let exact = bounded.get(..length).unwrap_or(bounded);
        let mut again = [0; CID_BYTES_MAX];
        let written = other.write_bytes(&mut again[..]).unwrap_or(0);
        if again.get(..written) != Some(exact) {
            return Err(CidError::NotShortest);
        }
        Ok((Self(Form::Other(exact.into())), length))
    }

    /// Whether `bytes` hash to this CID.
    ///
    /// # Errors
    /// [`CidError::Hash`] if the hash is not SHA-256.
    pub fn matches(&self, bytes: &[u8]) -> Result<bool, CidError> {
        let digest = self.checkable()?;
        let actual: [u8; 32] = Sha256::digest(bytes).into();
        Ok(digest == actual)
    }

    /// The digest, if the hash is a full SHA-256 of 32 bytes.
    fn sha256(&self) -> Option<[u8; 32]> {
        match &self.0 {
            Form::Blessed(_, digest) => Some(*digest),
            Form::Other(exact) => {
                let parsed = cid::Cid::try_from(&exact[..]).ok()?;
                let digest = parsed.hash().digest().try_into().ok()?;
                (parsed.hash().code() == SHA2_256).then_some(digest)
            }
        }
    }

    /// The SHA-256 digest that bytes can be checked against.
    ///
    /// # Errors
    /// [`CidError::Hash`] if the hash is not SHA-256.
    pub(crate) fn checkable(&self) -> Result<[u8; 32], CidError> {
        self.sha256().ok_or_else(|| {
            let parsed = cid::Cid::try_from(&self.to_bytes()[..]);
            let function = parsed.map_or(0, |parsed| parsed.hash().code());
            CidError::Hash { cid: self.clone(), function }
        })
    }

    /// Starts a comparison piece by piece; `None` if the hash function is not SHA-256.
    pub(crate) fn comparison(&self) -> Option<Comparison> {
        self.sha256().map(|promised| Comparison { promised, hash: Sha256::new() })
    }

    /// Whether the hash function is SHA-256, so that bytes can be checked.
    pub(crate) fn is_checkable(&self) -> bool {
        self.blessed().is_some() || self.sha256().is_some()
    }

    /// Whether a commit, node or record can have this CID: the hash is a full SHA-256, and the
    /// codec is not raw, which is for blobs.
    pub(crate) fn is_of_repository(&self) -> bool {
        match &self.0 {
            Form::Blessed(codec, _) => *codec == Codec::DagCbor,
            Form::Other(_) => self.sha256().is_some(),
        }
    }

    /// The codec and the digest; `None` unless this is a blessed CID.
    pub fn blessed(&self) -> Option<(Codec, &[u8; 32])> {
        match &self.0 {
            Form::Blessed(codec, digest) => Some((*codec, digest)),
            Form::Other(_) => None,
        }
    }

    /// Whether this can be the CID of a node or a commit: blessed, with codec dag-cbor.
    pub fn is_dag_cbor(&self) -> bool {
        matches!(self.0, Form::Blessed(Codec::DagCbor, _))
    }

    /// The length of the binary form, in bytes.
    pub fn byte_len(&self) -> usize {
        match &self.0 {
            Form::Blessed(..) => 36,
            Form::Other(exact) => exact.len(),
        }
    }

    /// Appends the binary form.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Form::Blessed(codec, digest) => {
                out.extend_from_slice(&codec.prefix());
                out.extend_from_slice(digest);
            }
            Form::Other(exact) => out.extend_from_slice(exact),
        }
    }

    /// The binary form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.byte_len());
        self.write_to(&mut out);
        out
    }

    /// Eight bytes of the hash, for indexes in memory. Equal CIDs give equal values.
    pub fn short(&self) -> u64 {
        let tail = match &self.0 {
            Form::Blessed(_, digest) => digest.last_chunk::<8>(),
            Form::Other(exact) => exact.last_chunk::<8>(),
        };
        tail.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

/// The base32 of CIDs: lower-case letters, no padding.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = BASE32_NOPAD.specification();
    specification.symbols.make_ascii_lowercase();
    // It differs from a valid specification only in its letters.
    specification.encoding().unwrap_or(BASE32_NOPAD)
});

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Form::Blessed(codec, digest) = &self.0 {
            let mut bytes = [0; 36];
            bytes.split_at_mut(4).0.copy_from_slice(&codec.prefix());
            bytes.split_at_mut(4).1.copy_from_slice(digest);
            let mut text = [b'b'; 59];
            BASE32.encode_mut(&bytes, text.split_at_mut(1).1);
            return f.write_str(std::str::from_utf8(&text).unwrap_or_default());
        }
        let bytes = self.to_bytes();
        // Version 0 has a text form of its own (base58btc, `Qm...`).
        match cid::Cid::try_from(&bytes[..]) {
            Ok(other) if other.version() == cid::Version::V0 => write!(f, "{other}"),
            _ => write!(f, "b{}", BASE32.encode(&bytes)),
        }
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cid {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let wrong = |reason| SyntaxError::new("CID", text, reason);
        if text.len() > 2 * CID_BYTES_MAX {
            return Err(wrong("too long"));
        }
        let parsed = text.parse::<cid::Cid>().map_err(|_| wrong("not a CID in a known base"))?;
        Self::from_bytes(&parsed.to_bytes()).map_err(|_| wrong("too long"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blessed_forms_go_both_ways() {
        for codec in [Codec::Raw, Codec::DagCbor] {
            let cid = Cid::of(codec, b"carrack");
            assert_eq!(Cid::from_bytes(&cid.to_bytes()).unwrap(), cid);
            assert_eq!(cid.to_string().parse::<Cid>().unwrap(), cid);
            assert_eq!(cid.byte_len(), 36);
            assert!(cid.matches(b"carrack").unwrap());
            assert!(!cid.matches(b"Carrack").unwrap());
        }
    }

    #[test]
    fn other_forms_are_kept_to_the_byte() {
        let v0 = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n".parse::<Cid>().unwrap();
        assert!(v0.blessed().is_none());
        assert_eq!(v0.to_string(), "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n");
        assert_eq!(Cid::read(&v0.to_bytes()).unwrap(), (v0.clone(), 34));
        let sha512 = [&[0x01, 0x71, 0x13, 0x40][..], &[7; 64]].concat();
        let cid = Cid::from_bytes(&sha512).unwrap();
        assert_eq!(cid.to_bytes(), sha512);
        assert_eq!(cid.matches(b""), Err(CidError::Hash { cid: cid.clone(), function: 0x13 }));
    }

    #[test]
    fn a_hash_that_is_cut_short_is_told_from_another_function() {
        let cut = Cid::from_bytes(&[&[0x01, 0x71, 0x12, 20][..], &[7; 20]].concat()).unwrap();
        let other = Cid::from_bytes(&[&[0x01, 0x71, 0x13, 0x40][..], &[7; 64]].concat()).unwrap();
        let said = |cid: Cid| cid.matches(b"").unwrap_err().to_string();
        assert!(said(cut).contains("of 20 bytes: only whole ones"));
        assert!(said(other).contains("hash function 0x13"));
    }

    #[test]
    fn what_is_no_cid_is_refused() {
        for bytes in [&[][..], &[0x01], &[0x01, 0x71, 0x12, 0x20, 1, 2], &[0xff; 40]] {
            assert!(matches!(Cid::from_bytes(bytes), Err(CidError::Malformed(_))), "{bytes:?}");
        }
        let mut longer = Cid::of(Codec::Raw, b"").to_bytes();
        longer.push(0);
        assert_eq!(Cid::from_bytes(&longer), Err(CidError::Trailing));
        assert!("bafy".parse::<Cid>().is_err());
    }
}

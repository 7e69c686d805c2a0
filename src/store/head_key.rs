//! The key that signed an account's head, and what is known of it.

use crate::account::{Trust, TrustKey};
use crate::error::{Error, Result};
use crate::key::{Curve, VerifyingKey};

/// The key that signed the head. No head is verified without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeadKey {
    /// No key is known: the head came without one, or there is no head.
    Unknown,
    /// The head is signed with this key, which was not checked against the identity.
    Unverified(HeldKey),
    /// The same, checked; the age of the key is known if an identity was asked.
    Verified(HeldKey, Option<TrustKey>),
}

impl HeadKey {
    pub(crate) fn trust(&self) -> Trust {
        match self {
            Self::Verified(..) => Trust::Verified,
            Self::Unknown | Self::Unverified(_) => Trust::Unverified,
        }
    }

    pub(crate) fn trust_key(&self) -> Option<TrustKey> {
        match self {
            Self::Verified(_, age) => *age,
            Self::Unknown | Self::Unverified(_) => None,
        }
    }

    /// The key, for checking signatures with it.
    pub(crate) fn load(&self) -> Result<Option<VerifyingKey>> {
        self.held().map(HeldKey::load).transpose()
    }

    /// Whether it is this key.
    pub(crate) fn is(&self, key: &VerifyingKey) -> bool {
        self.held().is_some_and(|held| *held == HeldKey::from(key))
    }

    fn held(&self) -> Option<&HeldKey> {
        match self {
            Self::Verified(key, _) | Self::Unverified(key) => Some(key),
            Self::Unknown => None,
        }
    }
}

/// 35 bytes are at most 48 characters of base58.
const DID_KEY_CHARS_MAX: usize = 64;

/// A public key as a row holds it. Its form is checked when the row is read; that it is a point on
/// the curve, which takes longer than a read of a record, when it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldKey {
    curve: Curve,
    /// The point, compressed.
    point: [u8; 33],
}

impl From<&VerifyingKey> for HeldKey {
    fn from(key: &VerifyingKey) -> Self {
        Self { curve: key.curve(), point: key.to_sec1() }
    }
}

impl HeldKey {
    /// The curve's multicodec and the point.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [&self.curve.multicodec()[..], &self.point].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        [Curve::K256, Curve::P256].into_iter().find_map(|curve| {
            let point: [u8; 33] = bytes.strip_prefix(&curve.multicodec())?.try_into().ok()?;
            matches!(point, [2 | 3, ..]).then_some(Self { curve, point })
        })
    }

    /// Reads did:key, as rows of form 1 have it.
    pub(crate) fn from_did_key(text: &str) -> Option<Self> {
        let base58 =
            text.strip_prefix("did:key:z").filter(|text| text.len() < DID_KEY_CHARS_MAX)?;
        Self::from_bytes(&bs58::decode(base58).into_vec().ok()?)
    }

    pub(crate) fn load(&self) -> Result<VerifyingKey> {
        VerifyingKey::from_sec1(self.curve, &self.point)
            .map_err(|_| Error::Corrupt("an account's key is not on its curve".to_owned()))
    }
}

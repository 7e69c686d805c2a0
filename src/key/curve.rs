use crate::ident::SyntaxError;
use std::fmt;
use std::str::FromStr;

/// The two curves of the protocol. Specification: <https://atproto.com/specs/cryptography>.
///
/// ```
/// use carrack::key::Curve;
/// assert_eq!("k256".parse::<Curve>()?, Curve::K256);
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Curve {
    /// secp256k1; the signature algorithm is ES256K. Most accounts use it.
    K256,
    /// NIST P-256 (secp256r1); the signature algorithm is ES256. Hardware and key services offer
    /// it.
    P256,
}

impl Curve {
    /// The name: `k256` or `p256`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::K256 => "k256",
            Self::P256 => "p256",
        }
    }

    /// The multicodec of a public key, as a varint.
    pub(crate) fn multicodec(self) -> [u8; 2] {
        match self {
            Self::K256 => [0xe7, 0x01],
            Self::P256 => [0x80, 0x24],
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Curve {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        match text {
            "k256" => Ok(Self::K256),
            "p256" => Ok(Self::P256),
            _ => Err(SyntaxError::new("curve", text, "the curves are k256 and p256")),
        }
    }
}

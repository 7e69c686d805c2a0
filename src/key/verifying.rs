use super::Curve;
use super::KeyError;
use crate::ident::SyntaxError;
use crate::key::SignatureStatus;
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::{Digest, Sha256};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// A public key, written as did:key.
///
/// ```
/// use carrack::key::{Curve, VerifyingKey};
/// let text = "did:key:zQ3shqwJEJyMBsBXCWyCBpUBMqxcon9oHB7mCvx4sSpMdLJwc";
/// let key: VerifyingKey = text.parse()?;
/// assert_eq!(key.curve(), Curve::K256);
/// assert_eq!(key.to_did_key(), text);
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone)]
pub struct VerifyingKey {
    point: Point,
    compressed: [u8; 33],
}

#[derive(Clone)]
enum Point {
    K256(k256::ecdsa::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
}

const DID_KEY: &str = "did:key:";
/// 35 bytes are at most 48 characters of base58; longer texts are not decoded.
const MULTIKEY_CHARS_MAX: usize = 64;
const SIGNATURE_BYTES: usize = 64;

impl VerifyingKey {
    /// Parses `did:key:z...`. Specification: <https://atproto.com/specs/cryptography>.
    ///
    /// # Errors
    /// [`SyntaxError`] unless it is base58btc of the multicodec of one of the two curves and a
    /// compressed point on that curve.
    pub fn from_did_key(text: &str) -> Result<Self, SyntaxError> {
        let multikey = text
            .strip_prefix(DID_KEY)
            .ok_or_else(|| SyntaxError::new("did:key", text, "it does not begin with did:key:"))?;
        Self::from_multikey(multikey)
    }

    /// Parses `z...`, the form in did:key and in the `Multikey` of DID documents.
    ///
    /// # Errors
    /// As [`VerifyingKey::from_did_key`].
    pub fn from_multikey(text: &str) -> Result<Self, SyntaxError> {
        let wrong = |reason| SyntaxError::new("public key", text, reason);
        if text.len() > MULTIKEY_CHARS_MAX {
            return Err(wrong("too long"));
        }
        let base58 = text.strip_prefix('z').ok_or_else(|| wrong("not in base58btc"))?;
        let bytes = bs58::decode(base58).into_vec().map_err(|_| wrong("not in base58btc"))?;
        let compressed = |rest: &[u8]| rest.len() == 33;
        for curve in [Curve::K256, Curve::P256] {
            if let Some(point) = bytes.strip_prefix(&curve.multicodec())
                && compressed(point)
            {
                return Self::from_sec1(curve, point).map_err(|_| wrong("not on the curve"));
            }
        }
        Err(wrong("neither a k256 nor a p256 key in compressed form"))
    }

    /// Parses a point in SEC1 form: 33 bytes compressed, or 65 bytes uncompressed.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] for another form, or a point that is not on the curve.
    pub fn from_sec1(curve: Curve, bytes: &[u8]) -> Result<Self, KeyError> {
        let form = matches!((bytes.first(), bytes.len()), (Some(2 | 3), 33) | (Some(4), 65));
        let wrong = || KeyError::Unusable(format!("not a public key on {curve}"));
        if !form {
            return Err(wrong());
        }
        let point = match curve {
            Curve::K256 => {
                Point::K256(k256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map_err(|_| wrong())?)
            }
            Curve::P256 => {
                Point::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map_err(|_| wrong())?)
            }
        };
        let compressed = match &point {
            Point::K256(key) => key.to_sec1_point(true).as_bytes().try_into(),
            Point::P256(key) => key.to_sec1_point(true).as_bytes().try_into(),
        };
        Ok(Self { point, compressed: compressed.map_err(|_| wrong())? })
    }

    /// The text form, `did:key:z...`.
    pub fn to_did_key(&self) -> String {
        format!("{DID_KEY}{}", self.to_multikey())
    }

    /// The form of DID documents, `z...`.
    pub fn to_multikey(&self) -> String {
        let bytes = [&self.curve().multicodec()[..], &self.compressed].concat();
        format!("z{}", bs58::encode(bytes).into_string())
    }

    /// The point in compressed SEC1 form.
    pub fn to_sec1(&self) -> [u8; 33] {
        self.compressed
    }

    /// The curve.
    pub fn curve(&self) -> Curve {
        match self.point {
            Point::K256(_) => Curve::K256,
            Point::P256(_) => Curve::P256,
        }
    }

    /// Checks a signature over the SHA-256 of `message`.
    ///
    /// ```
    /// use carrack::env::SystemRandom;
    /// use carrack::key::{SignatureStatus, Curve, Signer, SigningKey};
    /// let key = SigningKey::generate(Curve::P256, &SystemRandom)?;
    /// let signature = key.sign(b"ahoy")?;
    /// assert_eq!(key.verifying_key().verify(b"ahoy", &signature), SignatureStatus::Valid);
    /// assert_eq!(key.verifying_key().verify(b"Ahoy", &signature), SignatureStatus::Invalid);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> SignatureStatus {
        if signature.len() != SIGNATURE_BYTES {
            return SignatureStatus::Invalid;
        }
        let digest = Sha256::digest(message);
        // The low form is verified, because the k256 library refuses the high one.
        let (right, high) = match &self.point {
            Point::K256(key) => {
                let Ok(given) = k256::ecdsa::Signature::from_slice(signature) else {
                    return SignatureStatus::Invalid;
                };
                let low = given.normalize_s();
                (key.verify_prehash(&digest, &low).is_ok(), low != given)
            }
            Point::P256(key) => {
                let Ok(given) = p256::ecdsa::Signature::from_slice(signature) else {
                    return SignatureStatus::Invalid;
                };
                let low = given.normalize_s();
                (key.verify_prehash(&digest, &low).is_ok(), low != given)
            }
        };
        match (right, high) {
            (true, false) => SignatureStatus::Valid,
            (true, true) => SignatureStatus::HighS,
            (false, _) => SignatureStatus::Invalid,
        }
    }
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.curve() == other.curve() && self.compressed == other.compressed
    }
}

impl Eq for VerifyingKey {}

impl Hash for VerifyingKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.curve().hash(state);
        self.compressed.hash(state);
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_did_key())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifyingKey {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        Self::from_did_key(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K256: &str = "did:key:zQ3shqwJEJyMBsBXCWyCBpUBMqxcon9oHB7mCvx4sSpMdLJwc";
    const P256: &str = "did:key:zDnaembgSGUhZULN2Caob4HLJPaxBh92N7rtH21TErzqf8HQo";

    #[test]
    fn both_sec1_forms_give_the_same_key() {
        let key = K256.parse::<VerifyingKey>().unwrap();
        let Point::K256(point) = &key.point else { panic!("another curve") };
        let long = point.to_sec1_point(false);
        assert_eq!(VerifyingKey::from_sec1(Curve::K256, long.as_bytes()).unwrap(), key);
        assert_eq!(VerifyingKey::from_sec1(Curve::K256, &key.to_sec1()).unwrap(), key);
        assert!(VerifyingKey::from_sec1(Curve::P256, long.as_bytes()).is_err());
    }

    #[test]
    fn only_the_canonical_form_is_a_did_key() {
        let key = P256.parse::<VerifyingKey>().unwrap();
        let multikey = |prefix: &[u8], point: &[u8]| {
            format!("did:key:z{}", bs58::encode([prefix, point].concat()).into_string())
        };
        assert_eq!(multikey(&[0x80, 0x24], &key.to_sec1()), P256);
        let Point::P256(point) = &key.point else { panic!("another curve") };
        let mut off = key.to_sec1();
        off[0] = 5;
        for wrong in [
            multikey(&[0x80, 0x24], point.to_sec1_point(false).as_bytes()),
            multikey(&[0x80, 0x24], &off),
            multikey(&[0x80, 0x24], &[2; 32]),
            multikey(&[0x80, 0x24], &[0xff; 33]),
            multikey(&[0x80, 0xa4, 0x00], &key.to_sec1()),
            multikey(&[0xed, 0x01], &[2; 32]),
            multikey(&[0x00, 0x80, 0x24], &key.to_sec1()),
            P256.replace(":z", ":u"),
            P256.replace("did:key", "did:Key"),
            format!("{P256}#{}", P256.split(':').next_back().unwrap()),
            "did:key:".to_owned(),
            "did:key:z".to_owned(),
            format!("did:key:z{}", "1".repeat(100_000)),
        ] {
            assert!(wrong.parse::<VerifyingKey>().is_err(), "{wrong:.80}");
        }
    }

    #[test]
    fn signatures_out_of_range_are_invalid() {
        for text in [K256, P256] {
            let key = text.parse::<VerifyingKey>().unwrap();
            let [zero, one, over] = [[0; 32], [1; 32], [0xff; 32]];
            for (r, s) in [(zero, one), (one, zero), (over, one), (one, over), (one, one)] {
                assert_eq!(key.verify(b"", &[r, s].concat()), SignatureStatus::Invalid);
            }
            for length in [0, 63, 65, 70] {
                assert_eq!(key.verify(b"", &vec![1; length]), SignatureStatus::Invalid);
            }
        }
    }

    /// The order of each curve's group.
    const ORDERS: [(Curve, &str); 2] = [
        (Curve::K256, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
        (Curve::P256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    ];

    /// `n - s`, by hand.
    fn twin(order: &str, signature: [u8; 64]) -> [u8; 64] {
        let order = data_encoding::HEXLOWER.decode(order.as_bytes()).unwrap();
        let mut twin = signature;
        let mut borrow = 0;
        for place in (0..32).rev() {
            let left = i16::from(order[place]) - i16::from(signature[32 + place]) - borrow;
            borrow = i16::from(left < 0);
            twin[32 + place] = u8::try_from(left.rem_euclid(256)).unwrap();
        }
        twin
    }

    #[test]
    fn the_twin_of_a_right_signature_is_high() {
        use crate::key::{Signer, SigningKey};
        for (curve, order) in ORDERS {
            for secret in 1..9 {
                let key = SigningKey::from_bytes(curve, &[secret; 32]).unwrap();
                let signature = key.sign(b"ahoy").unwrap();
                let high = twin(order, signature);
                let key = key.verifying_key();
                assert_eq!(key.verify(b"ahoy", &signature), SignatureStatus::Valid);
                assert_eq!(key.verify(b"ahoy", &high), SignatureStatus::HighS, "{curve} {secret}");
                assert_eq!(key.verify(b"ahoi", &high), SignatureStatus::Invalid);
                assert_eq!(twin(order, high), signature);
            }
        }
    }
}

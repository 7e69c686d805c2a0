use super::sealed::Sealed;
use super::{Curve, KeyError, Signer, VerifyingKey};
use crate::env::Random;
use k256::ecdsa::signature::hazmat::PrehashSigner;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// A secret key in memory, wiped when dropped.
///
/// Signatures are deterministic (RFC 6979) and have a low `s` on both curves.
///
/// ```
/// use carrack::env::SystemRandom;
/// use carrack::key::{Curve, Signer, SigningKey};
/// let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
/// let again = SigningKey::from_bytes(Curve::K256, &*key.to_bytes())?;
/// assert_eq!(again.verifying_key(), key.verifying_key());
/// # Ok::<(), carrack::Error>(())
/// ```
pub struct SigningKey {
    scalar: Scalar,
    public: VerifyingKey,
}

enum Scalar {
    K256(k256::ecdsa::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

/// A random 256-bit number is out of range once in four thousand million draws, at most.
const DRAWS_MAX: usize = 8;

impl SigningKey {
    /// Generates a key. Pass [`crate::env::SystemRandom`], except in tests.
    ///
    /// # Errors
    /// [`KeyError::Io`] if the random source fails, [`KeyError::Unusable`] if its bytes are not
    /// random.
    pub fn generate(curve: Curve, random: &dyn Random) -> Result<Self, KeyError> {
        for _ in 0..DRAWS_MAX {
            let mut bytes = Zeroizing::new([0; 32]);
            let filled = random.fill(&mut *bytes);
            filled.map_err(|error| KeyError::io("reading randomness", error))?;
            if let Ok(key) = Self::from_bytes(curve, &*bytes) {
                return Ok(key);
            }
        }
        Err(KeyError::Unusable("the source of randomness gives no usable numbers".to_owned()))
    }

    /// The key of this secret: 32 bytes, big-endian.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] for another length, or if the number is zero or not below the group's
    /// order.
    pub fn from_bytes(curve: Curve, bytes: &[u8]) -> Result<Self, KeyError> {
        // The bytes are secret, so the message does not show them.
        let wrong = || KeyError::Unusable(format!("not a secret key on {curve}"));
        if bytes.len() != 32 {
            return Err(wrong());
        }
        let scalar = match curve {
            Curve::K256 => {
                Scalar::K256(k256::ecdsa::SigningKey::from_slice(bytes).map_err(|_| wrong())?)
            }
            Curve::P256 => {
                Scalar::P256(p256::ecdsa::SigningKey::from_slice(bytes).map_err(|_| wrong())?)
            }
        };
        let public = match &scalar {
            Scalar::K256(key) => {
                VerifyingKey::from_sec1(curve, key.verifying_key().to_sec1_point(true).as_bytes())
            }
            Scalar::P256(key) => {
                VerifyingKey::from_sec1(curve, key.verifying_key().to_sec1_point(true).as_bytes())
            }
        };
        Ok(Self { scalar, public: public? })
    }

    /// The secret: 32 bytes, big-endian.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(match &self.scalar {
            Scalar::K256(key) => key.to_bytes().into(),
            Scalar::P256(key) => key.to_bytes().into(),
        })
    }

    /// The curve.
    pub fn curve(&self) -> Curve {
        self.public.curve()
    }

    /// The public key.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.public.clone()
    }
}

impl Signer for SigningKey {
    fn verifying_key(&self) -> VerifyingKey {
        self.public.clone()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        let digest = Sha256::digest(message);
        let failed = |_| KeyError::Unusable("signing failed".to_owned());
        Ok(match &self.scalar {
            Scalar::K256(key) => {
                let signature: k256::ecdsa::Signature =
                    key.sign_prehash(&digest).map_err(failed)?;
                signature.normalize_s().to_bytes().into()
            }
            Scalar::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.sign_prehash(&digest).map_err(failed)?;
                signature.normalize_s().to_bytes().into()
            }
        })
    }

    fn is_exact(&self, _: Sealed) -> bool {
        true
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::SeededRandom;
    use crate::key::SignatureStatus;

    #[test]
    fn signatures_are_deterministic_and_low() {
        let random = SeededRandom::new(1);
        for curve in [Curve::K256, Curve::P256] {
            let key = SigningKey::generate(curve, &random).unwrap();
            for number in 0..32_u8 {
                let signature = key.sign(&[number]).unwrap();
                assert_eq!(key.sign(&[number]).unwrap(), signature);
                assert_eq!(
                    key.verifying_key().verify(&[number], &signature),
                    SignatureStatus::Valid
                );
                assert_eq!(
                    key.verifying_key().verify(&[!number], &signature),
                    SignatureStatus::Invalid
                );
            }
        }
    }

    #[test]
    fn rfc_6979_gives_the_nonce() {
        // RFC 6979, appendix A.2.5: P-256 with SHA-256, message "sample". Its s is high, so the
        // low twin is expected here.
        let secret = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
        let bytes = data_encoding::HEXLOWER.decode(secret.as_bytes()).unwrap();
        let key = SigningKey::from_bytes(Curve::P256, &bytes).unwrap();
        let signature = data_encoding::HEXLOWER.encode(&key.sign(b"sample").unwrap());
        let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
        let s = "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9";
        assert_eq!(signature, format!("{r}{s}"));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for curve in [Curve::K256, Curve::P256] {
            for bytes in [&[0; 32][..], &[0xff; 32], &[1; 31], &[1; 33], &[]] {
                assert!(SigningKey::from_bytes(curve, bytes).is_err(), "{curve} {bytes:?}");
            }
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let key = SigningKey::generate(Curve::K256, &SeededRandom::new(2)).unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.verifying_key()));
    }

    #[test]
    fn randomness_that_is_none_is_noticed() {
        struct Zeros;
        impl Random for Zeros {
            fn fill(&self, out: &mut [u8]) -> std::io::Result<()> {
                out.fill(0);
                Ok(())
            }
        }
        assert!(matches!(SigningKey::generate(Curve::K256, &Zeros), Err(KeyError::Unusable(_))));
    }
}

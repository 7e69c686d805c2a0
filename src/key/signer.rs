use super::VerifyingKey;
use crate::error::Result;
use std::sync::Arc;

/// Whatever can sign: a key in memory, or a key service or hardware module that never lets the
/// key out.
///
/// An implementation over a key service signs the SHA-256 digest of `message` with ECDSA, turns
/// the DER that such services return into 32 bytes of `r` and 32 of `s`, and replaces `s` by
/// `n - s` where `s` is over half the group's order `n`. The engine verifies what it gets before
/// it uses it, so a mistake here is an error, never a bad commit. It may block: the engine signs
/// on the caller's thread, and a slow signer delays nobody else.
///
/// ```
/// use carrack::ident::SystemRandom;
/// use carrack::key::{Curve, Signer, SigningKey};
/// use std::sync::Arc;
/// let signer: Arc<dyn Signer> = Arc::new(SigningKey::generate(Curve::K256, &SystemRandom)?);
/// assert_eq!(signer.sign(b"ahoy")?.len(), 64);
/// # Ok::<(), carrack::Error>(())
/// ```
pub trait Signer: Send + Sync {
    /// The public key that its signatures verify under. Asked often: do not fetch it each time.
    fn verifying_key(&self) -> VerifyingKey;

    /// Signs the SHA-256 of `message`: `r` and `s`, big-endian, with `s` in the lower half.
    ///
    /// # Errors
    /// [`crate::Error::Key`] if the key is refused or broken, [`crate::Error::Io`] if the service
    /// cannot be reached; then nothing is written, and the caller may try again.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64]>;

    /// Whether its signatures are right by construction. Those of all others are verified before a
    /// commit is stored, which takes about twice as long as signing.
    fn is_exact(&self) -> bool {
        false
    }
}

impl<T: Signer + ?Sized> Signer for &T {
    fn verifying_key(&self) -> VerifyingKey {
        (**self).verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        (**self).sign(message)
    }

    fn is_exact(&self) -> bool {
        (**self).is_exact()
    }
}

impl<T: Signer + ?Sized> Signer for Arc<T> {
    fn verifying_key(&self) -> VerifyingKey {
        (**self).verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        (**self).sign(message)
    }

    fn is_exact(&self) -> bool {
        (**self).is_exact()
    }
}

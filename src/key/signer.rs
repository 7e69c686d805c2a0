use super::sealed::Sealed;
use super::{KeyError, VerifyingKey};
use std::sync::Arc;

/// Whatever can sign: a key in memory, or a key service or hardware module that never lets the
/// key out.
///
/// An implementation over a key service signs the SHA-256 digest of `message` with ECDSA, turns
/// the DER that such services return into 32 bytes of `r` and 32 of `s`, and replaces `s` by
/// `n - s` where `s` is over half the group's order `n`. The engine verifies what it gets before
/// it uses it, so a mistake here is an error, never a bad commit. It may block: the engine signs
/// on the caller's thread, and a slow signer delays no other caller.
///
/// ```
/// use carrack::env::SystemRandom;
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
    /// [`KeyError::Unusable`] if the key is refused or broken, [`KeyError::Io`] if the service
    /// cannot be reached; then nothing is written, and the caller may try again.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError>;

    /// Whether its signatures are right by construction, so that a commit need not be verified
    /// before it is stored, which takes about twice as long as signing. Only this crate's own key
    /// says so: the token's type cannot be named outside of it.
    ///
    /// ```compile_fail,E0050
    /// use carrack::key::{KeyError, Signer, VerifyingKey};
    /// struct Liar(VerifyingKey);
    /// impl Signer for Liar {
    ///     fn verifying_key(&self) -> VerifyingKey { self.0.clone() }
    ///     fn sign(&self, _: &[u8]) -> Result<[u8; 64], KeyError> { Ok([1; 64]) }
    ///     fn is_exact(&self) -> bool { true }
    /// }
    /// ```
    #[doc(hidden)]
    fn is_exact(&self, _: Sealed) -> bool {
        false
    }
}

impl<T: Signer + ?Sized> Signer for &T {
    fn verifying_key(&self) -> VerifyingKey {
        (**self).verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        (**self).sign(message)
    }

    fn is_exact(&self, token: Sealed) -> bool {
        (**self).is_exact(token)
    }
}

impl<T: Signer + ?Sized> Signer for Arc<T> {
    fn verifying_key(&self) -> VerifyingKey {
        (**self).verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        (**self).sign(message)
    }

    fn is_exact(&self, token: Sealed) -> bool {
        (**self).is_exact(token)
    }
}

use super::sealed::Sealed;
use super::{KeyError, VerifyingKey};
use std::sync::Arc;

/// A signer: a key in memory, or a key service or hardware module that does not release the key.
///
/// An implementation for a key service signs the SHA-256 digest of `message` with ECDSA, converts
/// the service's DER into 32 bytes of `r` and 32 of `s`, and replaces `s` by `n - s` if `s` is
/// above half the group's order `n`. The engine verifies a signature before it stores it, so a
/// mistake is an error and never a bad commit. `sign` may block: the engine signs on the caller's
/// thread, and a slow signer delays no other caller. Specification:
/// <https://atproto.com/specs/cryptography>.
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
    /// The public key of its signatures. It is called often: do not fetch the key each time.
    fn verifying_key(&self) -> VerifyingKey;

    /// Signs the SHA-256 of `message`. Returns `r` and `s`, big-endian, with a low `s`.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] if the key is refused or damaged, [`KeyError::Io`] if the service
    /// cannot be reached. Nothing is written then, and the caller may try again.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError>;

    /// Whether signatures are correct by construction, so that the engine need not verify a commit
    /// before it stores it; that takes about twice as long as signing. Only this crate's own key
    /// returns true: other crates cannot name the argument's type.
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

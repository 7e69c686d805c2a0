//! Keys: verifying and signing with k256 and p256, did:key, and keys in files.

mod curve;
mod error;
pub mod key_file;
mod sealed;
mod signature;
mod signer;
mod signing;
mod verifying;

pub use curve::Curve;
pub use error::KeyError;
pub(crate) use sealed::Sealed;
pub use signature::SignatureStatus;
pub use signer::Signer;
pub use signing::SigningKey;
pub use verifying::VerifyingKey;

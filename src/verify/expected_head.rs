use crate::commit::Commit;
use crate::env::Clock;
use crate::ident::Did;
use crate::key::SignatureStatus;
use crate::key::VerifyingKey;
use crate::problem::{Code, Problem};

/// What a repository's head has to agree with.
///
/// ```
/// use carrack::env::SystemRandom;
/// use carrack::ident::Did;
/// use carrack::key::{Curve, Signer, SigningKey};
/// use carrack::verify::{ExpectedHead, Keys};
/// let key = SigningKey::generate(Curve::K256, &SystemRandom)?.verifying_key();
/// let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// let expect = ExpectedHead::signed_by([key.clone()]).did(did);
/// assert_eq!(expect.keys, Keys::AnyOf(vec![key]));
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExpectedHead {
    /// The account that it has to belong to; `None`: any.
    pub did: Option<Did>,
    /// The keys that may have signed it.
    pub keys: Keys,
}

/// Keys that may have signed a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Any of these. Without a key, no signature is valid; calls that know a key of the account by
    /// themselves say so, and use that one then.
    AnyOf(Vec<VerifyingKey>),
    /// The signature stays unchecked.
    Unchecked,
}

impl Default for Keys {
    /// No key.
    fn default() -> Self {
        Self::AnyOf(Vec::new())
    }
}

impl Keys {
    /// The keys that are named.
    pub fn named(&self) -> &[VerifyingKey] {
        match self {
            Self::AnyOf(keys) => keys,
            Self::Unchecked => &[],
        }
    }

    /// Whether the signature stays unchecked.
    pub fn are_unchecked(&self) -> bool {
        matches!(self, Self::Unchecked)
    }
}

impl ExpectedHead {
    /// A head of any account, signed with one of these keys.
    pub fn signed_by(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        Self { did: None, keys: Keys::AnyOf(keys.into_iter().collect()) }
    }

    /// A head of any account, whose signature stays unchecked.
    pub fn unchecked() -> Self {
        Self { did: None, keys: Keys::Unchecked }
    }

    /// The account that it has to belong to.
    #[must_use]
    pub fn did(mut self, did: impl Into<Option<Did>>) -> Self {
        self.did = did.into();
        self
    }

    /// The keys that may have signed it.
    #[must_use]
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// Checks that an account is the one that is expected, if one is.
    ///
    /// # Errors
    /// `DidMismatch`.
    pub fn check_did(&self, found: &Did) -> Result<(), Problem> {
        match &self.did {
            Some(did) if did != found => {
                let message = format!("this is of {found}, where {did} was expected");
                Err(Problem::new(Code::DidMismatch, message))
            }
            _ => Ok(()),
        }
    }

    /// Checks a head against all of it, and against the clock.
    pub fn check(
        &self,
        commit: &Commit,
        clock: &dyn Clock,
        report: &mut dyn FnMut(Problem),
    ) -> SignatureStatus {
        let here = |code, message: String| Problem::new(code, message).cid(commit.cid());
        if let Err(problem) = self.check_did(commit.did()) {
            report(problem.cid(commit.cid()));
        }
        if let Some(rev) = commit.rev().filter(|rev| rev.is_future(clock)) {
            report(here(Code::FutureRev, format!("revision {rev} is in the future")));
        }
        let signature = match &self.keys {
            Keys::AnyOf(keys) if keys.is_empty() => SignatureStatus::Invalid,
            keys => commit.check(keys.named()),
        };
        match signature {
            SignatureStatus::Valid => {}
            SignatureStatus::Unchecked if commit.signature_has_length() => {}
            SignatureStatus::HighS => {
                let message = "the signature is the malleable form (high S) of a right one";
                report(here(Code::HighS, message.to_owned()));
            }
            SignatureStatus::Invalid if self.keys.named().is_empty() => {
                let message = "there is no key to check the signature with";
                report(here(Code::BadSignature, message.to_owned()));
            }
            SignatureStatus::Invalid => {
                let message = "the signature does not verify under any of the given keys";
                report(here(Code::BadSignature, message.to_owned()));
            }
            SignatureStatus::Unchecked => {
                let message = "the signature does not have 64 bytes";
                report(here(Code::BadSignature, message.to_owned()));
            }
        }
        signature
    }
}

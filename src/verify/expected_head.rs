use crate::commit::Commit;
use crate::env::Clock;
use crate::ident::Did;
use crate::key::SignatureStatus;
use crate::key::VerifyingKey;
use crate::problem::{Code, Problem};

/// The account and the keys that a repository's head must match.
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
    /// The account; `None` accepts any.
    pub did: Option<Did>,
    /// The keys that may have signed the head.
    pub keys: Keys,
}

/// The keys that may have signed a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Any of these. An empty list accepts no signature, except in calls that document a key of
    /// their own.
    AnyOf(Vec<VerifyingKey>),
    /// The signature is not checked.
    Unchecked,
}

impl Default for Keys {
    /// [`Keys::AnyOf`] without a key.
    fn default() -> Self {
        Self::AnyOf(Vec::new())
    }
}

impl Keys {
    /// The given keys; none if the signature is not checked.
    pub fn named(&self) -> &[VerifyingKey] {
        match self {
            Self::AnyOf(keys) => keys,
            Self::Unchecked => &[],
        }
    }

    /// Whether the signature is not checked.
    pub fn are_unchecked(&self) -> bool {
        matches!(self, Self::Unchecked)
    }
}

impl ExpectedHead {
    /// Accepts a head of any account, signed with one of these keys.
    pub fn signed_by(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        Self { did: None, keys: Keys::AnyOf(keys.into_iter().collect()) }
    }

    /// Accepts a head of any account without a check of its signature.
    pub fn unchecked() -> Self {
        Self { did: None, keys: Keys::Unchecked }
    }

    /// Sets the account that the head must belong to.
    #[must_use]
    pub fn did(mut self, did: impl Into<Option<Did>>) -> Self {
        self.did = did.into();
        self
    }

    /// Sets the keys that may have signed the head.
    #[must_use]
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// Checks an account against the expected one, if there is one.
    ///
    /// # Errors
    /// A problem with the code `DidMismatch`.
    pub fn check_did(&self, found: &Did) -> Result<(), Problem> {
        match &self.did {
            Some(did) if did != found => {
                let message = format!("this is of {found}, where {did} was expected");
                Err(Problem::new(Code::DidMismatch, message))
            }
            _ => Ok(()),
        }
    }

    /// Checks a head against the account, the keys and the clock.
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

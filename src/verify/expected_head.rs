use crate::commit::{Commit, Signature};
use crate::error::{Code, Problem};
use crate::ident::{Clock, Did};
use crate::key::VerifyingKey;

/// What a repository's head has to agree with. The default asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct ExpectedHead {
    /// The account that it has to belong to.
    pub did: Option<Did>,
    /// Keys of which any may have signed it. Without one, the signature stays unchecked.
    pub keys: Vec<VerifyingKey>,
}

impl ExpectedHead {
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
    ) -> Signature {
        let here = |code, message: String| Problem::new(code, message).cid(commit.cid());
        if let Err(problem) = self.check_did(commit.did()) {
            report(problem.cid(commit.cid()));
        }
        if let Some(rev) = commit.rev().filter(|rev| rev.is_future(clock)) {
            report(here(Code::FutureRev, format!("revision {rev} is in the future")));
        }
        let signature = commit.check(&self.keys);
        match signature {
            Signature::Valid => {}
            Signature::Unchecked if commit.signature_has_length() => {}
            Signature::HighS => {
                let message = "the signature is the malleable form (high S) of a right one";
                report(here(Code::HighS, message.to_owned()));
            }
            Signature::Invalid => {
                let message = "the signature does not verify under any of the given keys";
                report(here(Code::BadSignature, message.to_owned()));
            }
            Signature::Unchecked => {
                let message = "the signature does not have 64 bytes";
                report(here(Code::BadSignature, message.to_owned()));
            }
        }
        signature
    }
}

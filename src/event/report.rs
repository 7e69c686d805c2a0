use super::frame::FrameFacts;
use crate::ident::{Did, Rev};
use crate::key::SignatureStatus;
use crate::problem::Problems;

/// What a check of a frame found. `None` is for what could not be found out, or does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EventReport {
    /// The outcome.
    pub verdict: Verdict,
    /// The type, `#commit` for example.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: Option<String>,
    /// Number in the stream.
    pub seq: Option<u64>,
    /// The account.
    pub did: Option<Did>,
    /// The revision, of `#commit` and `#sync`.
    pub rev: Option<Rev>,
    /// What is known of the signature, of `#commit` and `#sync`.
    pub signature: Option<SignatureStatus>,
    /// What is wrong.
    pub problems: Problems,
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing is wrong.
    Valid,
    /// Something is.
    Invalid,
    /// An error frame, or one of unknown operation or type: to be passed over.
    Ignored,
}

impl Verdict {
    /// The word that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Ignored => "ignored",
        }
    }
}

impl EventReport {
    pub(super) fn new(seen: FrameFacts) -> Self {
        let FrameFacts { kind, seq, did, rev } = seen;
        let problems = Problems::default();
        Self { verdict: Verdict::Valid, kind, seq, did, rev, signature: None, problems }
    }
}

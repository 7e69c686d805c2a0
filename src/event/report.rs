use super::frame::FrameFacts;
use crate::ident::{Did, Rev};
use crate::key::SignatureStatus;
use crate::problem::Problems;

/// The result of [`verify_frame`](crate::event::verify_frame). `None` marks what could not be
/// determined or does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EventReport {
    /// The outcome.
    pub verdict: Verdict,
    /// The event's type, for example `#commit`.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: Option<String>,
    /// The sequence number in the stream.
    pub seq: Option<u64>,
    /// The account.
    pub did: Option<Did>,
    /// The revision, of `#commit` and `#sync`.
    pub rev: Option<Rev>,
    /// The status of the signature, of `#commit` and `#sync`.
    pub signature: Option<SignatureStatus>,
    /// The problems.
    #[cfg_attr(
        feature = "serde",
        serde(flatten, serialize_with = "crate::problem::fields::problems")
    )]
    pub problems: Problems,
}

/// The outcome of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// There is no problem.
    Valid,
    /// There is at least one problem.
    Invalid,
    /// An error frame, or one of unknown operation or type, which is ignored.
    Ignored,
}

impl Verdict {
    /// The word in reports and JSON.
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

use super::frame::FrameFacts;
use crate::ident::{Did, Rev};
use crate::key::SignatureStatus;
use crate::problem::Problems;
use crate::verify::problems_json;
use serde_json::{Map, Value, json};

/// What a check of a frame found. `None` is for what could not be found out, or does not apply.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventReport {
    /// The outcome.
    pub verdict: Verdict,
    /// The type, `#commit` for example.
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

    /// As `carrack event verify --json` prints it.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
        put("verdict", self.verdict.as_str().into());
        put("type", json!(self.kind));
        put("seq", json!(self.seq));
        put("did", json!(self.did.as_ref().map(Did::as_str)));
        put("rev", json!(self.rev.map(|rev| rev.to_string())));
        put("signature", json!(self.signature.map(SignatureStatus::as_str)));
        put("problems", problems_json(self.problems.listed()));
        out
    }
}

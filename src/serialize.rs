//! The feature `serde`: results as the command line prints them.
//!
//! Identifiers are their texts, and enums the words that have a method for it. What only has fields
//! derives `Serialize` where it is declared; here is the rest.

use crate::block::Cid;
use crate::engine::{AccountStatus, EngineName, ScrubReport, State, Trust, TrustKey};
use crate::event::{HostingStatus, RepoOp, Timestamp, Verdict};
use crate::follow::{Followed, Ignored, Mismatch, OutOfSync};
use crate::ident::{Did, Nsid, RecordKey, RepoPath, Rev};
use crate::key::{Curve, SignatureStatus, VerifyingKey};
use crate::problem::{Code, Problems};
use crate::verify::{CollectionReport, Order, ProofReport, Report};
use serde::{Serialize, Serializer};

macro_rules! as_text {
    ($($type:ty),* $(,)?) => { $(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )* };
}

as_text!(Cid, Code, Curve, Did, EngineName, Nsid, RecordKey, RepoPath, Rev, VerifyingKey);

macro_rules! as_word {
    ($($type:ty: $word:ident),* $(,)?) => { $(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.$word())
            }
        }
    )* };
}

as_word!(
    HostingStatus: as_str,
    Ignored: as_str,
    Mismatch: as_str,
    Order: as_str,
    SignatureStatus: as_str,
    State: name,
    Timestamp: as_str,
    Trust: name,
    TrustKey: name,
    Verdict: as_str,
);

/// Those that are listed. A report says beside the list how many further ones there are.
impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.listed().serialize(serializer)
    }
}

fn verdict(is_valid: bool) -> Verdict {
    if is_valid { Verdict::Valid } else { Verdict::Invalid }
}

#[derive(Serialize)]
struct ReportForm<'a> {
    verdict: Verdict,
    version: &'a Option<u8>,
    did: &'a Option<Did>,
    rev: &'a Option<Rev>,
    commit: &'a Option<Cid>,
    data: &'a Option<Cid>,
    records: &'a Option<u64>,
    nodes: &'a Option<u64>,
    blocks: &'a Option<u64>,
    unreferenced_blocks: &'a Option<u64>,
    height: &'a Option<u64>,
    order: &'a Option<Order>,
    signature: &'a Option<SignatureStatus>,
    problems: &'a Problems,
    problems_omitted: u64,
    warnings: &'a Problems,
    warnings_omitted: u64,
}

/// With `verdict`, `problems_omitted` and `warnings_omitted`.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            version,
            did,
            rev,
            commit,
            data,
            records,
            nodes,
            blocks,
            unreferenced_blocks,
            height,
            order,
            signature,
            problems,
            warnings,
        } = self;
        let object = ReportForm {
            verdict: verdict(self.is_valid()),
            version,
            did,
            rev,
            commit,
            data,
            records,
            nodes,
            blocks,
            unreferenced_blocks,
            height,
            order,
            signature,
            problems,
            problems_omitted: problems.omitted(),
            warnings,
            warnings_omitted: warnings.omitted(),
        };
        object.serialize(serializer)
    }
}

/// A report with what it proves.
#[derive(Serialize)]
struct WithProof<'a, P> {
    #[serde(flatten)]
    report: &'a Report,
    proof: P,
}

#[derive(Serialize)]
struct PathProof<'a> {
    path: &'a RepoPath,
    present: Option<bool>,
    cid: &'a Option<Cid>,
}

/// The fields of the report, and the others in `proof`.
impl Serialize for ProofReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { report, path, present, cid } = self;
        let proof = PathProof { path, present: *present, cid };
        WithProof { report, proof }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct CollectionProof<'a> {
    collection: &'a Nsid,
    complete: Option<bool>,
    records: Option<u64>,
    listing_sha256: &'a Option<String>,
}

/// The fields of the report, and the others in `proof`.
impl Serialize for CollectionReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { report, collection, complete, records, listing_sha256 } = self;
        let (complete, records) = (*complete, *records);
        let proof = CollectionProof { collection, complete, records, listing_sha256 };
        WithProof { report, proof }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct ScrubForm<'a> {
    verdict: Verdict,
    accounts: u64,
    rows: u64,
    records: u64,
    problems: &'a Problems,
    problems_omitted: u64,
}

/// With `verdict` and `problems_omitted`.
impl Serialize for ScrubReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { accounts, rows, records, problems } = self;
        let object = ScrubForm {
            verdict: verdict(self.is_valid()),
            accounts: *accounts,
            rows: *rows,
            records: *records,
            problems,
            problems_omitted: problems.omitted(),
        };
        object.serialize(serializer)
    }
}

#[derive(Serialize)]
struct AccountForm<'a> {
    did: &'a Did,
    state: &'a State,
    /// Only of an account that leaves or has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    trust: Trust,
    trust_key: Option<TrustKey>,
    key: &'a Option<String>,
    commit: &'a Option<Cid>,
    rev: Option<Rev>,
    data: &'a Option<Cid>,
    records: u64,
    blocks: u64,
    bytes: u64,
    blobs_needed: u64,
    blobs_missing: u64,
}

/// With `to`, the destination, if the state has one.
impl Serialize for AccountStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            did,
            state,
            trust,
            trust_key,
            key,
            commit,
            rev,
            data,
            records,
            blocks,
            bytes,
            blobs_needed,
            blobs_missing,
        } = self;
        let object = AccountForm {
            did,
            state,
            to: state.destination().map(|(to, _)| to),
            trust: *trust,
            trust_key: *trust_key,
            key,
            commit,
            rev: *rev,
            data,
            records: *records,
            blocks: *blocks,
            bytes: *bytes,
            blobs_needed: *blobs_needed,
            blobs_missing: *blobs_missing,
        };
        object.serialize(serializer)
    }
}

#[derive(Serialize)]
struct OpForm<'a> {
    action: &'a str,
    path: &'a RepoPath,
    cid: Option<&'a Cid>,
    prev: Option<&'a Cid>,
}

/// With all four fields; what the op does not have is null.
impl Serialize for RepoOp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object =
            OpForm { action: self.action(), path: self.path(), cid: self.cid(), prev: self.prev() };
        object.serialize(serializer)
    }
}

#[derive(Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
enum FollowedForm<'a> {
    Applied { rev: Rev },
    Created { rev: Rev },
    Resigned { rev: Rev },
    Identity { handle: Option<&'a str> },
    Account { state: &'a State },
    Ignored { why: Ignored },
    OutOfSync(&'a OutOfSync),
}

/// `result` says which it is, in a word; the fields stand beside it.
impl Serialize for Followed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = match self {
            Self::Applied { rev } => FollowedForm::Applied { rev: *rev },
            Self::Created { rev } => FollowedForm::Created { rev: *rev },
            Self::Resigned { rev } => FollowedForm::Resigned { rev: *rev },
            Self::Identity { handle } => FollowedForm::Identity { handle: handle.as_deref() },
            Self::Account { state } => FollowedForm::Account { state },
            Self::Ignored(why) => FollowedForm::Ignored { why: *why },
            Self::OutOfSync(found) => FollowedForm::OutOfSync(found),
        };
        object.serialize(serializer)
    }
}

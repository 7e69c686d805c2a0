use crate::cli::commands::verify::head_and_listing::VerifiedObject;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::report::{print_head, print_verdict};
use crate::cli::text::{count, or_dash, things};
use carrack::verify::{CollectionReport, ProofReport, Report};
use serde::{Serialize, Serializer};
use std::path::Path;

/// What was found out about one file.
pub(in crate::cli) enum Verified {
    /// A whole repository, and the digest of its listing.
    Whole(Report, Option<String>),
    /// A proof of one path.
    Record(ProofReport),
    /// A proof of a collection.
    Collection(CollectionReport),
}

impl Verified {
    pub(in crate::cli) fn report(&self) -> &Report {
        match self {
            Self::Whole(report, _) => report,
            Self::Record(proof) => &proof.report,
            Self::Collection(proof) => &proof.report,
        }
    }

    pub(in crate::cli) fn print(&self, output: &mut Output, file: &Path) -> Result<(), Failure> {
        print_head(output, file, self.report())?;
        match self {
            Self::Whole(report, _) => print_tree(output, report)?,
            Self::Record(proof) => print_record(output, proof)?,
            Self::Collection(proof) => print_collection(output, proof)?,
        }
        print_verdict(output, self.report())
    }
}

impl Serialize for Verified {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(report, listing_sha256) => {
                let listing_sha256 = listing_sha256.clone();
                VerifiedObject { report, listing_sha256 }.serialize(to)
            }
            Self::Record(report) => VerifiedObject { report, listing_sha256: None }.serialize(to),
            Self::Collection(report) => {
                VerifiedObject { report, listing_sha256: None }.serialize(to)
            }
        }
    }
}

fn print_tree(output: &mut Output, report: &Report) -> Result<(), Failure> {
    let number = |value: Option<u64>| or_dash(value.map(count));
    output.field("records", number(report.records))?;
    let height = number(report.height);
    output.field("nodes", format_args!("{}, height {height}", number(report.nodes)))?;
    let spare = number(report.unreferenced_blocks);
    output.field("blocks", format_args!("{}, {spare} unreferenced", number(report.blocks)))?;
    output.field("order", or_dash(report.order.map(carrack::verify::Order::as_str)))
}

fn print_record(output: &mut Output, proof: &ProofReport) -> Result<(), Failure> {
    let answer = match (proof.present, &proof.cid) {
        (Some(true), Some(cid)) => format!("present, {cid}"),
        (Some(_), _) => "absent".to_owned(),
        (None, _) => "not proven".to_owned(),
    };
    output.field("path", &proof.path)?;
    output.field("proof", answer)
}

fn print_collection(output: &mut Output, proof: &CollectionReport) -> Result<(), Failure> {
    let answer = match (proof.complete, proof.records) {
        (Some(true), Some(0)) => "complete, and empty".to_owned(),
        (Some(true), Some(records)) => format!("complete, {}", things(records, "record")),
        (Some(false), Some(records)) => format!("of {}, some are missing", count(records)),
        _ => "not proven".to_owned(),
    };
    output.field("collection", &proof.collection)?;
    output.field("proof", answer)?;
    output.field("listing", or_dash(proof.listing_sha256.as_ref()))
}

use crate::cli::commands::verify::collection::print_collection;
use crate::cli::commands::verify::head_and_listing::VerifiedObject;
use crate::cli::commands::verify::record::print_record;
use crate::cli::commands::verify::whole::print_tree;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::report::{print_head, print_verdict};
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

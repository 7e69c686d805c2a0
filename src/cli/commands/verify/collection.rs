//! `verify --proof-collection`: what a partial CAR proves of a whole collection.

use crate::cli::answer::Answer;
use crate::cli::commands::verify::head_and_listing::{HeadAndListing, VerifiedObject};
use crate::cli::environment::clock;
use crate::cli::failure::Failure;
use crate::cli::io::input;
use crate::cli::io::output::Output;
use crate::cli::io::progress::{Bar, ProgressSource};
use crate::cli::keys::{GivenKeys, earlier_key};
use crate::cli::report::{print_head, print_verdict, verdict};
use crate::cli::text::{count, or_dash, things};
use carrack::ident::Nsid;
use carrack::parts::sources::{FileSource, verify_collection_source};
use carrack::verify::{CollectionReport, Input, verify_collection};
use carrack::{Code, Problem};
use std::path::Path;

pub(in crate::cli) fn verify_collection_proof(
    file: &Path,
    collection: &Nsid,
    keys: &GivenKeys,
    json: bool,
) -> Result<Answer, Failure> {
    let input = input::open(file)?;
    let (mut proof, seen) = verify_input(&input, collection, keys)?;
    if let Some(key) = seen.head.as_ref().and_then(|head| keys.earlier_signer(head)) {
        proof.report.warnings.push(Problem::new(Code::BadSignature, earlier_key(key)));
    }
    let mut output = Output::new();
    if json {
        output.json(&VerifiedObject { report: &proof, listing_sha256: None })?;
    } else {
        print_head(&mut output, file, &proof.report)?;
        print_proof(&mut output, &proof)?;
        print_verdict(&mut output, &proof.report)?;
    }
    Ok(verdict(file, &proof.report))
}

/// Verifies a file, with a bar.
fn verify_input(
    input: &Input,
    collection: &Nsid,
    keys: &GivenKeys,
) -> Result<(CollectionReport, HeadAndListing), Failure> {
    let bar = Bar::bytes("verifying", input.length());
    let (expect, clock, mut seen) =
        (&keys.head_or_unchecked(), &*clock(), HeadAndListing::default());
    let report = match FileSource::new(input.clone()) {
        Ok(source) => {
            let mut source = ProgressSource::new(source, &bar);
            verify_collection_source(&mut source, collection, expect, clock, &mut seen)?
        }
        // What is not even a CAR gets a report too.
        Err(_) => verify_collection(input, collection, expect, clock, &mut seen)?,
    };
    Ok((report, seen))
}

fn print_proof(output: &mut Output, proof: &CollectionReport) -> Result<(), Failure> {
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

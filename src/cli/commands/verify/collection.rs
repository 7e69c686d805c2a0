//! `verify --proof-collection`: what a partial CAR proves of a whole collection.

use crate::cli::commands::verify::head_and_listing::HeadAndListing;
use crate::cli::commands::verify::verified::Verified;
use crate::cli::environment::clock;
use crate::cli::failure::Failure;
use crate::cli::io::input::{self, DecompressionLimit};
use crate::cli::io::progress::{Bar, ProgressSource};
use crate::cli::keys::{GivenKeys, earlier_key};
use carrack::ident::Nsid;
use carrack::parts::sources::{FileSource, verify_collection_source};
use carrack::verify::{CollectionReport, Input, verify_collection};
use carrack::{Code, Problem};
use std::path::Path;

pub(in crate::cli) fn verify_collection_proof(
    file: &Path,
    collection: &Nsid,
    keys: &GivenKeys,
    limit: DecompressionLimit,
) -> Result<Verified, Failure> {
    let input = input::open(file, limit)?;
    let (mut proof, seen) = verify_input(&input, collection, keys)?;
    if let Some(key) = seen.head.as_ref().and_then(|head| keys.earlier_signer(head)) {
        proof.report.warnings.push(Problem::new(Code::BadSignature, earlier_key(key)));
    }
    Ok(Verified::Collection(proof))
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

//! `verify FILE`: a whole repository.

use crate::cli::commands::verify::head_and_listing::HeadAndListing;
use crate::cli::commands::verify::verified::Verified;
use crate::cli::environment::clock;
use crate::cli::failure::Failure;
use crate::cli::io::input::{self, DecompressionLimit};
use crate::cli::io::progress::{Bar, ProgressSource};
use crate::cli::keys::{GivenKeys, earlier_key};
use carrack::parts::sources::{FileSource, verify_source};
use carrack::verify::{Input, ListingDigest, Report};
use carrack::{Code, Error, Problem};
use std::path::Path;

pub(in crate::cli) fn verify_repository(
    file: &Path,
    keys: &GivenKeys,
    lists: bool,
    limit: DecompressionLimit,
) -> Result<Verified, Failure> {
    let input = input::open(file, limit)?;
    let (mut report, seen) = verify_input(&input, keys, lists)?;
    if let Some(key) = seen.head.as_ref().and_then(|head| keys.earlier_signer(head)) {
        report.warnings.push(Problem::new(Code::BadSignature, earlier_key(key)));
    }
    let listing = seen.listing.filter(|_| report.records.is_some()).map(ListingDigest::finish);
    Ok(Verified::Whole(report, listing))
}

/// Verifies a file, with a bar; digests its listing as well if that is asked for.
fn verify_input(
    input: &Input,
    keys: &GivenKeys,
    lists: bool,
) -> Result<(Report, HeadAndListing), Failure> {
    let bar = Bar::bytes("verifying", input.length());
    let mut seen = HeadAndListing { head: None, listing: lists.then(ListingDigest::default) };
    let source = match FileSource::new(input.clone()) {
        Ok(source) => source,
        Err(Error::Problem(problem)) => {
            let mut report = Report::default();
            report.problems.push(*problem);
            return Ok((report, seen));
        }
        Err(error) => return Err(error.into()),
    };
    let mut source = ProgressSource::new(source, &bar);
    let report = verify_source(&mut source, &keys.head_or_unchecked(), &*clock(), &mut seen)?;
    Ok((report, seen))
}

//! `verify FILE`: a whole repository.

use crate::cli::answer::Answer;
use crate::cli::commands::verify::head_and_listing::{HeadAndListing, VerifiedObject};
use crate::cli::environment::clock;
use crate::cli::failure::Failure;
use crate::cli::io::input;
use crate::cli::io::output::Output;
use crate::cli::io::progress::{Bar, ProgressSource};
use crate::cli::keys::{GivenKeys, earlier_key};
use crate::cli::report::{print_head, print_verdict, verdict};
use crate::cli::text::{count, or_dash};
use carrack::parts::sources::{FileSource, verify_source};
use carrack::verify::{Input, ListingDigest, Report};
use carrack::{Code, Error, Problem};
use std::path::Path;

pub(in crate::cli) fn verify_repository(
    file: &Path,
    keys: &GivenKeys,
    json: bool,
) -> Result<Answer, Failure> {
    let input = input::open(file)?;
    let (mut report, seen) = verify_input(&input, keys, json)?;
    if let Some(key) = seen.head.as_ref().and_then(|head| keys.earlier_signer(head)) {
        report.warnings.push(Problem::new(Code::BadSignature, earlier_key(key)));
    }
    let listing = seen.listing.filter(|_| report.records.is_some()).map(ListingDigest::finish);
    let mut output = Output::new();
    if json {
        output.json(&VerifiedObject { report: &report, listing_sha256: listing })?;
    } else {
        print_head(&mut output, file, &report)?;
        print_tree(&mut output, &report)?;
        print_verdict(&mut output, &report)?;
    }
    Ok(verdict(file, &report))
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

fn print_tree(output: &mut Output, report: &Report) -> Result<(), Failure> {
    let number = |value: Option<u64>| or_dash(value.map(count));
    output.field("records", number(report.records))?;
    let height = number(report.height);
    output.field("nodes", format_args!("{}, height {height}", number(report.nodes)))?;
    let spare = number(report.unreferenced_blocks);
    output.field("blocks", format_args!("{}, {spare} unreferenced", number(report.blocks)))?;
    output.field("order", or_dash(report.order.map(carrack::verify::Order::as_str)))
}

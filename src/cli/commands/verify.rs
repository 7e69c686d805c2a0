use crate::cli::answer::Output;
use crate::cli::commands::collection::verify_collection_proof;
use crate::cli::failure::Failure;
use crate::cli::io::input;
use crate::cli::io::progress::{Bar, Watched};
use crate::cli::keys::{KeySources, Keys, earlier_key};
use crate::cli::run::Answer;
use crate::cli::text::{count, or_dash, things};
use carrack::Problems;
use carrack::commit::Commit;
use carrack::env::SystemClock;
use carrack::ident::{Nsid, RepoPath};
use carrack::key::SignatureStatus;
use carrack::key::VerifyingKey;
use carrack::limits::PROOF_BYTES_MAX;
use carrack::parts::sources::{FileSource, verify_source};
use carrack::tree::RecordWant;
use carrack::verify::{Input, ListingDigest, ProofReport, Report, Sink, verify_proof};
use carrack::{Code, Error, Problem};
use clap::Args;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    pub(in crate::cli) keys: KeySources,
    /// Take FILE for a proof that PATH is present or absent
    #[arg(long, value_name = "PATH")]
    proof: Option<RepoPath>,
    /// Take FILE for a proof of all that the collection NSID has
    #[arg(long, value_name = "NSID", conflicts_with = "proof")]
    proof_collection: Option<Nsid>,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// A repository as a CAR, or `-`
    pub(in crate::cli) file: PathBuf,
}

pub(in crate::cli) fn run(args: &VerifyArgs) -> Result<Answer, Failure> {
    args.keys.check_standard_input(&args.file)?;
    let keys = args.keys.read()?;
    match (&args.proof, &args.proof_collection) {
        (Some(path), _) => proof(args, path, &keys),
        (None, Some(collection)) => verify_collection_proof(args, collection, &keys),
        (None, None) => whole(args, &keys),
    }
}

fn whole(args: &VerifyArgs, keys: &Keys) -> Result<Answer, Failure> {
    let input = input::open(&args.file)?;
    let (mut report, seen) = verify_input(&input, keys, args.json)?;
    if let Some(key) = seen.head.as_ref().and_then(|head| signer(head, keys)) {
        report.warnings.push(Problem::new(Code::BadSignature, earlier_key(key)));
    }
    let listing = seen.listing.filter(|_| report.records.is_some()).map(ListingDigest::finish);
    let mut output = Output::new();
    if args.json {
        output.json(&with_listing(report.to_json(), listing))?;
    } else {
        print_head(&mut output, &args.file, &report)?;
        print_tree(&mut output, &report)?;
        print_verdict(&mut output, &report)?;
    }
    Ok(verdict(&args.file, &report))
}

/// Verifies a file, with a bar; digests its listing as well if that is asked for.
fn verify_input(input: &Input, keys: &Keys, lists: bool) -> Result<(Report, Seen), Failure> {
    let bar = Bar::bytes("verifying", input.length());
    let mut seen = Seen { head: None, listing: lists.then(ListingDigest::default) };
    let supply = match FileSource::new(input.clone()) {
        Ok(supply) => supply,
        Err(Error::Problem(problem)) => {
            let mut report = Report::default();
            report.problems.push(*problem);
            return Ok((report, seen));
        }
        Err(error) => return Err(error.into()),
    };
    let mut supply = Watched::new(supply, &bar);
    let report = verify_source(&mut supply, &keys.head_or_unchecked(), &SystemClock, &mut seen)?;
    Ok((report, seen))
}

fn proof(args: &VerifyArgs, path: &RepoPath, keys: &Keys) -> Result<Answer, Failure> {
    let input = Input::from(input::read(&args.file, PROOF_BYTES_MAX)?);
    let mut proof = verify_proof(&input, path, &keys.head_or_unchecked(), &SystemClock)?;
    if keys.has_earlier() && proof.report.signature == Some(SignatureStatus::Valid) {
        let current = verify_proof(&input, path, &keys.current_head(), &SystemClock)?;
        if current.report.signature != Some(SignatureStatus::Valid) {
            let message = "the signature verifies only under a key that the account has no longer";
            proof.report.warnings.push(Problem::new(Code::BadSignature, message));
        }
    }
    let mut output = Output::new();
    if args.json {
        output.json(&with_listing(proof.to_json(), None))?;
    } else {
        print_head(&mut output, &args.file, &proof.report)?;
        print_proof(&mut output, &proof)?;
        print_verdict(&mut output, &proof.report)?;
    }
    Ok(verdict(&args.file, &proof.report))
}

/// What a verification lets pass by.
#[derive(Default)]
pub(in crate::cli) struct Seen {
    pub(in crate::cli) head: Option<Commit>,
    pub(in crate::cli) listing: Option<ListingDigest>,
}

impl Sink for Seen {
    fn needs_records(&self) -> bool {
        false
    }

    fn needs_tree(&self) -> bool {
        self.listing.is_some()
    }

    fn commit(&mut self, commit: &Commit) -> carrack::Result<()> {
        self.head = Some(commit.clone());
        Ok(())
    }

    fn entry(&mut self, want: &RecordWant) -> carrack::Result<()> {
        self.listing.as_mut().map_or(Ok(()), |listing| listing.entry(want))
    }
}

/// The key of the past that signed, if one did and none of today.
pub(in crate::cli) fn signer<'a>(head: &Commit, keys: &'a Keys) -> Option<&'a VerifyingKey> {
    let signed =
        |key: &&VerifyingKey| head.check(std::slice::from_ref(*key)) == SignatureStatus::Valid;
    keys.named.iter().find(signed).filter(|key| keys.is_earlier(key))
}

pub(in crate::cli) fn with_listing(
    mut report: Map<String, Value>,
    listing: Option<String>,
) -> Value {
    report.insert("listing_sha256".to_owned(), listing.map_or(Value::Null, Value::String));
    Value::Object(report)
}

pub(in crate::cli) fn verdict(file: &Path, report: &Report) -> Answer {
    let problems = report.problems.listed();
    match problems.first() {
        None => Answer::Yes,
        Some(first) => {
            let all = problems.len() as u64 + report.problems.omitted();
            let name = file.display();
            Answer::No(format!("{name} is not valid: {}, first {first}", things(all, "problem")))
        }
    }
}

pub(in crate::cli) fn print_head(
    output: &mut Output,
    file: &Path,
    report: &Report,
) -> Result<(), Failure> {
    output.line(format_args!("{}", file.display()))?;
    output.field("account", or_dash(report.did.as_ref()))?;
    match report.version {
        Some(2) => output.field("revision", "- (legacy commit of version 2)")?,
        _ => output.field("revision", or_dash(report.rev))?,
    }
    output.field("commit", or_dash(report.commit.as_ref()))?;
    output.field("data", or_dash(report.data.as_ref()))
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

fn print_proof(output: &mut Output, proof: &ProofReport) -> Result<(), Failure> {
    let answer = match (proof.present, &proof.cid) {
        (Some(true), Some(cid)) => format!("present, {cid}"),
        (Some(_), _) => "absent".to_owned(),
        (None, _) => "not proven".to_owned(),
    };
    output.field("path", &proof.path)?;
    output.field("proof", answer)
}

pub(in crate::cli) fn print_verdict(output: &mut Output, report: &Report) -> Result<(), Failure> {
    let signature = match report.signature {
        None => "-",
        Some(SignatureStatus::Unchecked) => "unchecked (give --key, --did-doc or --plc-log)",
        Some(signature) => signature.as_str(),
    };
    output.field("signature", signature)?;
    output.field("verdict", if report.is_valid() { "valid" } else { "INVALID" })?;
    print_problems(output, "problem", &report.problems)?;
    print_problems(output, "warning", &report.warnings)?;
    output.flush()
}

/// Problems, a line each.
pub(in crate::cli) fn print_problems(
    output: &mut Output,
    kind: &str,
    problems: &Problems,
) -> Result<(), Failure> {
    for problem in problems.listed() {
        output.line(format_args!("{kind}: {problem}"))?;
    }
    match problems.omitted() {
        0 => Ok(()),
        more => output.line(format_args!("and {}", things(more, &format!("further {kind}")))),
    }
}

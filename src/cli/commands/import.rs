use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::input::{self, DecompressionLimit};
use crate::cli::io::output::Output;
use crate::cli::io::progress::{Bar, ProgressSource};
use crate::cli::io::stderr::tell;
use crate::cli::keys::import_options;
use crate::cli::keys::{GivenKeys, KeySources, earlier_key};
use crate::cli::report::tell_problems;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::{bytes, count, per_second, things};
use carrack::block::Cid;
use carrack::engine::{Imported, Trust, TrustKey};
use carrack::ident::{Did, Rev};
use carrack::key::VerifyingKey;
use carrack::parts::sources::{self, FileSource};
use carrack::verify::Input;
use carrack::{Code, Engine, Problem, Problems};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// A repository as a CAR; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    limit: DecompressionLimit,
    #[command(flatten)]
    keys: KeySources,
    /// Store it without checking the signature, and mark the account unverified
    #[arg(long)]
    no_key: bool,
    /// Replace an account that takes writes, is suspended or is taken down, if this CID is its head
    #[arg(long, value_name = "HEAD")]
    replace: Option<Cid>,
    /// After a restore of the store: accept a revision that is at or below the minimum that was
    /// confirmed; give it only if no later one of this account was published from the store
    #[arg(long)]
    below_floor: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &ImportArgs) -> Result<Answer, Failure> {
    if args.no_key && args.keys.any() {
        return Err(Failure::unusable("--no-key contradicts the keys that are given"));
    }
    args.keys.check_standard_input(&args.file)?;
    if !args.no_key && !args.keys.any() {
        return Err(Failure::no(
            "no key to check the signature with: give --key, --did-doc or --plc-log, or --no-key \
             to store the account marked as unverified",
        ));
    }
    let keys = args.keys.read()?;
    // Before the store: a missing file must not create a store.
    let input = input::open(&args.file, args.limit)?;
    let engine = store::existing_or_new(&args.store)?;
    let start = Instant::now();
    let imported = import(&engine, &input, args, &keys)?;
    let seconds = start.elapsed().as_secs_f64();
    let warning = signed_earlier(&engine, &imported, &keys)?;
    if let Some(warning) = &warning {
        tell(format_args!("warning: {warning}"));
    }
    if args.json {
        Output::new().json(&ImportedObject::of(&imported, seconds, warning))?;
    } else {
        print(&imported, seconds)?;
    }
    Ok(Answer::Yes)
}

fn import(
    engine: &Engine,
    input: &Input,
    args: &ImportArgs,
    keys: &GivenKeys,
) -> Result<Imported, Failure> {
    let options = import_options(keys, args.no_key, args.replace.as_ref(), args.below_floor);
    let bar = Bar::bytes("importing", input.length());
    let mut source = ProgressSource::new(FileSource::new(input.clone())?, &bar);
    Ok(sources::import(engine, &mut source, &options)?)
}

/// A warning, if the head is signed with a key of the past.
fn signed_earlier(
    engine: &Engine,
    imported: &Imported,
    keys: &GivenKeys,
) -> Result<Option<String>, Failure> {
    let key = engine.status(&imported.did)?.key;
    let key = key.and_then(|key| key.parse::<VerifyingKey>().ok());
    Ok(key.filter(|key| keys.is_earlier(key)).map(|key| earlier_key(&key)))
}

#[derive(Serialize)]
struct ImportedObject<'a> {
    did: &'a Did,
    commit: &'a Cid,
    rev: Rev,
    data: &'a Cid,
    records: u64,
    blobs_needed: u64,
    trust: Trust,
    trust_key: Option<TrustKey>,
    bytes: u64,
    seconds: f64,
    warnings: Problems,
    warnings_omitted: u64,
}

impl<'a> ImportedObject<'a> {
    fn of(imported: &'a Imported, seconds: f64, warning: Option<String>) -> Self {
        let mut warnings = imported.report.warnings.clone();
        if let Some(message) = warning {
            warnings.push(Problem::new(Code::BadSignature, message));
        }
        Self {
            did: &imported.did,
            commit: &imported.commit,
            rev: imported.rev,
            data: &imported.data,
            records: imported.records,
            blobs_needed: imported.blobs_needed,
            trust: imported.trust,
            trust_key: imported.trust_key,
            bytes: imported.bytes,
            seconds,
            warnings_omitted: warnings.omitted(),
            warnings,
        }
    }
}

fn print(imported: &Imported, seconds: f64) -> Result<(), Failure> {
    let mut output = Output::new();
    let rate = count(per_second(imported.records, seconds));
    output.line(format_args!(
        "imported {}, {} in {seconds:.2} s ({rate} records/s)",
        things(imported.records, "record"),
        bytes(imported.bytes)
    ))?;
    output.field("account", &imported.did)?;
    output.field("revision", imported.rev)?;
    output.field("commit", &imported.commit)?;
    output.field("blobs needed", count(imported.blobs_needed))?;
    output.field("trust", imported.trust.name())?;
    tell_problems("warning", &imported.report.warnings);
    output.flush()
}

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::input::{self, DecompressionLimit, is_standard};
use crate::cli::io::output::Output;
use crate::cli::keys::KeySources;
use crate::cli::keys::import_options;
use crate::cli::report::tell_problems;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::count;
use carrack::block::Cid;
use carrack::engine::AppliedDiff;
use carrack::limits::DIFF_BYTES_MAX;
use carrack::verify::Input;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct ApplyArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// A diff as a CAR, as `export --since` writes it; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    limit: DecompressionLimit,
    /// Without a key: the one that the stored head verified under
    #[command(flatten)]
    keys: KeySources,
    /// Update an account that takes writes, is suspended or is taken down, if this CID is its head
    #[arg(long, value_name = "HEAD")]
    replace: Option<Cid>,
    /// Do not check the signature: for a copy that was stored without a key, which stays unverified
    #[arg(long)]
    no_key: bool,
    /// After a restore of the store: accept a revision that is at or below the minimum that was
    /// confirmed; give it only if no later one of this account was published from the store
    #[arg(long)]
    below_floor: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &ApplyArgs) -> Result<Answer, Failure> {
    if args.no_key && args.keys.any() {
        return Err(Failure::unusable("--no-key contradicts the keys that are given"));
    }
    args.keys.check_standard_input(&args.file)?;
    let keys = args.keys.read()?;
    let input = open(&args.file, args.limit)?;
    let engine = store::existing(&args.store)?;
    let options = import_options(&keys, args.no_key, args.replace.as_ref(), args.below_floor);
    let applied = engine.apply_diff(&input, &options)?;
    if args.json {
        Output::new().json(&applied)?;
    } else {
        print(&applied)?;
    }
    Ok(Answer::Yes)
}

/// Standard input is read into memory, as diffs are, up to the maximum length of a diff.
fn open(path: &Path, limit: DecompressionLimit) -> Result<Input, Failure> {
    if is_standard(path) {
        return Ok(Input::from(input::read(path, DIFF_BYTES_MAX, limit)?));
    }
    input::open(path, limit)
}

fn print(applied: &AppliedDiff) -> Result<(), Failure> {
    let mut output = Output::new();
    if applied.rev == applied.since {
        output.line(format_args!("nothing to do: this head is stored already"))?;
    } else {
        print_changes(&mut output, applied)?;
    }
    output.field("account", &applied.did)?;
    output.field("revision", format_args!("{} (was {})", applied.rev, applied.since))?;
    output.field("commit", &applied.commit)?;
    output.field("records", count(applied.records))?;
    output.field("trust", applied.trust.name())?;
    tell_problems("warning", &applied.warnings);
    output.flush()
}

fn print_changes(output: &mut Output, applied: &AppliedDiff) -> Result<(), Failure> {
    output.line(format_args!(
        "applied: {} created, {} updated, {} deleted",
        count(applied.created),
        count(applied.updated),
        count(applied.deleted)
    ))
}

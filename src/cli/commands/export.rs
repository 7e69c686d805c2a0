use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::output_file::{check_output, is_standard_output, write_to};
use crate::cli::io::progress::Bar;
use crate::cli::io::stderr::{note, tell};
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::{bytes, count, things};
use carrack::Engine;
use carrack::block::Cid;
use carrack::engine::{Exported, Extent, SalvagedExport};
use carrack::ident::{Did, Rev};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The account
    did: Did,
    /// The CAR to write; `-` (the default) is standard output, which excludes --json
    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Export only what a copy of this revision lacks; everything, if this store did not hold that
    /// revision
    #[arg(long, value_name = "REV")]
    since: Option<Rev>,
    /// Export what can be proved of a damaged account, and report what cannot: exit code 1 then
    #[arg(long, conflicts_with = "since")]
    keep_going: bool,
    /// Print one JSON object
    #[arg(long, requires = "output")]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &ExportArgs) -> Result<Answer, Failure> {
    if args.json && is_standard_output(args.output.as_deref()) {
        return Err(Failure::unusable(
            "--json and the CAR cannot both go to standard output: name a file with -o",
        ));
    }
    check_output(args.output.as_deref(), &[args.store.path()])?;
    let engine = store::reading(&args.store)?;
    if args.keep_going {
        return keep_going(&engine, args);
    }
    let expected = engine.status(&args.did)?.bytes;
    let bar = Bar::bytes("exporting", expected);
    let written = write_to(args.output.as_deref(), |output| {
        let output = bar.output(output);
        match args.since {
            Some(since) => engine.export_since(&args.did, since, output),
            None => engine.export(&args.did, output),
        }
    })?;
    drop(bar);
    if let (Some(since), Extent::Full) = (args.since, written.extent) {
        tell(format_args!("revision {since} was not held here: this is a full export"));
    }
    if args.json {
        Output::new().json(&ExportObject::of(&args.did, &written))?;
    } else if args.output.is_some() {
        let (blocks, size) = (count(written.blocks), bytes(written.bytes));
        note(format_args!("exported {blocks} blocks, {size}, at revision {}", written.rev));
    }
    Ok(Answer::Yes)
}

/// Each loss is printed as it is found; the file has the rest.
fn keep_going(engine: &Engine, args: &ExportArgs) -> Result<Answer, Failure> {
    let written = write_to(args.output.as_deref(), |output| {
        engine.export_salvaged(&args.did, output, &mut |loss| tell(format_args!("lost: {loss}")))
    })?;
    let SalvagedExport { records, records_lost, losses, .. } = written;
    if args.json {
        Output::new().json(&SalvagedObject { did: &args.did, since: None, written: &written })?;
    } else if args.output.is_some() {
        let (records, size) = (things(records, "record"), bytes(written.bytes));
        note(format_args!("exported {records}, {size}, at revision {}", written.rev));
    }
    if written.is_whole() {
        return Ok(Answer::Yes);
    }
    Ok(Answer::No(format!(
        "{} of {} cannot be proved and are not in the export (losses told above: {})",
        count(records_lost),
        things(records + records_lost, "record"),
        count(losses),
    )))
}

#[derive(Serialize)]
struct SalvagedObject<'a> {
    did: &'a Did,
    since: Option<Rev>,
    #[serde(flatten)]
    written: &'a SalvagedExport,
}

#[derive(Serialize)]
struct ExportObject<'a> {
    did: &'a Did,
    commit: &'a Cid,
    rev: Rev,
    /// Null for a whole repository.
    since: Option<Rev>,
    blocks: u64,
    bytes: u64,
}

impl<'a> ExportObject<'a> {
    fn of(did: &'a Did, written: &'a Exported) -> Self {
        let since = match written.extent {
            Extent::Since(rev) => Some(rev),
            _ => None,
        };
        let Exported { commit, rev, blocks, bytes, .. } = written;
        Self { did, commit, rev: *rev, since, blocks: *blocks, bytes: *bytes }
    }
}

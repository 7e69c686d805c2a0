use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output_file::write_to;
use crate::cli::io::progress::Bar;
use crate::cli::io::stderr::tell;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::{bytes, count, things};
use carrack::Engine;
use carrack::engine::Extent;
use carrack::ident::{Did, Rev};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    store: StoreArgs,
    did: Did,
    /// The CAR to write; `-` (the default) is standard output
    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Export only what a copy of this revision lacks; everything, if this store did not hold that
    /// revision
    #[arg(long, value_name = "REV")]
    since: Option<Rev>,
    /// Export what can be proved of a damaged account, and report what cannot: exit code 1 then
    #[arg(long, conflicts_with = "since")]
    keep_going: bool,
}

pub(in crate::cli) fn run(args: &ExportArgs) -> Result<Answer, Failure> {
    let engine = store::existing(&args.store)?;
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
    if args.output.is_some() {
        let (blocks, size) = (count(written.blocks), bytes(written.bytes));
        tell(format_args!("exported {blocks} blocks, {size}, at revision {}", written.rev));
    }
    Ok(Answer::Yes)
}

/// What is lost is told as it is found; the file has the rest.
fn keep_going(engine: &Engine, args: &ExportArgs) -> Result<Answer, Failure> {
    let written = write_to(args.output.as_deref(), |output| {
        engine.export_salvaged(&args.did, output, &mut |loss| tell(format_args!("lost: {loss}")))
    })?;
    let (records, size) = (things(written.records, "record"), bytes(written.bytes));
    if args.output.is_some() {
        tell(format_args!("exported {records}, {size}, at revision {}", written.rev));
    }
    if written.is_whole() {
        return Ok(Answer::Yes);
    }
    Ok(Answer::No(format!(
        "{} of {} cannot be proved and are not in the export ({} losses, told above)",
        count(written.records_lost),
        things(written.records + written.records_lost, "record"),
        count(written.losses),
    )))
}

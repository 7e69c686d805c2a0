use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output_file::{check_output, write_to};
use crate::cli::io::progress::Bar;
use crate::cli::io::stderr::{note, tell};
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::{bytes, count};
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
}

pub(in crate::cli) fn run(args: &ExportArgs) -> Result<Answer, Failure> {
    check_output(args.output.as_deref(), &[args.store.path()])?;
    let engine = store::existing(&args.store)?;
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
        note(format_args!("exported {blocks} blocks, {size}, at revision {}", written.rev));
    }
    Ok(Answer::Yes)
}

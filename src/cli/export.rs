use super::bar::{Bar, Counted};
use super::failure::{Failure, tell};
use super::run::Answer;
use super::store;
use super::target::write_to;
use super::text::{bytes, count};
use carrack::ident::{Did, Rev};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    store: PathBuf,
    did: Did,
    /// The CAR to write; the standard output if it is `-` or not given
    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only what changed since this revision
    #[arg(long, value_name = "REV")]
    since: Option<Rev>,
}

pub(super) fn run(args: &ExportArgs) -> Result<Answer, Failure> {
    if let Some(since) = args.since {
        return Err(Failure::no(format!(
            "this Carrack cannot export what changed since {since} yet; leave --since out for a \
             full export"
        )));
    }
    let engine = store::existing(&args.store)?;
    let expected = engine.status(&args.did)?.bytes;
    let bar = Bar::bytes("exporting", expected);
    let written = write_to(args.output.as_deref(), |output| {
        engine.export(&args.did, Counted::new(output, &bar))
    })?;
    drop(bar);
    if args.output.is_some() {
        let (blocks, size) = (count(written.blocks), bytes(written.bytes));
        tell(format_args!("exported {blocks} blocks, {size}, at revision {}", written.rev));
    }
    Ok(Answer::Yes)
}

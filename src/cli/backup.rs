use super::bar::Bar;
use super::failure::Failure;
use super::input::is_standard;
use super::output::Output;
use super::run::Answer;
use super::store::{self, StoreArgs};
use super::text::{bytes, count, or_dash, things};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The new file; one that is there is not written over
    file: PathBuf,
}

pub(super) fn run(args: &BackupArgs) -> Result<Answer, Failure> {
    if is_standard(&args.file) {
        return Err(Failure::unusable("a backup is a store, which needs a file of its own"));
    }
    let engine = store::existing(&args.store)?;
    let bar = Bar::bytes_so_far("copying");
    let done = engine.backup(&args.file, &mut |bytes| bar.set(bytes))?;
    drop(bar);
    let mut output = Output::new();
    output.line(format_args!(
        "backed up {}, {}, into {}",
        things(done.accounts, "account"),
        bytes(done.bytes),
        args.file.display()
    ))?;
    output.field("last event", count(done.last_seq))?;
    output.field("revision", or_dash(done.last_rev))?;
    output.flush()?;
    Ok(Answer::Yes)
}

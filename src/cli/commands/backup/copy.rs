use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use crate::cli::io::output::Output;
use crate::cli::io::progress::Bar;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::{bytes, count, or_dash, things};
use carrack::Progress;
use std::path::Path;

/// Copies a store, as one snapshot, into a new file.
pub(in crate::cli) fn copy(args: &StoreArgs, file: &Path, json: bool) -> Result<Answer, Failure> {
    if is_standard(file) {
        return Err(Failure::unusable("a backup is a store, which needs a file of its own"));
    }
    let engine = store::reading(args)?;
    let bar = Bar::bytes_so_far("copying");
    let done = engine.backup(file, Progress::to(&|bytes| bar.set(bytes)))?;
    drop(bar);
    let mut output = Output::new();
    if json {
        output.json(&done)?;
        return Ok(Answer::Yes);
    }
    output.line(format_args!(
        "backed up {}, {}, into {}",
        things(done.accounts, "account"),
        bytes(done.bytes),
        file.display()
    ))?;
    output.field("last event", count(done.last_seq))?;
    output.field("revision", or_dash(done.last_rev))?;
    output.flush()?;
    Ok(Answer::Yes)
}

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use crate::cli::io::output::Output;
use crate::cli::io::progress::Bar;
use crate::cli::io::stderr::tell;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::{bytes, count, or_dash, things};
use carrack::engine::{BackedUp, PartialBackup};
use carrack::{Engine, Progress};
use std::path::Path;

/// Copies a store, as one snapshot, into a new file.
pub(in crate::cli) fn copy(args: &StoreArgs, file: &Path, json: bool) -> Result<Answer, Failure> {
    let engine = open(args, file)?;
    let bar = Bar::bytes_so_far("copying");
    let done = engine.backup(file, Progress::to(&|bytes| bar.set(bytes)))?;
    drop(bar);
    if json {
        Output::new().json(&done)?;
    } else {
        print(&done, file)?;
    }
    Ok(Answer::Yes)
}

/// Copies what is whole of a damaged store, and says what is left out and what can be done about it.
pub(in crate::cli) fn copy_intact(
    args: &StoreArgs,
    file: &Path,
    json: bool,
) -> Result<Answer, Failure> {
    let engine = open(args, file)?;
    let bar = Bar::bytes_so_far("copying");
    let done = engine.backup_intact(file, Progress::to(&|bytes| bar.set(bytes)))?;
    drop(bar);
    if json {
        Output::new().json(&done)?;
    } else {
        print(&done.copied, file)?;
    }
    tell_left_out(&done);
    Ok(if done.is_whole() {
        Answer::Yes
    } else {
        Answer::No(format!("the copy lacks what is damaged: {} left out", left_out(&done)))
    })
}

fn tell_left_out(done: &PartialBackup) {
    for account in &done.left_out {
        let cause = &account.cause;
        match &account.did {
            Some(did) => tell(format_args!(
                "left out: {did}: {cause}; `carrack export --keep-going` writes what can be proved of it"
            )),
            None => tell(format_args!("left out: {cause}")),
        }
    }
    for did in &done.revisions_left_out {
        tell(format_args!("left out: the revisions of {did} that were held: its diffs begin anew"));
    }
    if let Some(events) = &done.events_left_out {
        let (until, cause) = (events.until, &events.cause);
        tell(format_args!("left out: the events up to number {until}: {cause}"));
    }
}

fn left_out(done: &PartialBackup) -> String {
    let accounts = things(done.left_out.len() as u64, "account");
    match &done.events_left_out {
        Some(_) => format!("{accounts}, and events,"),
        None => accounts,
    }
}

fn open(args: &StoreArgs, file: &Path) -> Result<Engine, Failure> {
    if is_standard(file) {
        return Err(Failure::unusable("a backup is a store, which needs a file of its own"));
    }
    store::reading(args)
}

fn print(done: &BackedUp, file: &Path) -> Result<(), Failure> {
    let mut output = Output::new();
    output.line(format_args!(
        "backed up {}, {}, into {}",
        things(done.accounts, "account"),
        bytes(done.bytes),
        file.display()
    ))?;
    output.field("last event", count(done.last_seq))?;
    output.field("revision", or_dash(done.last_rev))?;
    output.flush()
}

//! `backup confirm` and `backup mark`: the restore gate of a store.

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::restore_notice::{RestoreObject, words};
use crate::cli::store::{self, StoreArgs};
use carrack::ident::Rev;
use serde::Serialize;

/// Sets the minimum sequence number and revision, and enables writes.
pub(in crate::cli) fn confirm(
    args: &StoreArgs,
    seq: u64,
    rev: Rev,
    json: bool,
) -> Result<Answer, Failure> {
    store::existing(args)?.confirm_restore(seq, rev)?;
    if json {
        return print_json(&ConfirmedObject { seq, rev });
    }
    print(format_args!("the store takes writes, above event {seq} and revision {rev}"))
}

/// Marks a store as restored.
pub(in crate::cli) fn mark(args: &StoreArgs, json: bool) -> Result<Answer, Failure> {
    let restored = store::existing(args)?.mark_restored()?;
    if json {
        return print_json(&MarkedObject { floors_awaited: RestoreObject::from(restored) });
    }
    print(format_args!("the store takes no writes: {}", words(&restored)))
}

/// The minimum that now holds.
#[derive(Serialize)]
struct ConfirmedObject {
    seq: u64,
    rev: Rev,
}

/// What the store waits for, as `status` prints it.
#[derive(Serialize)]
struct MarkedObject {
    floors_awaited: RestoreObject,
}

fn print_json(object: &impl Serialize) -> Result<Answer, Failure> {
    Output::new().json(object)?;
    Ok(Answer::Yes)
}

fn print(line: std::fmt::Arguments<'_>) -> Result<Answer, Failure> {
    let mut output = Output::new();
    output.line(line)?;
    output.flush()?;
    Ok(Answer::Yes)
}

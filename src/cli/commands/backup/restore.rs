//! `backup confirm` and `backup mark`: the restore gate of a store.

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::restore_notice::words;
use crate::cli::store::{self, StoreArgs};
use carrack::ident::Rev;

/// Sets the minimum sequence number and revision, and enables writes.
pub(in crate::cli) fn confirm(args: &StoreArgs, seq: u64, rev: Rev) -> Result<Answer, Failure> {
    store::existing(args)?.confirm_restore(seq, rev)?;
    print(format_args!("the store takes writes, above event {seq} and revision {rev}"))
}

/// Marks a store as restored.
pub(in crate::cli) fn mark(args: &StoreArgs) -> Result<Answer, Failure> {
    let restored = store::existing(args)?.mark_restored()?;
    print(format_args!("the store takes no writes: {}", words(&restored)))
}

fn print(line: std::fmt::Arguments<'_>) -> Result<Answer, Failure> {
    let mut output = Output::new();
    output.line(line)?;
    output.flush()?;
    Ok(Answer::Yes)
}

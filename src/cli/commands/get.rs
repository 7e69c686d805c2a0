use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::{BinaryOutput, Output};
use crate::cli::io::stderr::{note, tell};
use crate::cli::store::{self, StoreArgs};
use carrack::Error;
use carrack::block::{data_model, json};
use carrack::error::Entity;
use carrack::ident::{Did, RepoPath};
use clap::Args;
use std::io::Write;

#[derive(Debug, Args)]
pub(in crate::cli) struct GetArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The account
    did: Did,
    /// The record: its collection and record key, as in `app.bsky.feed.post/3jzfcijpj2z2a`
    path: RepoPath,
    /// Print the record's bytes (DAG-CBOR) instead of JSON
    #[arg(long)]
    cbor: bool,
}

pub(in crate::cli) fn run(args: &GetArgs) -> Result<Answer, Failure> {
    let engine = store::reading(&args.store)?;
    let snapshot = engine.snapshot(&args.did)?;
    let record = snapshot
        .record(&args.path)?
        .ok_or_else(|| Error::NotFound(Entity::Record(args.path.clone())))?;
    let bytes = record.block.bytes();
    if args.cbor {
        let mut output = BinaryOutput::new()?;
        let written = output.write_all(bytes);
        written.map_err(|error| Failure::io("writing the record", &error))?;
        output.end()?;
        return Ok(Answer::Yes);
    }
    if let Err(problem) = data_model::check(bytes) {
        tell(format_args!("warning: {} is not proper: {}", args.path, problem.message));
        note(format_args!("what is improper has the key \"$improper\" in the JSON"));
    }
    let value = json::to_lossless(bytes);
    let mut output = Output::new();
    // The lines are JSON's own: line ends in texts are escaped.
    for line in format!("{value:#}").lines() {
        output.line(format_args!("{line}"))?;
    }
    output.flush()?;
    Ok(Answer::Yes)
}

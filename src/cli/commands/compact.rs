use crate::cli::answer::Answer;
use crate::cli::environment::engine_options;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::progress::Bar;
use crate::cli::store::{check_name, not_opened};
use crate::cli::text::bytes;
use carrack::Progress;
use carrack::engine::{CompactOptions, Engine};
use carrack::error::{Entity, Error};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct CompactArgs {
    /// The store
    store: PathBuf,
    /// Drop the event log, which still holds recently deleted records
    #[arg(long)]
    drop_events: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &CompactArgs) -> Result<Answer, Failure> {
    check_name(&args.store)?;
    if !args.store.exists() {
        return Err(Error::NotFound(Entity::Store(args.store.clone())).into());
    }
    let bar = Bar::bytes_so_far("copying");
    let compact = CompactOptions::default().drop_events(args.drop_events);
    let done = Engine::compact(
        &args.store,
        &engine_options(),
        compact,
        Progress::to(&|bytes| bar.set(bytes)),
    )
    .map_err(|error| match error {
        // It would otherwise seem that compaction is a write like any other.
        error @ Error::RestoreUnconfirmed { .. } => {
            Failure::from(error).preceded_by("not compacted, which rewrites the store: ")
        }
        error => not_opened(&args.store, error),
    })?;
    drop(bar);
    let mut output = Output::new();
    if args.json {
        output.json(&done)?;
    } else {
        output.line(format_args!(
            "compacted {}: {} before, {} after",
            args.store.display(),
            bytes(done.before),
            bytes(done.after)
        ))?;
    }
    output.flush()?;
    Ok(Answer::Yes)
}

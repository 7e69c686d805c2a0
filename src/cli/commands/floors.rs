use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::or_dash;
use carrack::Engine;
use carrack::engine::Restored;
use carrack::ident::Rev;
use clap::Args;
use serde::Serialize;

#[derive(Debug, Args)]
pub(in crate::cli) struct FloorsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The highest number of an event that was ever published
    #[arg(long, value_name = "N", requires = "rev", required_unless_present = "ask")]
    seq: Option<u64>,
    /// The newest revision, of any account, that was ever published
    #[arg(long, value_name = "REV", requires = "seq")]
    rev: Option<Rev>,
    /// Mark the store as restored: it takes no writes until floors are given
    #[arg(long, conflicts_with_all = ["seq", "rev"])]
    ask: bool,
}

pub(in crate::cli) fn run(args: &FloorsArgs) -> Result<Answer, Failure> {
    let engine = store::existing(&args.store)?;
    let mut output = Output::new();
    if let (Some(seq), Some(rev)) = (args.seq, args.rev) {
        engine.set_floors(seq, rev)?;
        output
            .line(format_args!("the store takes writes, above event {seq} and revision {rev}"))?;
    } else {
        let restored = engine.mark_restored()?;
        output.line(format_args!("the store takes no writes: {}", awaited(&restored)))?;
    }
    output.flush()?;
    Ok(Answer::Yes)
}

/// What is said of a store that waits for its floors, if this one does.
pub(in crate::cli) fn notice(engine: &Engine) -> Result<Option<String>, Failure> {
    Ok(engine.floors_awaited()?.map(|restored| awaited(&restored)))
}

/// The same for scripts.
#[derive(Serialize)]
pub(in crate::cli) struct FloorsAwaited {
    last_seq: u64,
    last_rev: Option<String>,
}

impl FloorsAwaited {
    /// What the store waits for; `None` for a store that takes writes.
    pub(in crate::cli) fn of(engine: &Engine) -> Result<Option<Self>, Failure> {
        Ok(engine.floors_awaited()?.map(|restored| Self {
            last_seq: restored.last_seq,
            last_rev: restored.last_rev.map(|rev| rev.to_string()),
        }))
    }
}

fn awaited(restored: &Restored) -> String {
    format!(
        "floors are awaited (`carrack floors STORE --seq N --rev REV`), at or above event {}, \
         revision {}",
        restored.last_seq,
        or_dash(restored.last_rev)
    )
}

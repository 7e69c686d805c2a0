use crate::cli::answer::Output;
use crate::cli::failure::{Failure, tell};
use crate::cli::run::Answer;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::things;
use carrack::Error;
use carrack::block::Cid;
use carrack::engine::{Events, LoggedEvent};
use carrack::event::{Event, RepoOp};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct EventsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Begin behind this event
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
    /// Write the frames into this folder, a file each, named by number
    #[arg(long, value_name = "DIR")]
    frames: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &EventsArgs) -> Result<Answer, Failure> {
    let engine = store::existing(&args.store)?;
    let mut events = Readable { events: engine.events(args.after)?, unreadable: 0 };
    match &args.frames {
        Some(folder) => write_frames(&mut events, folder)?,
        None => print_lines(&mut events)?,
    }
    Ok(match events.unreadable {
        0 => Answer::Yes,
        count => Answer::No(format!(
            "{} of the log cannot be read; run `carrack scrub`, and restore from a backup",
            things(count, "part")
        )),
    })
}

/// The events that can be read. Of the others it is said which they are.
struct Readable {
    events: Events,
    unreadable: u64,
}

impl Readable {
    fn next(&mut self) -> Result<Option<LoggedEvent>, Failure> {
        loop {
            match self.events.next() {
                Err(error @ Error::UnreadableEvents { .. }) => {
                    tell(format_args!("{error}"));
                    self.unreadable += 1;
                }
                next => return Ok(next?),
            }
        }
    }
}

/// Numbers have as many digits as the largest takes, so that names sort as numbers do.
fn write_frames(events: &mut Readable, folder: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::io(format_args!("writing {}", path.display()), error)
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    while let Some(event) = events.next()? {
        let path = folder.join(format!("{:020}.bin", event.seq));
        std::fs::write(&path, event.frame()).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

fn print_lines(events: &mut Readable) -> Result<(), Failure> {
    let mut output = Output::new();
    while let Some(event) = events.next()? {
        output.line(format_args!("{}", line(&event)?))?;
    }
    output.flush()
}

/// An event without its blocks, of which the length is told.
fn line(logged: &LoggedEvent) -> Result<Value, Failure> {
    let event = logged.event()?;
    let mut line = json!({
        "seq": logged.seq,
        "type": event.kind(),
        "did": event.did().as_str(),
        "time": event.time().as_str(),
    });
    let text = |cid: Option<&Cid>| cid.map(ToString::to_string);
    let more = match &event {
        Event::Commit(commit) => json!({
            "rev": commit.rev.to_string(),
            "since": commit.since.map(|since| since.to_string()),
            "commit": commit.commit.to_string(),
            "prev_data": text(commit.prev_data.as_ref()),
            "ops": commit.ops.iter().map(op).collect::<Value>(),
            "blocks_bytes": commit.blocks.len(),
        }),
        Event::Sync(sync) => json!({ "rev": sync.rev.to_string() }),
        Event::Identity(identity) => json!({ "handle": identity.handle.as_deref() }),
        Event::Account(account) => json!({
            "active": account.active,
            "status": account.status.as_ref().map(carrack::event::AccountStatus::as_str),
        }),
    };
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    Ok(line)
}

/// An op as events have it.
pub(in crate::cli) fn op(op: &RepoOp) -> Value {
    json!({
        "action": op.action(),
        "path": op.path().as_str(),
        "cid": op.cid().map(ToString::to_string),
        "prev": op.prev().map(ToString::to_string),
    })
}

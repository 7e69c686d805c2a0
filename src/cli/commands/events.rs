use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::things;
use carrack::Error;
use carrack::block::Cid;
use carrack::engine::{Events, LoggedEvent};
use carrack::event::{Event, HostingStatus, RepoOp, Timestamp};
use carrack::ident::{Did, Rev};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct EventsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Start after this sequence number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
    /// Write the frames into this folder, one file per frame, named by sequence number
    #[arg(long, value_name = "DIR")]
    frames: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &EventsArgs) -> Result<Answer, Failure> {
    let engine = store::reading(&args.store)?;
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
    while let Some(logged) = events.next()? {
        output.object(&EventObject::of(logged.seq, &logged.event()?))?;
    }
    output.flush()
}

/// An event without its blocks, whose length is printed.
#[derive(Serialize)]
struct EventObject<'a> {
    seq: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    did: &'a Did,
    time: &'a Timestamp,
    #[serde(flatten)]
    details: EventDetails<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum EventDetails<'a> {
    Commit {
        rev: Rev,
        since: Option<Rev>,
        commit: &'a Cid,
        prev_data: Option<&'a Cid>,
        ops: &'a [RepoOp],
        blocks_bytes: usize,
    },
    Sync {
        rev: Rev,
    },
    Identity {
        handle: Option<&'a str>,
    },
    Account {
        active: bool,
        status: Option<&'a HostingStatus>,
    },
}

impl<'a> EventObject<'a> {
    fn of(seq: u64, event: &'a Event) -> Self {
        let (did, time) = (event.did(), event.time());
        Self { seq, kind: event.kind(), did, time, details: EventDetails::of(event) }
    }
}

impl<'a> EventDetails<'a> {
    fn of(event: &'a Event) -> Self {
        match event {
            Event::Commit(commit) => Self::Commit {
                rev: commit.rev,
                since: commit.since,
                commit: &commit.commit,
                prev_data: commit.prev_data.as_ref(),
                ops: &commit.ops,
                blocks_bytes: commit.blocks.len(),
            },
            Event::Sync(sync) => Self::Sync { rev: sync.rev },
            Event::Identity(identity) => Self::Identity { handle: identity.handle.as_deref() },
            Event::Account(account) => {
                Self::Account { active: account.active, status: account.status.as_ref() }
            }
        }
    }
}

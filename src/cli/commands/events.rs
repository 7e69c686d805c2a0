use crate::cli::answer::Answer;
use crate::cli::commands::frame_files::FrameFolder;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::things;
use carrack::block::Cid;
use carrack::engine::{Events, LoggedEvent};
use carrack::event::{Event, HostingStatus, RepoOp, Timestamp};
use carrack::ident::{Did, Rev};
use carrack::{Engine, Error};
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
    /// Write the frames into this folder instead of printing the events: one file per frame, named
    /// by sequence number
    #[arg(long, value_name = "DIR")]
    frames: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &EventsArgs) -> Result<Answer, Failure> {
    let engine = store::reading(&args.store)?;
    let mut events = Readable { events: engine.events(args.after)?, unreadable: 0 };
    match &args.frames {
        Some(folder) => write_frames(&engine, args.after, &mut events, folder)?,
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

/// Nothing is written if any file would have to be overwritten.
fn write_frames(
    engine: &Engine,
    after: u64,
    events: &mut Readable,
    folder: &Path,
) -> Result<(), Failure> {
    let folder = FrameFolder::create(folder)?;
    if !folder.is_empty()? {
        check_frames(engine.events(after)?, &folder)?;
    }
    while let Some(event) = events.next()? {
        folder.write(event.seq, &event.frame())?;
    }
    folder.end()
}

/// What cannot be read is reported when the frames are written.
fn check_frames(mut events: Events, folder: &FrameFolder) -> Result<(), Failure> {
    loop {
        match events.next() {
            Err(Error::UnreadableEvents { .. }) => {}
            next => match next? {
                Some(event) => drop(folder.holds(event.seq, &event.frame())?),
                None => return Ok(()),
            },
        }
    }
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

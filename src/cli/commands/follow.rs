use crate::cli::answer::Answer;
use crate::cli::failure::{Failure, in_options};
use crate::cli::io::file_frames::FileFrames;
use crate::cli::io::input::{self, DecompressionLimit};
use crate::cli::io::output::Output;
use crate::cli::keys::KeySources;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::{or_dash, things};
use carrack::event::{Frame, decode_frame};
use carrack::follow::{Followed, Mirror, Taken};
use carrack::ident::Did;
use carrack::verify::ExpectedHead;
use carrack::{Error, ErrorKind, Problem};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct FollowArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Frames as the event stream sends them, one or several in a file; a folder stands for its
    /// files in name order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    keys: KeySources,
    #[command(flatten)]
    limit: DecompressionLimit,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &FollowArgs) -> Result<Answer, Failure> {
    let keys = args.keys.read()?;
    // Before the store: a missing file must not create a store.
    let files = files(&args.files)?;
    for file in &files {
        args.keys.check_standard_input(file)?;
    }
    let engine = store::existing_or_new(&args.store)?;
    let mut mirror = Mirror::new(&engine);
    let frames = args.json.then(Vec::new);
    let mut told = Told { output: Output::new(), frames, count: 0, failed: 0 };
    for file in &files {
        for frame in FileFrames::of(file, args.limit) {
            told.frame(&mut mirror, file, &frame?, &keys.head())?;
        }
    }
    told.end()
}

/// The files that are named, and those in folders that are.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        let failed = |error| Failure::io(format_args!("reading {}", path.display()), &error);
        if input::is_standard(path) || !std::fs::metadata(path).map_err(failed)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_file() {
                found.push(path);
            }
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

type TakeResult = carrack::Result<Taken<Followed>>;

/// What has been printed.
struct Told {
    output: Output,
    /// For JSON, all of it at the end.
    frames: Option<Vec<FrameObject>>,
    count: u64,
    /// Frames that were refused or found a copy out of sync.
    failed: u64,
}

impl Told {
    fn frame(
        &mut self,
        mirror: &mut Mirror,
        file: &Path,
        bytes: &[u8],
        expect: &ExpectedHead,
    ) -> Result<(), Failure> {
        self.count += 1;
        let taken = match mirror.take(bytes, expect) {
            Err(error) if is_of_the_machine(&error) => return Err(error.into()),
            taken => taken,
        };
        let out_of_sync = |taken: &Taken<_>| matches!(taken.outcome, Followed::OutOfSync(_));
        self.failed += u64::from(taken.as_ref().map_or(true, out_of_sync));
        match &mut self.frames {
            Some(frames) => frames.push(FrameObject::of(file, bytes, taken)),
            None => self.output.line(format_args!("{}", line(bytes, &taken)))?,
        }
        Ok(())
    }

    fn end(mut self) -> Result<Answer, Failure> {
        match self.frames {
            Some(frames) => {
                self.output.json(&FollowObject { frames, failed: self.failed })?;
            }
            None => self.output.flush()?,
        }
        Ok(match self.failed {
            0 => Answer::Yes,
            failed => Answer::No(format!(
                "{} of {} were refused or found a copy out of sync",
                failed,
                things(self.count, "frame")
            )),
        })
    }
}

/// Whether to stop, because the error is not the frame's.
fn is_of_the_machine(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::Corrupt | ErrorKind::Reopen | ErrorKind::Closed
    )
}

/// Number, type, account, and what became of it.
fn line(frame: &[u8], taken: &TakeResult) -> String {
    let facts = facts(frame, taken);
    let start = format!("{} {} {}", or_dash(facts.seq), or_dash(facts.kind), or_dash(facts.did));
    match taken {
        Err(error) => format!("{start} refused: {}", in_options(&error.to_string())),
        Ok(taken) => {
            let (result, detail) = words(&taken.outcome);
            let missed = match taken.missed {
                0 => String::new(),
                missed => format!(" (after a gap of {missed})"),
            };
            format!("{start} {result} {detail}{missed}").trim_end().to_owned()
        }
    }
}

fn words(outcome: &Followed) -> (&'static str, String) {
    match outcome {
        Followed::Applied { rev } => ("applied", rev.to_string()),
        Followed::Created { rev } => ("created", rev.to_string()),
        Followed::Resigned { rev } => ("resigned", rev.to_string()),
        Followed::Identity { handle } => ("identity", or_dash(handle.as_ref())),
        Followed::Account { state } => ("account", state.to_string()),
        Followed::Ignored(why) => ("ignored", why.as_str().to_owned()),
        Followed::OutOfSync(found) => {
            let why = found.why.as_str();
            ("out-of-sync", format!("{why}: {} is held, of {}", found.held_rev, found.held_data))
        }
        other => ("other", format!("{other:?}")),
    }
}

#[derive(Serialize)]
struct FollowObject {
    frames: Vec<FrameObject>,
    failed: u64,
}

#[derive(Serialize)]
struct FrameObject {
    file: String,
    #[serde(flatten)]
    facts: Facts,
    #[serde(flatten)]
    details: Details,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Details {
    Refused {
        result: &'static str,
        error: String,
        problems: Vec<Problem>,
        problems_omitted: u64,
    },
    Taken {
        missed: u64,
        #[serde(flatten)]
        outcome: Followed,
    },
}

impl FrameObject {
    fn of(file: &Path, frame: &[u8], taken: TakeResult) -> Self {
        let facts = facts(frame, &taken);
        let details = match taken {
            Err(error) => Details::Refused {
                result: "refused",
                error: in_options(&error.to_string()),
                problems: error.problems().to_vec(),
                problems_omitted: error.problems_omitted(),
            },
            Ok(taken) => Details::Taken { missed: taken.missed, outcome: taken.outcome },
        };
        Self { file: file.display().to_string(), facts, details }
    }
}

/// What a frame says of itself.
#[derive(Default, Serialize)]
struct Facts {
    #[serde(rename = "type")]
    kind: Option<&'static str>,
    seq: Option<u64>,
    did: Option<Did>,
}

fn facts(frame: &[u8], taken: &TakeResult) -> Facts {
    if let Ok(taken) = taken {
        return Facts { kind: taken.kind, seq: taken.seq, did: taken.did.clone() };
    }
    match decode_frame(frame) {
        Ok(Frame::Event(event)) => Facts {
            kind: Some(event.kind()),
            seq: Some(event.seq()),
            did: Some(event.did().clone()),
        },
        _ => Facts::default(),
    }
}

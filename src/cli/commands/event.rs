use crate::cli::answer::Answer;
use crate::cli::environment::clock;
use crate::cli::failure::{Failure, NO};
use crate::cli::io::file_frames::FileFrames;
use crate::cli::io::input::DecompressionLimit;
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::keys::KeySources;
use crate::cli::report::print_problems;
use crate::cli::tally::{ListObject, NamedObject, Tally, UnreadObject};
use crate::cli::text::or_dash;
use carrack::event::{EventReport, Verdict, verify_frame};
use carrack::verify::ExpectedHead;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct EventArgs {
    #[command(subcommand)]
    command: EventCommand,
}

#[derive(Debug, Subcommand)]
enum EventCommand {
    /// Check event frames: signature, fields, operations against the tree, inversion
    Verify(FrameArgs),
}

#[derive(Debug, Args)]
struct FrameArgs {
    #[command(flatten)]
    keys: KeySources,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limit: DecompressionLimit,
    /// Files of one frame or several, as the event stream sends them; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl EventArgs {
    pub(in crate::cli) fn json(&self) -> bool {
        let EventCommand::Verify(args) = &self.command;
        args.json
    }
}

pub(in crate::cli) fn run(args: &EventArgs) -> Result<Answer, Failure> {
    let EventCommand::Verify(args) = &args.command;
    args.keys.check_standard_inputs(&args.files)?;
    let keys = args.keys.read()?;
    // A live event must be signed with a current key; a log may have none.
    let current = keys.current_head();
    let none_today = current.keys.named().is_empty();
    let expect = if none_today { keys.head_or_unchecked() } else { current };
    let mut output = Output::new();
    let Some((file, others)) = args.files.split_first() else {
        return Err(Failure::unusable("give a FILE"));
    };
    let mut first = FileFrames::of(file, args.limit);
    if others.is_empty() && first.is_single() {
        let report =
            verify_frame(&first.next().transpose()?.unwrap_or_default(), &expect, &*clock());
        print(&mut output, args, file, &report)?;
        return Ok(fault(file, &report).map_or(Answer::Yes, Answer::No));
    }
    let others = others.iter().map(|file| (file, FileFrames::of(file, args.limit)));
    let files = std::iter::once((file, first)).chain(others);
    let tally = verify_all(args, files, &expect, &mut output)?;
    Ok(tally.answer("frame"))
}

/// Verifies all frames of all files, whatever is wrong with one of them, and sums up.
fn verify_all<'a>(
    args: &FrameArgs,
    files: impl Iterator<Item = (&'a PathBuf, FileFrames)>,
    expect: &ExpectedHead,
    output: &mut Output,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let frames = files.flat_map(|(file, frames)| frames.map(move |frame| (file, frame)));
    if args.json {
        let mut list = ListObject::begin(output, "frames")?;
        for (path, frame) in frames {
            let file = path.display().to_string();
            match verify(path, frame, expect, &mut tally)? {
                Ok(report) => list.entry(&NamedObject { file, object: &report })?,
                Err(error) => list.entry(&UnreadObject { file, error: &error })?,
            }
        }
        list.end(&tally)?;
    } else {
        for (file, frame) in frames {
            if let Ok(report) = verify(file, frame, expect, &mut tally)? {
                print(output, args, file, &report)?;
            }
        }
        output.line(format_args!("{}", tally.line("frame")))?;
        output.flush()?;
    }
    Ok(tally)
}

/// Verifies a frame and says on standard error what is wrong with it; the inner error is that it
/// cannot be read.
fn verify(
    file: &Path,
    frame: Result<Vec<u8>, Failure>,
    expect: &ExpectedHead,
    tally: &mut Tally,
) -> Result<Result<EventReport, String>, Failure> {
    let report = match frame {
        Ok(frame) => verify_frame(&frame, expect, &*clock()),
        // Compressed data that is damaged is invalid as a frame is that is.
        Err(Failure::Told { code: NO, problems, .. }) if !problems.is_empty() => {
            let mut report = verify_frame(b"", expect, &*clock());
            report.problems = problems;
            report
        }
        Err(Failure::ReaderGone) => return Err(Failure::ReaderGone),
        Err(failure) => {
            tally.unread += 1;
            tell(format_args!("{}", failure.message()));
            return Ok(Err(failure.message().to_owned()));
        }
    };
    match (report.verdict, fault(file, &report)) {
        (Verdict::Ignored, _) => tally.ignored += 1,
        (_, None) => tally.valid += 1,
        (_, Some(why)) => {
            tally.invalid += 1;
            tell(format_args!("{why}"));
        }
    }
    Ok(Ok(report))
}

/// What is wrong with a frame, in a line.
fn fault(file: &Path, report: &EventReport) -> Option<String> {
    let name = file.display();
    let seq = report.seq.map(|seq| format!(", event {seq},")).unwrap_or_default();
    match (report.verdict, report.problems.listed().first()) {
        (Verdict::Invalid, Some(first)) => Some(format!("{name}{seq} is not valid: {first}")),
        (Verdict::Invalid, None) => Some(format!("{name}{seq} is not valid")),
        _ => None,
    }
}

fn print(
    output: &mut Output,
    args: &FrameArgs,
    file: &Path,
    report: &EventReport,
) -> Result<(), Failure> {
    if args.json {
        return output.json(report);
    }
    output.line(format_args!("{}", file.display()))?;
    output.field("type", or_dash(report.kind.as_ref()))?;
    output.field("number", or_dash(report.seq))?;
    output.field("account", or_dash(report.did.as_ref()))?;
    output.field("revision", or_dash(report.rev))?;
    let signature = report.signature.map(carrack::key::SignatureStatus::as_str);
    output.field("signature", or_dash(signature))?;
    output.field("verdict", report.verdict.as_str())?;
    print_problems(output, "problem", &report.problems)?;
    output.flush()
}

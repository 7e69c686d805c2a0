use crate::cli::answer::Answer;
use crate::cli::environment::clock;
use crate::cli::failure::Failure;
use crate::cli::io::input;
use crate::cli::io::output::Output;
use crate::cli::keys::KeySources;
use crate::cli::report::print_problems;
use crate::cli::text::or_dash;
use carrack::event::{EventReport, Verdict, verify_frame};
use carrack::limits::EVENT_FRAME_BYTES_MAX;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct EventArgs {
    #[command(subcommand)]
    command: EventCommand,
}

#[derive(Debug, Subcommand)]
enum EventCommand {
    /// Check an event frame: signature, fields, operations against the tree, inversion
    Verify(FrameArgs),
}

#[derive(Debug, Args)]
struct FrameArgs {
    #[command(flatten)]
    keys: KeySources,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// A frame as the event stream sends it; `-` is standard input
    file: PathBuf,
}

impl EventArgs {
    pub(in crate::cli) fn json(&self) -> bool {
        let EventCommand::Verify(args) = &self.command;
        args.json
    }
}

pub(in crate::cli) fn run(args: &EventArgs) -> Result<Answer, Failure> {
    let EventCommand::Verify(args) = &args.command;
    args.keys.check_standard_input(&args.file)?;
    let keys = args.keys.read()?;
    let frame = input::read(&args.file, EVENT_FRAME_BYTES_MAX as u64)?;
    // A live event must be signed with a current key; a log may have none.
    let current = keys.current_head();
    let none_today = current.keys.named().is_empty();
    let expect = if none_today { keys.head_or_unchecked() } else { current };
    let report = verify_frame(&frame, &expect, &*clock());
    let mut output = Output::new();
    if args.json {
        output.json(&report)?;
    } else {
        print(&mut output, args, &report)?;
    }
    Ok(match (report.verdict, report.problems.listed().first()) {
        (Verdict::Invalid, Some(first)) => {
            Answer::No(format!("{} is not valid: {first}", args.file.display()))
        }
        (Verdict::Invalid, None) => Answer::No(format!("{} is not valid", args.file.display())),
        _ => Answer::Yes,
    })
}

fn print(output: &mut Output, args: &FrameArgs, report: &EventReport) -> Result<(), Failure> {
    output.line(format_args!("{}", args.file.display()))?;
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

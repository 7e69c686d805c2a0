use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::panics::damaged_database;
use crate::cli::io::progress::Bar;
use crate::cli::report::print_problems;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::{count, things};
use carrack::engine::{Engine, ScrubReport};
use carrack::{Code, Error, Problem, Progress};
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct ScrubArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &ScrubArgs) -> Result<Answer, Failure> {
    let engine = store::reading(&args.store)?;
    let bar = Bar::records_so_far("scrubbing");
    let report = scrub(&engine, &bar)?;
    drop(bar);
    let mut output = Output::new();
    if args.json {
        output.json(&report)?;
    } else {
        print(&mut output, &report)?;
    }
    Ok(match report.problems.count() {
        0 => Answer::Yes,
        faults => Answer::No(format!(
            "{} has {}; restore it from a backup",
            args.store.path().display(),
            things(faults, "fault")
        )),
    })
}

/// A database that cannot read its own pages is a fault like any other.
fn scrub(engine: &Engine, bar: &Bar) -> Result<ScrubReport, Failure> {
    match engine.scrub(Progress::to(&|records| bar.set(records))) {
        Err(Error::Corrupt(why)) => {
            let mut report = ScrubReport::default();
            report.problems.push(Problem::new(Code::BadSection, damaged_database(why)));
            Ok(report)
        }
        done => Ok(done?),
    }
}

fn print(output: &mut Output, report: &ScrubReport) -> Result<(), Failure> {
    output.field("accounts", count(report.accounts))?;
    output.field("records", count(report.records))?;
    output.field("rows", count(report.rows))?;
    output.field("verdict", if report.is_valid() { "valid" } else { "INVALID" })?;
    print_problems(output, "problem", &report.problems)?;
    output.flush()
}

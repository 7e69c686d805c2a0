use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::text::{bytes, count, per_second};
use serde::Serialize;
use std::fmt::Display;
use std::time::Instant;

/// What the demo prints, and what did not agree.
pub(in crate::cli) struct Transcript {
    output: Output,
    /// With JSON, text is not printed.
    json: bool,
    steps: Vec<StepObject>,
    checks: Vec<CheckObject>,
}

/// How much of what was done in how long.
#[derive(Clone, Copy, Serialize)]
pub(in crate::cli) struct Throughput {
    pub(in crate::cli) seconds: f64,
    pub(in crate::cli) records: u64,
    pub(in crate::cli) bytes: u64,
}

/// A measured step.
#[derive(Serialize)]
struct StepObject {
    name: String,
    #[serde(flatten)]
    pace: Throughput,
}

/// Something that has to hold, and whether it does.
#[derive(Serialize)]
struct CheckObject {
    claim: String,
    holds: bool,
}

/// The JSON of the demo: the account's facts, then what was measured and checked.
#[derive(Serialize)]
struct DemoObject<F> {
    #[serde(flatten)]
    facts: F,
    steps: Vec<StepObject>,
    checks: Vec<CheckObject>,
}

impl Transcript {
    pub(in crate::cli) fn new(json: bool) -> Self {
        Self { output: Output::new(), json, steps: Vec::new(), checks: Vec::new() }
    }

    /// A heading.
    pub(in crate::cli) fn part(&mut self, words: &str) -> Result<(), Failure> {
        self.line(format_args!("{words}"))
    }

    /// A step and what it showed.
    pub(in crate::cli) fn step(&mut self, name: &str, value: impl Display) -> Result<(), Failure> {
        self.line(format_args!("  {name:<9} {value}"))
    }

    /// A step and how fast it was.
    pub(in crate::cli) fn pace(&mut self, name: &str, pace: Throughput) -> Result<(), Failure> {
        self.steps.push(StepObject { name: name.to_owned(), pace });
        let (records, size) = (count(pace.records), bytes(pace.bytes));
        let rate = count(per_second(pace.records, pace.seconds));
        let flow = bytes(per_second(pace.bytes, pace.seconds));
        self.step(
            name,
            format_args!(
                "{records:>9} records {size:>9} {:>6.2} s {rate:>9} records/s {flow:>9}/s",
                pace.seconds
            ),
        )
    }

    /// Something that has to hold.
    pub(in crate::cli) fn check(&mut self, claim: &str, holds: bool) -> Result<(), Failure> {
        self.checks.push(CheckObject { claim: claim.to_owned(), holds });
        self.step(if holds { "yes" } else { "NO" }, claim)
    }

    /// The last line, or the JSON object with these facts too, and the answer.
    pub(in crate::cli) fn end(mut self, facts: impl Serialize) -> Result<Answer, Failure> {
        let failed = self.checks.iter().filter(|check| !check.holds);
        let failed: Vec<_> = failed.map(|check| check.claim.clone()).collect();
        self.part(if failed.is_empty() { "Everything agreed." } else { "NOT everything agreed." })?;
        if self.json {
            let Self { steps, checks, .. } = self;
            self.output.json(&DemoObject { facts, steps, checks })?;
        }
        if failed.is_empty() {
            return Ok(Answer::Yes);
        }
        Ok(Answer::No(format!("these do not hold: {}", failed.join("; "))))
    }

    fn line(&mut self, words: std::fmt::Arguments<'_>) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        self.output.line(words)?;
        self.output.flush()
    }
}

/// Runs `work`, and gives the seconds that it took.
pub(in crate::cli) fn timed<T>(
    work: impl FnOnce() -> carrack::Result<T>,
) -> carrack::Result<(T, f64)> {
    let start = Instant::now();
    let done = work()?;
    Ok((done, start.elapsed().as_secs_f64()))
}

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::text::{bytes, count, per_second};
use std::fmt::Display;
use std::time::Instant;

/// What the demo prints, and what did not agree.
pub(in crate::cli) struct Transcript {
    output: Output,
    wrong: Vec<String>,
}

/// How much of what was done in how long.
pub(in crate::cli) struct Throughput {
    pub(in crate::cli) seconds: f64,
    pub(in crate::cli) records: u64,
    pub(in crate::cli) bytes: u64,
}

impl Transcript {
    pub(in crate::cli) fn new() -> Self {
        Self { output: Output::new(), wrong: Vec::new() }
    }

    /// A heading.
    pub(in crate::cli) fn part(&mut self, words: &str) -> Result<(), Failure> {
        self.output.line(format_args!("{words}"))?;
        self.output.flush()
    }

    /// A step and what it showed.
    pub(in crate::cli) fn step(&mut self, name: &str, value: impl Display) -> Result<(), Failure> {
        self.output.line(format_args!("  {name:<9} {value}"))?;
        self.output.flush()
    }

    /// A step and how fast it was.
    pub(in crate::cli) fn pace(&mut self, name: &str, pace: &Throughput) -> Result<(), Failure> {
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
        if !holds {
            self.wrong.push(claim.to_owned());
        }
        self.step(if holds { "yes" } else { "NO" }, claim)
    }

    /// The last line, and the answer.
    pub(in crate::cli) fn end(mut self) -> Result<Answer, Failure> {
        if self.wrong.is_empty() {
            self.part("Everything agreed.")?;
            return Ok(Answer::Yes);
        }
        self.part("NOT everything agreed.")?;
        Ok(Answer::No(format!("these do not hold: {}", self.wrong.join("; "))))
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

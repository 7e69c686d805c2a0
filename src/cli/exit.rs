//! Prints a failure, as JSON too if that was requested, and returns the exit code.

use crate::cli::failure::{Failure, NO};
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use carrack::Problem;
use serde::Serialize;
use serde_json::Value;
use std::process::ExitCode;

/// As if ended by SIGPIPE: the reader is gone.
const READER_GONE: u8 = 141;
/// Maximum number of problems printed on standard error; JSON lists all.
const PROBLEMS_TOLD: usize = 20;

/// Prints a failure, as JSON too if `json`, and returns the exit code. `judges` is whether the
/// command's JSON has a verdict.
pub(in crate::cli) fn fail(failure: Failure, json: bool, judges: bool) -> ExitCode {
    let (failure, json) = match failure {
        Failure::Reported(failure) => (*failure, false),
        failure => (failure, json),
    };
    let Failure::Told { code, message, problems } = &failure else {
        return ExitCode::from(READER_GONE);
    };
    tell(format_args!("error: {message}"));
    if problems.len() > 1 {
        tell_problems(problems);
    }
    if json {
        // If this cannot be written, the exit code still reports it.
        let _ = Output::new().json(&FailureObject::of(&failure, judges));
    }
    ExitCode::from(*code)
}

/// The JSON of a failure.
#[derive(Serialize)]
pub(in crate::cli) struct FailureObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problems: Option<&'a [Problem]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> FailureObject<'a> {
    /// `judges` is whether the command's JSON has a verdict.
    pub(in crate::cli) fn of(failure: &'a Failure, judges: bool) -> Self {
        let problems = failure.problems();
        let is_verdict = judges && matches!(failure, Failure::Told { code: NO, .. });
        Self {
            verdict: is_verdict.then_some("invalid"),
            problems: (is_verdict || !problems.is_empty()).then_some(problems),
            error: problems.is_empty().then(|| failure.message()),
        }
    }

    /// Its fields.
    pub(in crate::cli) fn fields(&self) -> serde_json::Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        }
    }
}

fn tell_problems(problems: &[Problem]) {
    for problem in problems.iter().take(PROBLEMS_TOLD) {
        tell(format_args!("  {problem}"));
    }
    if let Some(more @ 1..) = problems.len().checked_sub(PROBLEMS_TOLD) {
        tell(format_args!("  and {more} more, which --json lists"));
    }
}

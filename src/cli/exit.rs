//! Prints a failure, as JSON too if that was requested, and returns the exit code.

use crate::cli::failure::{Failure, NO};
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::report::tell_problems;
use carrack::Problems;
use serde::Serialize;
use serde_json::Value;
use std::process::ExitCode;

/// As if ended by SIGPIPE: the reader is gone.
const READER_GONE: u8 = 141;

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
    if problems.count() > 1 {
        tell_problems("", problems);
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
    problems: Option<&'a Problems>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problems_omitted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> FailureObject<'a> {
    /// `judges` is whether the command's JSON has a verdict.
    pub(in crate::cli) fn of(failure: &'a Failure, judges: bool) -> Self {
        // Only bytes from outside can be invalid: a missing key, say, is no verdict on them.
        let problems = failure.problems();
        let is_no = matches!(failure, Failure::Told { code: NO, .. });
        Self {
            verdict: (judges && is_no && problems.is_some()).then_some("invalid"),
            problems,
            problems_omitted: problems.map(Problems::omitted),
            error: problems.is_none().then(|| failure.message()),
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

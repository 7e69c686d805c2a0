//! Prints a failure, as JSON too if that was requested, and returns the exit code.

use crate::cli::failure::{Failure, NO, in_words};
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::report::tell_problems;
use carrack::Problem;
use serde::Serialize;
use std::process::ExitCode;

/// As if ended by SIGPIPE: the reader is gone.
const READER_GONE: u8 = 141;

/// Prints a failure, as JSON too if `json`, and returns the exit code. `judges` is whether the
/// command's JSON has a verdict.
pub(in crate::cli) fn fail(failure: Failure, json: bool, judges: bool) -> ExitCode {
    let (code, message, problems) = match failure {
        Failure::ReaderGone => return ExitCode::from(READER_GONE),
        Failure::Printed { code, message } => {
            tell(format_args!("error: {message}"));
            return ExitCode::from(code);
        }
        Failure::Told { code, message, problems } => (code, message, problems),
    };
    tell(format_args!("error: {message}"));
    if problems.count() > 1 {
        tell_problems("", &problems);
    }
    if json {
        // Only bytes from outside can be invalid: a missing key, say, is no verdict on them.
        let are_at_fault = !problems.is_empty();
        let omitted = problems.omitted();
        let problems: Vec<Problem> = problems.into_listed().into_iter().map(in_words).collect();
        let object = FailureObject {
            verdict: (judges && are_at_fault && code == NO).then_some("invalid"),
            problems: are_at_fault.then_some(&problems[..]),
            problems_omitted: are_at_fault.then_some(omitted),
            error: (!are_at_fault).then_some(&message),
        };
        // If this cannot be written, the exit code still reports it.
        let _ = Output::new().json(&object);
    }
    ExitCode::from(code)
}

/// The JSON of a failure.
#[derive(Serialize)]
struct FailureObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problems: Option<&'a [Problem]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problems_omitted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a String>,
}

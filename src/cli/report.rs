//! What several commands print of a verification's report.

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::text::{or_dash, things};
use carrack::Problems;
use carrack::key::SignatureStatus;
use carrack::verify::Report;
use std::path::Path;

/// The answer of a command that verified `file`.
pub(in crate::cli) fn verdict(file: &Path, report: &Report) -> Answer {
    let problems = report.problems.listed();
    match problems.first() {
        None => Answer::Yes,
        Some(first) => {
            let all = problems.len() as u64 + report.problems.omitted();
            let name = file.display();
            Answer::No(format!("{name} is not valid: {}, first {first}", things(all, "problem")))
        }
    }
}

/// The file and its head, a line each.
pub(in crate::cli) fn print_head(
    output: &mut Output,
    file: &Path,
    report: &Report,
) -> Result<(), Failure> {
    output.line(format_args!("{}", file.display()))?;
    output.field("account", or_dash(report.did.as_ref()))?;
    match report.version {
        Some(2) => output.field("revision", "- (legacy commit of version 2)")?,
        _ => output.field("revision", or_dash(report.rev))?,
    }
    output.field("commit", or_dash(report.commit.as_ref()))?;
    output.field("data", or_dash(report.data.as_ref()))
}

/// Signature, verdict, problems and warnings.
pub(in crate::cli) fn print_verdict(output: &mut Output, report: &Report) -> Result<(), Failure> {
    let signature = match report.signature {
        None => "-",
        Some(SignatureStatus::Unchecked) => "unchecked (give --key, --did-doc or --plc-log)",
        Some(signature) => signature.as_str(),
    };
    output.field("signature", signature)?;
    output.field("verdict", if report.is_valid() { "valid" } else { "INVALID" })?;
    print_problems(output, "problem", &report.problems)?;
    print_problems(output, "warning", &report.warnings)?;
    output.flush()
}

/// Problems, a line each.
pub(in crate::cli) fn print_problems(
    output: &mut Output,
    kind: &str,
    problems: &Problems,
) -> Result<(), Failure> {
    for problem in problems.listed() {
        output.line(format_args!("{kind}: {problem}"))?;
    }
    match problems.omitted() {
        0 => Ok(()),
        more => output.line(format_args!("and {}", things(more, &format!("further {kind}")))),
    }
}

//! What several commands print of a verification's report.

use crate::cli::answer::Answer;
use crate::cli::failure::{Failure, in_options};
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::text::{count, or_dash, things};
use carrack::Problems;
use carrack::key::SignatureStatus;
use carrack::verify::Report;
use std::path::Path;

/// Maximum number of problems printed on standard error. JSON lists more.
const PROBLEMS_TOLD: usize = 20;

/// The answer of a command that verified `file`.
pub(in crate::cli) fn verdict(file: &Path, report: &Report) -> Answer {
    match report.problems.listed().first() {
        None => Answer::Yes,
        Some(first) => {
            let all = things(report.problems.count(), "problem");
            Answer::No(format!("{} is not valid: {all}, first {first}", file.display()))
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

/// The first problems on standard error, a line each, and the number of the others.
pub(in crate::cli) fn tell_problems(kind: &str, problems: &Problems) {
    let start = if kind.is_empty() { "  ".to_owned() } else { format!("{kind}: ") };
    let told = problems.listed().iter().take(PROBLEMS_TOLD);
    let more = problems.count() - told.len() as u64;
    for problem in told {
        tell(format_args!("{start}{}", in_options(&problem.to_string())));
    }
    match (more, kind) {
        (0, _) => {}
        (_, "") => tell(format_args!("  and {} more", count(more))),
        _ => tell(format_args!("and {}", things(more, &format!("further {kind}")))),
    }
}

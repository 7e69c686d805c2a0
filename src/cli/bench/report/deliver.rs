//! A report as it is delivered: a page, if one is wanted, and JSON or tables.

use crate::cli::answer::Answer;
use crate::cli::bench::common_args::CommonArgs;
use crate::cli::bench::measure::machine::MachineObject;
use crate::cli::bench::report::html;
use crate::cli::bench::report::report::BenchReport;
use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use crate::cli::io::output::Output;
use crate::cli::io::output_file::{check_output, write_to};
use crate::cli::io::stderr::note;
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::Path;

/// Refuses a page that could not be written at the end, before anything is measured.
pub(in crate::cli) fn check_target(html: Option<&Path>, inputs: &[&Path]) -> Result<(), Failure> {
    if html.is_some_and(is_standard) {
        return Err(Failure::unusable("--html needs the name of a file"));
    }
    check_output(html, inputs)
}

impl BenchReport {
    /// Writes the page, if one is wanted, and prints.
    pub(in crate::cli) fn deliver(&self, common: &CommonArgs) -> Result<Answer, Failure> {
        if let Some(path) = &common.html {
            let page = html::page(self);
            write_to(Some(path), |output| {
                let failed = |source| carrack::Error::Io {
                    doing: format!("writing {}", path.display()),
                    source,
                };
                output.write_all(page.as_bytes()).map_err(failed)
            })?;
            note(format_args!("the page is {}", path.display()));
        }
        if common.json {
            Output::new().json(&self.object())?;
        } else {
            self.print(&mut Output::new())?;
        }
        Ok(Answer::Yes)
    }

    fn object(&self) -> BenchReportObject<'_> {
        BenchReportObject {
            bench: self.bench,
            machine: self.machine.object(),
            settings: &self.settings,
            found: &self.found,
            notes: self.remarks(),
        }
    }

    fn print(&self, output: &mut Output) -> Result<(), Failure> {
        output.line(format_args!("carrack bench {}", self.bench))?;
        for (name, line) in self.lines() {
            output.field(&name, line)?;
        }
        for table in &self.tables {
            output.line(format_args!(""))?;
            output.line(format_args!("{}", table.title))?;
            for line in table.lines() {
                output.line(format_args!("  {line}"))?;
            }
        }
        output.line(format_args!(""))?;
        for remark in self.remarks() {
            output.line(format_args!("note: {remark}"))?;
        }
        output.flush()
    }
}

/// The report as JSON.
#[derive(Serialize)]
struct BenchReportObject<'a> {
    bench: &'static str,
    machine: MachineObject<'a>,
    settings: &'a Map<String, Value>,
    #[serde(flatten)]
    found: &'a Map<String, Value>,
    notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_has_no_folder_is_refused_early() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_target(Some(&folder.path().join("page.html")), &[]).is_ok());
        assert!(check_target(Some(Path::new("page.html")), &[]).is_ok());
        for wrong in [folder.path(), Path::new("-"), &folder.path().join("none/page.html")] {
            assert!(check_target(Some(wrong), &[]).is_err(), "{}", wrong.display());
        }
    }
}

//! What a measurement found, for machines, for people at a terminal, and as a page.

use crate::cli::answer::Output;
use crate::cli::bench::args::Common;
use crate::cli::bench::html;
use crate::cli::bench::machine::{Machine, MachineObject};
use crate::cli::failure::{Failure, tell};
use crate::cli::io::input::is_standard;
use crate::cli::io::output_file::write_to;
use crate::cli::run::Answer;
use crate::cli::text::count;
use comfy_table::{CellAlignment, presets};
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::Path;

pub(in crate::cli) struct Report {
    pub(in crate::cli) bench: &'static str,
    pub(in crate::cli) machine: Machine,
    /// What was asked for.
    pub(in crate::cli) settings: Map<String, Value>,
    pub(in crate::cli) tables: Vec<Table>,
    pub(in crate::cli) charts: Vec<Chart>,
    pub(in crate::cli) notes: Vec<String>,
    /// What was found, for machines.
    found: Map<String, Value>,
}

/// A table: its first column is words, the others are numbers.
pub(in crate::cli) struct Table {
    pub(in crate::cli) title: &'static str,
    pub(in crate::cli) head: Vec<&'static str>,
    pub(in crate::cli) rows: Vec<Vec<String>>,
}

/// A chart of bars.
pub(in crate::cli) struct Chart {
    pub(in crate::cli) title: &'static str,
    pub(in crate::cli) bars: Vec<Bar>,
    pub(in crate::cli) show: fn(f64) -> String,
}

/// A bar. One whose value is not known is a dash.
pub(in crate::cli) struct Bar {
    pub(in crate::cli) label: String,
    pub(in crate::cli) value: Option<f64>,
    /// Least and most of the runs.
    pub(in crate::cli) range: Option<(f64, f64)>,
}

/// What scripts are told.
#[derive(Serialize)]
struct ReportObject<'a> {
    bench: &'static str,
    machine: MachineObject<'a>,
    settings: &'a Map<String, Value>,
    #[serde(flatten)]
    found: &'a Map<String, Value>,
    notes: Vec<String>,
}

impl Report {
    pub(in crate::cli) fn new(bench: &'static str, machine: Machine) -> Self {
        Self {
            bench,
            machine,
            settings: Map::new(),
            tables: Vec::new(),
            charts: Vec::new(),
            notes: Vec::new(),
            found: Map::new(),
        }
    }

    /// Says what was asked for.
    pub(in crate::cli) fn set(&mut self, name: &str, value: Option<impl Into<Value>>) {
        self.settings.insert(name.to_owned(), value.map_or(Value::Null, Into::into));
    }

    /// Says what was found.
    pub(in crate::cli) fn give(&mut self, name: &str, value: impl Into<Value>) {
        self.found.insert(name.to_owned(), value.into());
    }

    /// Machine and settings, for people.
    pub(in crate::cli) fn lines(&self) -> Vec<(String, String)> {
        let machine = self.machine.lines().into_iter().map(|(name, line)| (name.to_owned(), line));
        let settings = self.settings.iter().map(|(name, value)| (name.clone(), words(value)));
        machine.chain(settings).collect()
    }

    /// All that is to be known when reading the numbers, doubts first.
    pub(in crate::cli) fn remarks(&self) -> Vec<String> {
        self.machine.doubts().into_iter().chain(self.notes.iter().cloned()).collect()
    }

    /// Writes the page, if one is wanted, and prints.
    pub(in crate::cli) fn deliver(&self, common: &Common) -> Result<Answer, Failure> {
        if let Some(path) = &common.html {
            let page = html::page(self);
            write_to(Some(path), |output| {
                let failed = |source| carrack::Error::Io {
                    doing: format!("writing {}", path.display()),
                    source,
                };
                output.write_all(page.as_bytes()).map_err(failed)
            })?;
            tell(format_args!("the page is {}", path.display()));
        }
        if common.json {
            Output::new().json(&self.object())?;
        } else {
            self.print(&mut Output::new())?;
        }
        Ok(Answer::Yes)
    }

    fn object(&self) -> ReportObject<'_> {
        ReportObject {
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

impl Table {
    pub(in crate::cli) fn new(title: &'static str, head: &[&'static str]) -> Self {
        Self { title, head: head.to_vec(), rows: Vec::new() }
    }

    pub(in crate::cli) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Its lines with columns that align.
    fn lines(&self) -> Vec<String> {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_header(self.head.clone())
            .add_rows(self.rows.clone());
        for (place, column) in table.column_iter_mut().enumerate() {
            let (gap, alignment) =
                if place == 0 { (0, CellAlignment::Left) } else { (2, CellAlignment::Right) };
            column.set_padding((gap, 0));
            column.set_cell_alignment(alignment);
        }
        table.lines().collect()
    }
}

impl Chart {
    pub(in crate::cli) fn new(title: &'static str, show: fn(f64) -> String) -> Self {
        Self { title, bars: Vec::new(), show }
    }
}

/// Refuses a page that could not be written at the end, before anything is measured.
pub(in crate::cli) fn check_target(html: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = html else { return Ok(()) };
    if is_standard(path) || path.is_dir() {
        return Err(Failure::unusable("--html needs the name of a file"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            Err(Failure::unusable(format!("there is no folder {}", folder.display())))
        }
        _ => Ok(()),
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        value => value.as_u64().map_or_else(|| value.to_string(), count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align() {
        let mut table = Table::new("t", &["job", "wall"]);
        table.row(["verify".to_owned(), "1 s".to_owned()]);
        table.row(["x".to_owned(), "100.00 s".to_owned()]);
        assert_eq!(table.lines(), ["job         wall", "verify       1 s", "x       100.00 s"]);
    }

    #[test]
    fn a_page_that_has_no_folder_is_refused_early() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_target(Some(&folder.path().join("page.html"))).is_ok());
        assert!(check_target(Some(Path::new("page.html"))).is_ok());
        for wrong in [folder.path(), Path::new("-"), &folder.path().join("none/page.html")] {
            assert!(check_target(Some(wrong)).is_err(), "{}", wrong.display());
        }
    }
}

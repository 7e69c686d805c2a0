use crate::cli::bench::measure::machine::Machine;
use crate::cli::failure::Failure;
use crate::cli::text::count;
use comfy_table::{CellAlignment, presets};
use serde::Serialize;
use serde_json::{Map, Value};

pub(in crate::cli) struct BenchReport {
    pub(in crate::cli) bench: &'static str,
    pub(in crate::cli) machine: Machine,
    /// What was asked for.
    pub(in crate::cli) settings: Map<String, Value>,
    pub(in crate::cli) tables: Vec<Table>,
    pub(in crate::cli) charts: Vec<Chart>,
    pub(in crate::cli) notes: Vec<String>,
    /// What was found, for machines.
    pub(in crate::cli) found: Map<String, Value>,
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
    pub(in crate::cli) bars: Vec<ChartBar>,
    pub(in crate::cli) show: fn(f64) -> String,
}

/// A bar. One whose value is not known is a dash.
pub(in crate::cli) struct ChartBar {
    pub(in crate::cli) label: String,
    pub(in crate::cli) value: Option<f64>,
    /// Least and most of the runs.
    pub(in crate::cli) range: Option<(f64, f64)>,
}

impl BenchReport {
    /// A report without tables so far. Settings are what was asked for; both are objects.
    pub(in crate::cli) fn new(
        bench: &'static str,
        machine: Machine,
        settings: &impl Serialize,
        found: &impl Serialize,
    ) -> Result<Self, Failure> {
        Ok(Self {
            bench,
            machine,
            settings: fields(settings)?,
            tables: Vec::new(),
            charts: Vec::new(),
            notes: Vec::new(),
            found: fields(found)?,
        })
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
}

impl Table {
    pub(in crate::cli) fn new(title: &'static str, head: &[&'static str]) -> Self {
        Self { title, head: head.to_vec(), rows: Vec::new() }
    }

    pub(in crate::cli) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Its lines with columns that align.
    pub(in crate::cli) fn lines(&self) -> Vec<String> {
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

fn fields(object: &impl Serialize) -> Result<Map<String, Value>, Failure> {
    match serde_json::to_value(object) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(Failure::unusable(format!("a report is an object, and not {other}"))),
        Err(error) => Err(Failure::io("writing the report", &error.into())),
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
}

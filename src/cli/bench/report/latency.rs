use crate::cli::bench::measure::figures::{number, shown, time_of_micros};
use crate::cli::bench::report::report::{Chart, ChartBar, Table};
use serde_json::Value;

/// A row for each name, of the latencies at its place in what was found.
pub(in crate::cli) fn latency_table<'a>(
    found: &Value,
    rows: impl IntoIterator<Item = &'a (&'a str, &'a str)>,
) -> Table {
    let mut table = Table::new("Latency", &["", "p50", "p90", "p99", "p99.9", "max"]);
    for (name, at) in rows {
        let cells = percentiles(found, &format!("{at}/latency"));
        table.row(std::iter::once((*name).to_owned()).chain(cells));
    }
    table
}

/// p50, p90, p99, p99.9 and the longest, as cells.
fn percentiles(found: &Value, at: &str) -> [String; 5] {
    ["p50", "p90", "p99", "p999", "max"]
        .map(|name| shown(number(found, &format!("{at}/{name}_micros")), time_of_micros))
}

/// The distribution of latencies as bars.
pub(in crate::cli) fn latency_chart(title: &'static str, found: &Value, at: &str) -> Chart {
    let mut chart = Chart::new(title, time_of_micros);
    for (label, name) in [
        ("p10", "p10"),
        ("p50", "p50"),
        ("p90", "p90"),
        ("p99", "p99"),
        ("p99.9", "p999"),
        ("max", "max"),
    ] {
        let value = number(found, &format!("{at}/{name}_micros"));
        chart.bars.push(ChartBar { label: label.to_owned(), value, range: None });
    }
    chart
}

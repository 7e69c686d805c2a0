use crate::cli::bench::measure::figures::{shown, time_of_micros};
use crate::cli::bench::measure::latency::Latencies;
use crate::cli::bench::report::report::{Chart, ChartBar, Table};

/// A row for each name.
pub(in crate::cli) fn latency_table<'a>(
    rows: impl IntoIterator<Item = (&'a str, &'a Latencies)>,
) -> Table {
    let mut table = Table::new("Latency", &["", "p50", "p90", "p99", "p99.9", "max"]);
    for (name, latency) in rows {
        let Latencies { p50_micros, p90_micros, p99_micros, p999_micros, max_micros, .. } = latency;
        let cells = [p50_micros, p90_micros, p99_micros, p999_micros, max_micros];
        let cells = cells.map(|micros| shown(*micros, time_of_micros));
        table.row(std::iter::once(name.to_owned()).chain(cells));
    }
    table
}

/// The distribution of latencies as bars.
pub(in crate::cli) fn latency_chart(title: &'static str, latency: &Latencies) -> Chart {
    let mut chart = Chart::new(title, time_of_micros);
    for (label, value) in [
        ("p10", latency.p10_micros),
        ("p50", latency.p50_micros),
        ("p90", latency.p90_micros),
        ("p99", latency.p99_micros),
        ("p99.9", latency.p999_micros),
        ("max", latency.max_micros),
    ] {
        chart.bars.push(ChartBar { label: label.to_owned(), value, range: None });
    }
    chart
}

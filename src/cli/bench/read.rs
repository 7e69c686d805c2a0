use crate::cli::answer::Answer;
use crate::cli::bench::common_args::CommonArgs;
use crate::cli::bench::data::fill::fill;
use crate::cli::bench::data::records::RECORDS_MAX;
use crate::cli::bench::measure::child;
use crate::cli::bench::measure::figures::{number, shown, size, tally, time};
use crate::cli::bench::measure::machine::Machine;
use crate::cli::bench::measure::scratch::Scratch;
use crate::cli::bench::measure::step::step;
use crate::cli::bench::report::deliver::check_target;
use crate::cli::bench::report::latency::{latency_chart, latency_table};
use crate::cli::bench::report::report::{BenchReport, Chart, ChartBar, Table};
use crate::cli::failure::Failure;
use clap::Args;
use serde_json::Value;
use std::ffi::OsString;

#[derive(Debug, Args)]
pub(in crate::cli) struct ReadBenchArgs {
    /// Records of the account
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX))]
    records: u64,
    /// Threads that read
    #[arg(long, value_name = "T", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=256))]
    threads: u64,
    /// Reads of single records, of all threads together
    #[arg(long, value_name = "K", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    reads: u64,
    /// Memory for the store's pages, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    cache: u64,
    #[command(flatten)]
    pub(in crate::cli) common: CommonArgs,
}

pub(in crate::cli) fn run(args: &ReadBenchArgs) -> Result<Answer, Failure> {
    check_target(args.common.html.as_deref())?;
    let scratch = Scratch::new(args.common.dir.as_deref())?;
    let machine = Machine::here(scratch.path());
    step("generate", 0, 0);
    let store = fill(&scratch, 1, args.records)?;
    step("read", 0, 0);
    let mut job = vec![OsString::from("read"), store.into()];
    let numbers = [
        ("--records", args.records),
        ("--threads", args.threads),
        ("--reads", args.reads),
        ("--cache", args.cache),
    ];
    for (name, number) in numbers {
        job.extend([OsString::from(name), number.to_string().into()]);
    }
    let found = child::run(job)?;
    scratch.close()?;
    report(machine, args, found).deliver(&args.common)
}

/// What is read, where it is in the answer, and what it is called.
const KINDS: [(&str, &str); 4] = [
    ("present", "records by path"),
    ("absent", "absent paths"),
    ("list", "listing"),
    ("entries", "listing of paths and CIDs"),
];

/// Of which of them single ones are timed.
const LATENCIES: [(&str, &str); 2] = [("records by path", "/present"), ("absent paths", "/absent")];

fn report(machine: Machine, args: &ReadBenchArgs, found: Value) -> BenchReport {
    let mut report = BenchReport::new("read", machine);
    report.set("records", Some(args.records));
    report.set("threads", Some(args.threads));
    report.set("reads", Some(args.reads));
    report.set("cache_mib", Some(args.cache));
    report.tables = vec![reads_table(&found), latency_table(&found, &LATENCIES)];
    report.charts = vec![
        rates_chart(&found),
        latency_chart("Latency of reads by path", &found, "/present/latency"),
    ];
    report.notes = vec![
        "each read takes a snapshot of its own, as a server's would, and rehashes what it finds"
            .to_owned(),
        "a listing goes through all records by pages, in each thread".to_owned(),
        "all of it was read once before".to_owned(),
    ];
    if let Value::Object(found) = found {
        found.into_iter().for_each(|(name, value)| report.give(&name, value));
    }
    report
}

fn reads_table(found: &Value) -> Table {
    let head = ["", "records", "wall", "records/s", "CPU each", "peak memory"];
    let mut table = Table::new("Reads, warm", &head);
    for (at, name) in KINDS {
        let figure = |field: &str, show: fn(f64) -> String| {
            shown(number(found, &format!("/{at}/{field}")), show)
        };
        table.row([
            name.to_owned(),
            figure("records", tally),
            figure("wall_seconds", time),
            figure("records_per_second", tally),
            figure("cpu_seconds_per_record", time),
            figure("peak_bytes", size),
        ]);
    }
    table
}

fn rates_chart(found: &Value) -> Chart {
    let mut chart = Chart::new("Records a second", tally);
    for (at, name) in KINDS {
        let value = number(found, &format!("/{at}/records_per_second"));
        chart.bars.push(ChartBar { label: name.to_owned(), value, range: None });
    }
    chart
}

use crate::cli::answer::Answer;
use crate::cli::bench::common_args::CommonArgs;
use crate::cli::bench::data::fill::fill;
use crate::cli::bench::data::records::RECORDS_MAX;
use crate::cli::bench::jobs::read::{ReadFound, Reads};
use crate::cli::bench::measure::child;
use crate::cli::bench::measure::figures::{float, shown, size, tally, time};
use crate::cli::bench::measure::machine::Machine;
use crate::cli::bench::measure::scratch::Scratch;
use crate::cli::bench::measure::step::step;
use crate::cli::bench::report::deliver::check_target;
use crate::cli::bench::report::latency::{latency_chart, latency_table};
use crate::cli::bench::report::report::{BenchReport, Chart, ChartBar, Table};
use crate::cli::failure::Failure;
use clap::Args;
use serde::Serialize;
use std::ffi::OsString;

#[derive(Debug, Args)]
pub(in crate::cli) struct ReadBenchArgs {
    /// Number of records in the account
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX))]
    records: u64,
    /// Threads that read
    #[arg(long, value_name = "T", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=256))]
    threads: u64,
    /// Number of reads of single records, over all threads
    #[arg(long, value_name = "K", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    reads: u64,
    /// Page cache of the store, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    cache: u64,
    #[command(flatten)]
    pub(in crate::cli) common: CommonArgs,
}

pub(in crate::cli) fn run(args: &ReadBenchArgs) -> Result<Answer, Failure> {
    check_target(args.common.html.as_deref(), &[])?;
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
    report(machine, args, &found)?.deliver(&args.common)
}

#[derive(Serialize)]
struct ReadSettings {
    records: u64,
    threads: u64,
    reads: u64,
    cache_mib: u64,
}

fn report(
    machine: Machine,
    args: &ReadBenchArgs,
    found: &ReadFound,
) -> Result<BenchReport, Failure> {
    let settings = ReadSettings {
        records: args.records,
        threads: args.threads,
        reads: args.reads,
        cache_mib: args.cache,
    };
    let mut report = BenchReport::new("read", machine, &settings, found)?;
    let timed = [("records by path", &found.present), ("absent paths", &found.absent)];
    let latencies =
        timed.into_iter().filter_map(|(name, reads)| Some((name, reads.latency.as_ref()?)));
    report.tables = vec![reads_table(found), latency_table(latencies)];
    report.charts = vec![rates_chart(found)];
    let latency = found.present.latency.as_ref();
    report.charts.extend(latency.map(|latency| latency_chart("Latency of reads by path", latency)));
    report.notes = vec![
        "each read takes a snapshot of its own, as a server's would, and rehashes what it finds"
            .to_owned(),
        "a listing goes through all records by pages, in each thread".to_owned(),
        "all of it was read once before".to_owned(),
    ];
    Ok(report)
}

/// What was read, and what it is called.
fn kinds(found: &ReadFound) -> [(&'static str, &Reads); 4] {
    [
        ("records by path", &found.present),
        ("absent paths", &found.absent),
        ("listing", &found.list),
        ("listing of paths and CIDs", &found.entries),
    ]
}

fn reads_table(found: &ReadFound) -> Table {
    let head = ["", "records", "wall", "records/s", "CPU each", "peak memory"];
    let mut table = Table::new("Reads, warm", &head);
    for (name, reads) in kinds(found) {
        table.row([
            name.to_owned(),
            tally(float(reads.records)),
            time(reads.usage.wall_seconds),
            tally(reads.records_per_second),
            shown(reads.cpu_seconds_per_record, time),
            shown(reads.usage.peak_bytes.map(float), size),
        ]);
    }
    table
}

fn rates_chart(found: &ReadFound) -> Chart {
    let mut chart = Chart::new("Records a second", tally);
    for (name, reads) in kinds(found) {
        let value = Some(reads.records_per_second);
        chart.bars.push(ChartBar { label: name.to_owned(), value, range: None });
    }
    chart
}

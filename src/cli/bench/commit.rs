use crate::cli::answer::Answer;
use crate::cli::bench::common_args::CommonArgs;
use crate::cli::bench::data::fill::{fill, write_car};
use crate::cli::bench::data::records::RECORDS_MAX;
use crate::cli::bench::jobs::commit::{CommitFound, CommitRun, TimedImport};
use crate::cli::bench::jobs::yardstick::{FLUSH, Flushes};
use crate::cli::bench::measure::child;
use crate::cli::bench::measure::figures::{float, shown, size, tally, time};
use crate::cli::bench::measure::machine::Machine;
use crate::cli::bench::measure::scratch::Scratch;
use crate::cli::bench::measure::step::step;
use crate::cli::bench::report::deliver::check_target;
use crate::cli::bench::report::latency::{latency_chart, latency_table};
use crate::cli::bench::report::report::{BenchReport, Table};
use crate::cli::failure::Failure;
use clap::Args;
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::path::Path;

#[derive(Debug, Args)]
pub(in crate::cli) struct CommitBenchArgs {
    /// Records per account before the measurement
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX))]
    records: u64,
    /// Threads that commit
    #[arg(long, value_name = "C", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1024))]
    callers: u64,
    /// Number of accounts written to; by default one per caller
    #[arg(long, value_name = "A", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    accounts: Option<u64>,
    /// Total number of commits
    #[arg(long, value_name = "K", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    commits: u64,
    /// Repeat the measurement while an account of N records is imported, with one thread reading
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX))]
    during_import: Option<u64>,
    #[command(flatten)]
    pub(in crate::cli) common: CommonArgs,
}

pub(in crate::cli) fn run(args: &CommitBenchArgs) -> Result<Answer, Failure> {
    check_target(args.common.html.as_deref(), &[])?;
    let scratch = Scratch::new(args.common.dir.as_deref())?;
    let machine = Machine::here(scratch.path());
    let accounts = args.accounts.unwrap_or(args.callers);
    step("generate", 0, 0);
    let store = fill(&scratch, accounts, args.records)?;
    let store_bytes = std::fs::metadata(&store).ok().map(|metadata| metadata.len());
    // An account that the store does not have yet.
    let import = args.during_import;
    let import = import.map(|records| write_car(&scratch, "imported.car", accounts, records));
    let import = import.transpose()?;
    step("commit", 0, 0);
    let yardstick = child::run([OsStr::new("flush"), scratch.file("flushed").as_os_str()])?;
    let commits = child::run(job(args, accounts, &store, import.as_deref()))?;
    let found = CommitBenchFound { commits, yardstick, store_bytes };
    scratch.close()?;
    report(machine, args, accounts, &found)?.deliver(&args.common)
}

fn job(
    args: &CommitBenchArgs,
    accounts: u64,
    store: &Path,
    import: Option<&Path>,
) -> Vec<OsString> {
    let mut job = vec![OsString::from("commit"), store.into()];
    let numbers = [
        ("--records", args.records),
        ("--callers", args.callers),
        ("--accounts", accounts),
        ("--commits", args.commits),
    ];
    for (name, number) in numbers {
        job.extend([OsString::from(name), number.to_string().into()]);
    }
    if let Some(file) = import {
        job.extend([OsString::from("--import"), file.into()]);
    }
    job
}

/// What was found.
#[derive(Serialize)]
struct CommitBenchFound {
    #[serde(flatten)]
    commits: CommitFound,
    yardstick: Flushes,
    /// The length of the store's file before.
    store_bytes: Option<u64>,
}

#[derive(Serialize)]
struct CommitSettings {
    records: u64,
    callers: u64,
    accounts: u64,
    commits: u64,
    during_import: Option<u64>,
}

fn report(
    machine: Machine,
    args: &CommitBenchArgs,
    accounts: u64,
    found: &CommitBenchFound,
) -> Result<BenchReport, Failure> {
    let settings = CommitSettings {
        records: args.records,
        callers: args.callers,
        accounts,
        commits: args.commits,
        during_import: args.during_import,
    };
    let mut report = BenchReport::new("commit", machine, &settings, found)?;
    report.tables = vec![commits_table(&found.commits), latencies(found)];
    let alone = &found.commits.alone.commits;
    report.charts = vec![latency_chart("Latency of commits", &alone.latency)];
    report.notes = vec![
        "a commit has one new record and its event; when a caller has its answer, both are on disk"
            .to_owned(),
    ];
    if let Some(bytes) = found.store_bytes {
        report.notes.push(format!("the store's file was {} long before", size(float(bytes))));
    }
    if args.callers > accounts {
        report.notes.push("some callers share an account, where commits go one by one".to_owned());
    }
    if let Some(beside) = &found.commits.during_import {
        report.tables.extend(beside.import.as_ref().map(import_table));
        let (commits, reads) = (&beside.commits.latency, &beside.reads.latency);
        report.charts.extend([
            latency_chart("Latency of commits during the import", commits),
            latency_chart("Latency of reads during the import", reads),
        ]);
        report.notes.push(
            "during the import, one record of another account is read each millisecond; \
             CPU and written bytes are the import's too, and so not told per commit"
                .to_owned(),
        );
    }
    Ok(report)
}

const DURING_IMPORT: &str = "commits during the import";

fn commits_table(found: &CommitFound) -> Table {
    let head = ["", "commits", "wall", "commits/s", "CPU each", "written each", "peak memory"];
    let mut table = Table::new("Durable commits", &head);
    let mut row = |name: &str, commits: &CommitRun, cpu: Option<f64>, written: Option<f64>| {
        table.row([
            name.to_owned(),
            tally(float(commits.commits)),
            time(commits.usage.wall_seconds),
            tally(commits.commits_per_second),
            shown(cpu, time),
            shown(written, size),
            shown(commits.usage.peak_bytes.map(float), size),
        ]);
    };
    let alone = &found.alone;
    let (cpu, written) = (alone.cpu_seconds_per_commit, alone.written_bytes_per_commit);
    row("commits", &alone.commits, cpu, written);
    if let Some(beside) = &found.during_import {
        row(DURING_IMPORT, &beside.commits, None, None);
    }
    table
}

fn latencies(found: &CommitBenchFound) -> Table {
    let beside = found.commits.during_import.as_ref();
    let alone = ("commits", &found.commits.alone.commits.latency);
    let commits = beside.map(|beside| (DURING_IMPORT, &beside.commits.latency));
    let reads = beside.map(|beside| ("reads during the import", &beside.reads.latency));
    let flushes = (FLUSH, &found.yardstick.latency);
    latency_table([Some(alone), commits, reads, Some(flushes)].into_iter().flatten())
}

fn import_table(import: &TimedImport) -> Table {
    let head = ["", "records", "wall", "records/s"];
    let mut table = Table::new("The import meanwhile", &head);
    table.row([
        "import".to_owned(),
        tally(float(import.records)),
        time(import.wall_seconds),
        tally(import.records_per_second),
    ]);
    table
}

use crate::cli::answer::Answer;
use crate::cli::bench::common_args::CommonArgs;
use crate::cli::bench::data::fill::{fill, write_car};
use crate::cli::bench::data::records::RECORDS_MAX;
use crate::cli::bench::measure::child;
use crate::cli::bench::measure::figures::{number, shown, size, tally, time};
use crate::cli::bench::measure::machine::Machine;
use crate::cli::bench::measure::scratch::Scratch;
use crate::cli::bench::measure::step::step;
use crate::cli::bench::report::deliver::check_target;
use crate::cli::bench::report::latency::{latency_chart, latency_table};
use crate::cli::bench::report::report::{BenchReport, Table};
use crate::cli::failure::Failure;
use clap::Args;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::path::Path;

#[derive(Debug, Args)]
pub(in crate::cli) struct CommitBenchArgs {
    /// Records that each account has before
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX))]
    records: u64,
    /// Threads that commit
    #[arg(long, value_name = "C", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1024))]
    callers: u64,
    /// Accounts that they write to; as many as callers, if not said
    #[arg(long, value_name = "A", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    accounts: Option<u64>,
    /// Commits altogether
    #[arg(long, value_name = "K", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    commits: u64,
    /// Then the same again while an account of N records is imported, with one thread reading
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX))]
    during_import: Option<u64>,
    #[command(flatten)]
    pub(in crate::cli) common: CommonArgs,
}

pub(in crate::cli) fn run(args: &CommitBenchArgs) -> Result<Answer, Failure> {
    check_target(args.common.html.as_deref())?;
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
    let mut found = child::run(job(args, accounts, &store, import.as_deref()))?;
    if let Some(fields) = found.as_object_mut() {
        fields.insert("yardstick".to_owned(), yardstick);
        fields.insert("store_bytes".to_owned(), store_bytes.into());
    }
    scratch.close()?;
    report(machine, args, accounts, found).deliver(&args.common)
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

fn report(machine: Machine, args: &CommitBenchArgs, accounts: u64, found: Value) -> BenchReport {
    let mut report = BenchReport::new("commit", machine);
    report.set("records", Some(args.records));
    report.set("callers", Some(args.callers));
    report.set("accounts", Some(accounts));
    report.set("commits", Some(args.commits));
    report.set("during_import", args.during_import);
    report.tables = vec![commits_table(&found), latencies(&found)];
    report.tables.extend(import_table(&found));
    report.charts = vec![latency_chart("Latency of commits", &found, "/alone/latency")];
    report.notes = vec![
        "a commit has one new record and its event; when a caller has its answer, both are on disk"
            .to_owned(),
    ];
    if let Some(bytes) = number(&found, "/store_bytes") {
        report.notes.push(format!("the store's file was {} long before", size(bytes)));
    }
    if args.callers > accounts {
        report.notes.push("some callers share an account, where commits go one by one".to_owned());
    }
    if args.during_import.is_some() {
        let commits =
            latency_chart("Latency of commits during the import", &found, "/during_import/latency");
        let reads = latency_chart(
            "Latency of reads during the import",
            &found,
            "/during_import/reads/latency",
        );
        report.charts.extend([commits, reads]);
        report.notes.push(
            "during the import, one record of another account is read each millisecond; \
             CPU and written bytes are the import's too, and so not told per commit"
                .to_owned(),
        );
    }
    if let Value::Object(found) = found {
        found.into_iter().for_each(|(name, value)| report.give(&name, value));
    }
    report
}

/// The two halves of the measurement, and what they are called.
const PHASES: [(&str, &str); 2] =
    [("commits", "/alone"), ("commits during the import", "/during_import")];

fn commits_table(found: &Value) -> Table {
    let head = ["", "commits", "wall", "commits/s", "CPU each", "written each", "peak memory"];
    let mut table = Table::new("Durable commits", &head);
    for (name, at) in
        PHASES.iter().filter(|(_, at)| found.pointer(at).is_some_and(Value::is_object))
    {
        let figure = |field: &str, show: fn(f64) -> String| {
            shown(number(found, &format!("{at}/{field}")), show)
        };
        table.row([
            (*name).to_owned(),
            figure("commits", tally),
            figure("wall_seconds", time),
            figure("commits_per_second", tally),
            figure("cpu_seconds_per_commit", time),
            figure("written_bytes_per_commit", size),
            figure("peak_bytes", size),
        ]);
    }
    table
}

fn latencies(found: &Value) -> Table {
    let others = [
        ("reads during the import", "/during_import/reads"),
        ("append of 4 KiB + fsync", "/yardstick"),
    ];
    let measured = |(_, at): &&(&str, &str)| found.pointer(at).is_some_and(Value::is_object);
    latency_table(found, PHASES.iter().chain(&others).filter(measured))
}

fn import_table(found: &Value) -> Option<Table> {
    let at = "/during_import/import";
    found.pointer(at)?;
    let head = ["", "records", "wall", "records/s"];
    let mut table = Table::new("The import meanwhile", &head);
    let figure =
        |field: &str, show: fn(f64) -> String| shown(number(found, &format!("{at}/{field}")), show);
    table.row([
        "import".to_owned(),
        figure("records", tally),
        figure("wall_seconds", time),
        figure("records_per_second", tally),
    ]);
    Some(table)
}

use crate::cli::answer::Answer;
use crate::cli::bench::common_args::CommonArgs;
use crate::cli::bench::data::repository::{BlockOrder, Repository};
use crate::cli::bench::measure::child;
use crate::cli::bench::measure::figures::{Spread, float, number, shown, size, tally, time, whole};
use crate::cli::bench::measure::machine::Machine;
use crate::cli::bench::measure::scratch::Scratch;
use crate::cli::bench::measure::step::step;
use crate::cli::bench::report::deliver::check_target;
use crate::cli::bench::report::latency::{latency_chart, latency_table};
use crate::cli::bench::report::report::{BenchReport, Table};
use crate::cli::failure::Failure;
use clap::Args;
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;

#[derive(Debug, Args)]
pub(in crate::cli) struct AccountsBenchArgs {
    /// How many accounts
    #[arg(long, value_name = "A", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    accounts: u64,
    /// Records of each
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    records: u64,
    /// Threads that import them
    #[arg(long, value_name = "C", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1024))]
    callers: u64,
    #[command(flatten)]
    pub(in crate::cli) common: CommonArgs,
}

/// The files of the measurement.
const CARS: &str = "accounts.cars";
const STORE: &str = "store.redb";
const KILLED: &str = "killed.redb";
/// How often the store is opened, clean and after a kill.
const OPENINGS: u32 = 5;

pub(in crate::cli) fn run(args: &AccountsBenchArgs) -> Result<Answer, Failure> {
    check_target(args.common.html.as_deref())?;
    let scratch = Scratch::new(args.common.dir.as_deref())?;
    let machine = Machine::here(scratch.path());
    step("generate", 0, 0);
    write_cars(&scratch, args)?;
    step("import", 0, 0);
    let found = measure(&scratch, args)?;
    scratch.close()?;
    report(machine, args, found).deliver(&args.common)
}

/// All repositories in one file, each behind its length.
fn write_cars(scratch: &Scratch, args: &AccountsBenchArgs) -> Result<(), Failure> {
    let failed = |error| Failure::io("writing the repositories", &error);
    scratch.write(CARS, |output| {
        for seed in 0..args.accounts {
            let mut car = Vec::new();
            Repository::generate(seed, args.records)?.write(BlockOrder::Streaming, &mut car)?;
            output.write_all(&(car.len() as u64).to_be_bytes()).map_err(failed)?;
            output.write_all(&car).map_err(failed)?;
        }
        Ok(())
    })?;
    Ok(())
}

fn measure(scratch: &Scratch, args: &AccountsBenchArgs) -> Result<Value, Failure> {
    let (cars, store) = (scratch.file(CARS), scratch.file(STORE));
    let job = [OsString::from("accounts"), cars.into(), store.clone().into()];
    let callers = [OsString::from("--callers"), args.callers.to_string().into()];
    // Killed with its store open, as a crash would leave it.
    let created = child::run_and_kill(job.iter().chain(&callers))?;
    let killed = open_killed(scratch)?;
    let clean = open(&store, || Ok(()))?;
    let metadata = std::fs::metadata(&store);
    let metadata = metadata
        .map_err(|error| Failure::io(format_args!("reading {}", store.display()), &error))?;
    Ok(json!({
        "create": created,
        "file_bytes": metadata.len(),
        "file_bytes_per_account": float(metadata.len()) / float(args.accounts),
        "open_killed": killed,
        "open_clean": clean,
    }))
}

/// Opens copies of what a killed process left, and closes the store itself cleanly at the end.
fn open_killed(scratch: &Scratch) -> Result<Value, Failure> {
    let killed = scratch.file(KILLED);
    let opened = open(&killed, || scratch.copy(STORE, KILLED))?;
    scratch.remove(KILLED)?;
    child::run([OsStr::new("open"), scratch.file(STORE).as_os_str()])?;
    Ok(opened)
}

/// Opens a store some times, each time in a new process.
fn open(store: &Path, mut before: impl FnMut() -> Result<(), Failure>) -> Result<Value, Failure> {
    let (mut walls, mut peaks) = (Vec::new(), Vec::new());
    for run in 1..=OPENINGS {
        step("open", run, OPENINGS);
        before()?;
        let opened = child::run([OsStr::new("open"), store.as_os_str()])?;
        walls.extend(number(&opened, "/wall_seconds"));
        peaks.extend(number(&opened, "/peak_bytes"));
    }
    Ok(json!({
        "wall_seconds": Spread::of(walls).map(Spread::to_json),
        "peak_bytes": Spread::of(peaks).map(|peak| whole(peak.max)),
    }))
}

fn report(machine: Machine, args: &AccountsBenchArgs, found: Value) -> BenchReport {
    let mut report = BenchReport::new("accounts", machine);
    report.set("accounts", Some(args.accounts));
    report.set("records", Some(args.records));
    report.set("callers", Some(args.callers));
    report.tables = vec![
        create_table(&found),
        latency_table(&found, &[("one import", "/create")]),
        open_table(&found),
    ];
    report.charts = vec![latency_chart("Time of one import", &found, "/create/latency")];
    report.notes = vec![
        "each account is imported by itself: verified, and on disk when its caller goes on"
            .to_owned(),
        "the file has room for what comes: bytes of an account on disk are the file's, divided"
            .to_owned(),
        "the process that imported was killed with its store open; what it left was copied and \
         opened, and after a clean close opened again"
            .to_owned(),
    ];
    if let Value::Object(found) = found {
        found.into_iter().for_each(|(name, value)| report.give(&name, value));
    }
    report
}

fn create_table(found: &Value) -> Table {
    let head = [
        "accounts",
        "wall",
        "accounts/s",
        "CPU each",
        "written each",
        "file",
        "file each",
        "peak memory",
    ];
    let mut table = Table::new("Accounts made by import", &head);
    let figure = |at: &str, show: fn(f64) -> String| shown(number(found, at), show);
    table.row([
        figure("/create/accounts", tally),
        figure("/create/wall_seconds", time),
        figure("/create/accounts_per_second", tally),
        figure("/create/cpu_seconds_per_account", time),
        figure("/create/written_bytes_per_account", size),
        figure("/file_bytes", size),
        figure("/file_bytes_per_account", size),
        figure("/create/peak_bytes", size),
    ]);
    table
}

fn open_table(found: &Value) -> Table {
    let mut table = Table::new("Opening the store", &["", "median", "min", "max", "peak memory"]);
    for (name, at) in [("after a kill", "open_killed"), ("after a clean close", "open_clean")] {
        let figure = |field: &str, show: fn(f64) -> String| {
            shown(number(found, &format!("/{at}/{field}")), show)
        };
        table.row([
            name.to_owned(),
            figure("wall_seconds/median", time),
            figure("wall_seconds/min", time),
            figure("wall_seconds/max", time),
            figure("peak_bytes", size),
        ]);
    }
    table
}

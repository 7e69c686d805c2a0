use crate::cli::answer::Answer;
use crate::cli::bench::common_args::CommonArgs;
use crate::cli::bench::data::repository::{BlockOrder, Repository};
use crate::cli::bench::jobs::accounts::AccountsCreated;
use crate::cli::bench::measure::child;
use crate::cli::bench::measure::figures::{Spread, float, shown, size, tally, time};
use crate::cli::bench::measure::machine::Machine;
use crate::cli::bench::measure::scratch::Scratch;
use crate::cli::bench::measure::step::step;
use crate::cli::bench::measure::usage::Usage;
use crate::cli::bench::report::deliver::check_target;
use crate::cli::bench::report::latency::{latency_chart, latency_table};
use crate::cli::bench::report::report::{BenchReport, Table};
use crate::cli::failure::Failure;
use clap::Args;
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;

#[derive(Debug, Args)]
pub(in crate::cli) struct AccountsBenchArgs {
    /// Number of accounts
    #[arg(long, value_name = "A", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    accounts: u64,
    /// Records per account
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
    check_target(args.common.html.as_deref(), &[])?;
    let scratch = Scratch::new(args.common.dir.as_deref())?;
    let machine = Machine::here(scratch.path());
    step("generate", 0, 0);
    write_cars(&scratch, args)?;
    step("import", 0, 0);
    let found = measure(&scratch, args)?;
    scratch.close()?;
    report(machine, args, &found)?.deliver(&args.common)
}

/// Writes all repositories into one file, each prefixed by its length.
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

/// What was found.
#[derive(Serialize)]
struct AccountsFound {
    create: AccountsCreated,
    file_bytes: u64,
    file_bytes_per_account: f64,
    open_killed: Openings,
    open_clean: Openings,
}

/// What it took to open a store, some times.
#[derive(Serialize)]
struct Openings {
    wall_seconds: Option<Spread>,
    /// The most of any.
    peak_bytes: Option<u64>,
}

fn measure(scratch: &Scratch, args: &AccountsBenchArgs) -> Result<AccountsFound, Failure> {
    let (cars, store) = (scratch.file(CARS), scratch.file(STORE));
    let job = [OsString::from("accounts"), cars.into(), store.clone().into()];
    let callers = [OsString::from("--callers"), args.callers.to_string().into()];
    // Killed with its store open, as a crash would leave it.
    let create = child::run_and_kill(job.iter().chain(&callers))?;
    let open_killed = open_killed(scratch)?;
    let open_clean = open(&store, || Ok(()))?;
    let metadata = std::fs::metadata(&store);
    let metadata = metadata
        .map_err(|error| Failure::io(format_args!("reading {}", store.display()), &error))?;
    let file_bytes = metadata.len();
    let file_bytes_per_account = float(file_bytes) / float(args.accounts);
    Ok(AccountsFound { create, file_bytes, file_bytes_per_account, open_killed, open_clean })
}

/// Opens copies of what a killed process left, and closes the store itself cleanly at the end.
fn open_killed(scratch: &Scratch) -> Result<Openings, Failure> {
    let killed = scratch.file(KILLED);
    let opened = open(&killed, || scratch.copy(STORE, KILLED))?;
    scratch.remove(KILLED)?;
    open_once(&scratch.file(STORE))?;
    Ok(opened)
}

/// Opens a store some times, each time in a new process.
fn open(
    store: &Path,
    mut before: impl FnMut() -> Result<(), Failure>,
) -> Result<Openings, Failure> {
    let mut runs = Vec::new();
    for run in 1..=OPENINGS {
        step("open", run, OPENINGS);
        before()?;
        runs.push(open_once(store)?);
    }
    Ok(Openings {
        wall_seconds: Spread::of(runs.iter().map(|run| run.wall_seconds).collect()),
        peak_bytes: runs.iter().filter_map(|run| run.peak_bytes).max(),
    })
}

fn open_once(store: &Path) -> Result<Usage, Failure> {
    child::run([OsStr::new("open"), store.as_os_str()])
}

#[derive(Serialize)]
struct AccountsSettings {
    accounts: u64,
    records: u64,
    callers: u64,
}

fn report(
    machine: Machine,
    args: &AccountsBenchArgs,
    found: &AccountsFound,
) -> Result<BenchReport, Failure> {
    let settings =
        AccountsSettings { accounts: args.accounts, records: args.records, callers: args.callers };
    let mut report = BenchReport::new("accounts", machine, &settings, found)?;
    let latency = &found.create.latency;
    report.tables =
        vec![create_table(found), latency_table([("one import", latency)]), open_table(found)];
    report.charts = vec![latency_chart("Time of one import", latency)];
    report.notes = vec![
        "each account is imported by itself: verified, and on disk when its caller goes on"
            .to_owned(),
        "the file has room for what comes: bytes of an account on disk are the file's, divided"
            .to_owned(),
        "the process that imported was killed with its store open; what it left was copied and \
         opened, and after a clean close opened again"
            .to_owned(),
    ];
    Ok(report)
}

fn create_table(found: &AccountsFound) -> Table {
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
    let create = &found.create;
    table.row([
        tally(float(create.accounts)),
        time(create.usage.wall_seconds),
        tally(create.accounts_per_second),
        shown(create.cpu_seconds_per_account, time),
        shown(create.written_bytes_per_account, size),
        size(float(found.file_bytes)),
        size(found.file_bytes_per_account),
        shown(create.usage.peak_bytes.map(float), size),
    ]);
    table
}

fn open_table(found: &AccountsFound) -> Table {
    let mut table = Table::new("Opening the store", &["", "median", "min", "max", "peak memory"]);
    let rows = [("after a kill", &found.open_killed), ("after a clean close", &found.open_clean)];
    for (name, opened) in rows {
        let wall = |of: fn(Spread) -> f64| shown(opened.wall_seconds.map(of), time);
        table.row([
            name.to_owned(),
            wall(|wall| wall.median),
            wall(|wall| wall.min),
            wall(|wall| wall.max),
            shown(opened.peak_bytes.map(float), size),
        ]);
    }
    table
}

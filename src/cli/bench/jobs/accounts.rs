//! Imports of many small accounts into a new store, measured.

use crate::cli::answer::Answer;
use crate::cli::bench::data::fill::import_options;
use crate::cli::bench::measure::latency::Latencies;
use crate::cli::bench::measure::threads::together;
use crate::cli::bench::measure::usage::Usage;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::store;
use carrack::engine::{Engine, ImportOptions};
use carrack::parts::sources::{self, StreamSource};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(in crate::cli) struct AccountsJob {
    cars: PathBuf,
    store: PathBuf,
    #[arg(long)]
    callers: u64,
}

/// What the imports took.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct AccountsCreated {
    #[serde(flatten)]
    pub(in crate::cli) usage: Usage,
    pub(in crate::cli) accounts: u64,
    pub(in crate::cli) accounts_per_second: f64,
    pub(in crate::cli) cpu_seconds_per_account: Option<f64>,
    pub(in crate::cli) written_bytes_per_account: Option<f64>,
    /// Of one import.
    pub(in crate::cli) latency: Latencies,
}

/// Answers, and then waits to be killed with its store open.
pub(in crate::cli) fn run(job: &AccountsJob) -> Result<Answer, Failure> {
    let engine = store::existing_or_new(&job.store)?;
    let failed = |error| Failure::io(format_args!("reading {}", job.cars.display()), &error);
    let cars = Cars(Mutex::new(BufReader::new(File::open(&job.cars).map_err(failed)?)));
    let options = import_options()?;
    let work = (0..job.callers).map(|_| || import_all(&engine, &cars, &options)).collect();
    let (latencies, usage) = together(work)?;
    Output::new().json(&AccountsCreated::of(usage, &latencies.concat()))?;
    // It ends with the process that started it, if that does not kill it.
    let _ = std::io::stdin().read(&mut [0]);
    Ok(Answer::Yes)
}

/// Imports one after another until none is left, and gives how long each took.
fn import_all(
    engine: &Engine,
    cars: &Cars,
    options: &ImportOptions,
) -> carrack::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    while let Some(car) = cars.next()? {
        let start = Instant::now();
        sources::import(engine, &mut StreamSource::new(&car[..])?, options)?;
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}

/// Repositories in one file, each behind its length.
struct Cars(Mutex<BufReader<File>>);

impl Cars {
    fn next(&self) -> carrack::Result<Option<Vec<u8>>> {
        let failed =
            |source| carrack::Error::Io { doing: "reading the repositories".to_owned(), source };
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut length = [0; 8];
        match file.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read.map_err(failed)?,
        }
        let length = usize::try_from(u64::from_be_bytes(length)).unwrap_or_default();
        let mut car = vec![0; length];
        file.read_exact(&mut car).map_err(failed)?;
        Ok(Some(car))
    }
}

impl AccountsCreated {
    fn of(usage: Usage, latencies: &[Duration]) -> Self {
        let accounts = latencies.len() as u64;
        Self {
            usage,
            accounts,
            accounts_per_second: usage.rate(accounts),
            cpu_seconds_per_account: usage.cpu_of_each(accounts),
            written_bytes_per_account: usage.written_of_each(accounts),
            latency: Latencies::of(latencies),
        }
    }
}

//! Imports of many small accounts into a new store, measured.

use crate::cli::answer::Answer;
use crate::cli::bench::data::fill::import_options;
use crate::cli::bench::measure::figures::float;
use crate::cli::bench::measure::latency::Latencies;
use crate::cli::bench::measure::threads::together;
use crate::cli::bench::measure::usage::Usage;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::store;
use carrack::engine::{Engine, ImportOptions};
use carrack::verify::StreamSource;
use clap::Args;
use serde_json::{Map, Value};
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

/// Answers, and then waits to be killed with its store open.
pub(in crate::cli) fn run(job: &AccountsJob) -> Result<Answer, Failure> {
    let engine = store::existing_or_new(&job.store)?;
    let failed = |error| Failure::io(format_args!("reading {}", job.cars.display()), &error);
    let cars = Cars(Mutex::new(BufReader::new(File::open(&job.cars).map_err(failed)?)));
    let options = import_options()?;
    let work = (0..job.callers).map(|_| || import_all(&engine, &cars, &options)).collect();
    let (latencies, usage) = together(work)?;
    Output::new().json(&Value::Object(measured(usage, &latencies.concat())))?;
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
        engine.import_supply(&mut StreamSource::new(&car[..])?, options)?;
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

fn measured(usage: Usage, latencies: &[Duration]) -> Map<String, Value> {
    let accounts = latencies.len() as u64;
    let mut found = usage.of_many(accounts, "accounts");
    let cpu = usage.cpu.map(|cpu| cpu.as_secs_f64() / float(accounts));
    found.insert("cpu_seconds_per_account".to_owned(), cpu.into());
    let written = usage.written_bytes.map(|bytes| float(bytes) / float(accounts));
    found.insert("written_bytes_per_account".to_owned(), written.into());
    found.insert("latency".to_owned(), Latencies::of(latencies).to_json());
    found
}

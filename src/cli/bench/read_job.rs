//! Reads of one account, measured.

use super::figures::float;
use super::latency::Latencies;
use super::records::{Dice, Records};
use super::threads::together;
use super::usage::Usage;
use crate::cli::failure::Failure;
use crate::cli::store;
use carrack::engine::{Engine, List};
use carrack::ident::{Did, RepoPath};
use clap::Args;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(super) struct ReadJob {
    store: PathBuf,
    #[arg(long)]
    records: u64,
    #[arg(long)]
    threads: u64,
    #[arg(long)]
    reads: u64,
}

/// Records of a page of a listing.
const PAGE: usize = 10_000;

pub(super) fn run(job: &ReadJob) -> Result<Map<String, Value>, Failure> {
    let engine = store::existing(&job.store)?;
    let records = Records::of(0);
    let reading = Reading { job, engine: &engine, records, did: &records.did()? };
    // So that all that follows finds its pages in memory.
    reading.list()?;
    let mut found = Map::new();
    found.insert("present".to_owned(), reading.measure_paths(true)?);
    found.insert("absent".to_owned(), reading.measure_paths(false)?);
    found.insert("list".to_owned(), reading.measure_listings()?);
    Ok(found)
}

/// What the threads share.
struct Reading<'a> {
    job: &'a ReadJob,
    engine: &'a Engine,
    records: Records,
    did: &'a Did,
}

impl Reading<'_> {
    /// Reads at random paths, of which all are there or none.
    fn measure_paths(&self, present: bool) -> Result<Value, Failure> {
        let mut work = Vec::new();
        for thread in 0..self.job.threads {
            let (each, rest) =
                (self.job.reads / self.job.threads, self.job.reads % self.job.threads);
            let mut dice = Dice(thread);
            let paths = (0..each + u64::from(thread < rest)).map(|_| {
                let number = dice.roll(self.job.records);
                let path = if present { Records::path } else { Records::absent_path };
                path(self.records, number)?.parse()
            });
            let paths = paths.collect::<carrack::Result<Vec<RepoPath>>>()?;
            work.push(move || {
                paths
                    .iter()
                    .map(|path| self.read(path, present))
                    .collect::<carrack::Result<Vec<_>>>()
            });
        }
        let (latencies, usage) = together(work)?;
        let latencies = latencies.concat();
        let mut found = measured(usage, latencies.len() as u64);
        found.insert("latency".to_owned(), Latencies::of(latencies).to_json());
        Ok(Value::Object(found))
    }

    fn measure_listings(&self) -> Result<Value, Failure> {
        let work = (0..self.job.threads).map(|_| || self.list()).collect();
        let (counts, usage) = together(work)?;
        Ok(Value::Object(measured(usage, counts.iter().sum())))
    }

    fn read(&self, path: &RepoPath, present: bool) -> carrack::Result<Duration> {
        let start = Instant::now();
        let record = self.engine.snapshot(self.did)?.record(path)?;
        let took = start.elapsed();
        if record.is_some() == present {
            return Ok(took);
        }
        let told = if present { "is not there" } else { "is there" };
        Err(carrack::Error::Corrupt(format!("{path} {told}")))
    }

    /// Lists all records, a page at a time, and gives their number.
    fn list(&self) -> carrack::Result<u64> {
        let mut listed = 0;
        let mut list = List::default();
        loop {
            let snapshot = self.engine.snapshot(self.did)?;
            let mut last = None;
            for record in snapshot.list(&list)?.take(PAGE) {
                last = Some(record?.path);
                listed += 1;
            }
            match last {
                None => return Ok(listed),
                last => list.cursor = last,
            }
        }
    }
}

fn measured(usage: Usage, records: u64) -> Map<String, Value> {
    let mut found = usage.of_many(records, "records");
    let each = usage.cpu.map(|cpu| cpu.as_secs_f64() / float(records));
    found.insert("cpu_seconds_per_record".to_owned(), each.into());
    found
}

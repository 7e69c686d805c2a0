//! Reads of one account, measured.

use crate::cli::bench::data::records::GeneratedRecords;
use crate::cli::bench::data::rng::Rng;
use crate::cli::bench::measure::latency::Latencies;
use crate::cli::bench::measure::threads::together;
use crate::cli::bench::measure::usage::Usage;
use crate::cli::failure::Failure;
use crate::cli::store;
use carrack::engine::{Engine, List, Snapshot};
use carrack::ident::{Did, RepoPath};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(in crate::cli) struct ReadJob {
    store: PathBuf,
    #[arg(long)]
    records: u64,
    #[arg(long)]
    threads: u64,
    #[arg(long)]
    reads: u64,
    /// In MiB.
    #[arg(long)]
    cache: u64,
}

/// What was read, each as often as was asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct ReadFound {
    pub(in crate::cli) present: Reads,
    pub(in crate::cli) absent: Reads,
    pub(in crate::cli) list: Reads,
    pub(in crate::cli) entries: Reads,
}

/// What reads of one kind took.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Reads {
    #[serde(flatten)]
    pub(in crate::cli) usage: Usage,
    pub(in crate::cli) records: u64,
    pub(in crate::cli) records_per_second: f64,
    pub(in crate::cli) cpu_seconds_per_record: Option<f64>,
    /// Of single reads, where they are timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) latency: Option<Latencies>,
}

/// Records of a page of a listing.
const PAGE: usize = 10_000;

pub(in crate::cli) fn run(job: &ReadJob) -> Result<ReadFound, Failure> {
    let cache = usize::try_from(job.cache << 20).unwrap_or(usize::MAX);
    let engine = store::existing_with_cache(&job.store, cache)?;
    let records = GeneratedRecords::of(0);
    let load = ReadLoad { job, engine: &engine, records, did: &records.did()? };
    // So that all that follows finds its pages in memory.
    load.list()?;
    Ok(ReadFound {
        present: load.measure_paths(true)?,
        absent: load.measure_paths(false)?,
        list: load.measure_listings(ReadLoad::list)?,
        entries: load.measure_listings(ReadLoad::entries)?,
    })
}

/// What the threads share.
struct ReadLoad<'a> {
    job: &'a ReadJob,
    engine: &'a Engine,
    records: GeneratedRecords,
    did: &'a Did,
}

impl ReadLoad<'_> {
    /// Reads at random paths, of which all are there or none.
    fn measure_paths(&self, present: bool) -> Result<Reads, Failure> {
        let mut work = Vec::new();
        for thread in 0..self.job.threads {
            let (each, rest) =
                (self.job.reads / self.job.threads, self.job.reads % self.job.threads);
            let mut rng = Rng::new(thread);
            let paths = (0..each + u64::from(thread < rest)).map(|_| {
                let number = rng.below(self.job.records);
                let path =
                    if present { GeneratedRecords::path } else { GeneratedRecords::absent_path };
                Ok(path(self.records, number)?.parse()?)
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
        Ok(Reads::of(usage, latencies.len() as u64, Some(Latencies::of(&latencies))))
    }

    fn measure_listings(
        &self,
        list: impl Fn(&Self) -> carrack::Result<u64> + Copy + Send,
    ) -> Result<Reads, Failure> {
        let work = (0..self.job.threads).map(|_| move || list(self)).collect();
        let (counts, usage) = together(work)?;
        Ok(Reads::of(usage, counts.iter().sum(), None))
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
        self.by_pages(|snapshot, list, listed| {
            let mut last = None;
            for record in snapshot.list(list)?.take(PAGE) {
                last = Some(record?.path);
                *listed += 1;
            }
            Ok(last)
        })
    }

    /// The same for paths and CIDs alone.
    fn entries(&self) -> carrack::Result<u64> {
        self.by_pages(|snapshot, list, listed| {
            let mut last = None;
            for entry in snapshot.entries(list)?.take(PAGE) {
                last = Some(entry?.0);
                *listed += 1;
            }
            Ok(last.map(|path| RepoPath::from_bytes(path.as_bytes())).transpose()?)
        })
    }

    /// Requests pages, each after the last path of the one before, until there are no more.
    fn by_pages(
        &self,
        page: impl Fn(&Snapshot, &List, &mut u64) -> carrack::Result<Option<RepoPath>>,
    ) -> carrack::Result<u64> {
        let mut listed = 0;
        let mut list = List::default();
        loop {
            match page(&self.engine.snapshot(self.did)?, &list, &mut listed)? {
                None => return Ok(listed),
                last => list.cursor = last,
            }
        }
    }
}

impl Reads {
    fn of(usage: Usage, records: u64, latency: Option<Latencies>) -> Self {
        Self {
            usage,
            records,
            records_per_second: usage.rate(records),
            cpu_seconds_per_record: usage.cpu_of_each(records),
            latency,
        }
    }
}

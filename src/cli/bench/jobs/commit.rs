//! Commits by many threads, measured; then again beside an import.

use crate::cli::bench::data::fill::import_options;
use crate::cli::bench::data::records::GeneratedRecords;
use crate::cli::bench::data::repository::signing_key;
use crate::cli::bench::data::rng::Rng;
use crate::cli::bench::measure::figures::rate;
use crate::cli::bench::measure::latency::Latencies;
use crate::cli::bench::measure::threads::together;
use crate::cli::bench::measure::usage::Usage;
use crate::cli::failure::Failure;
use crate::cli::store;
use carrack::Engine;
use carrack::engine::{Op, Record, WriteOptions};
use carrack::error::Entity;
use carrack::ident::Did;
use carrack::key::SigningKey;
use carrack::verify::Input;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(in crate::cli) struct CommitJob {
    store: PathBuf,
    #[arg(long)]
    records: u64,
    #[arg(long)]
    callers: u64,
    #[arg(long)]
    accounts: u64,
    #[arg(long)]
    commits: u64,
    #[arg(long)]
    import: Option<PathBuf>,
}

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct CommitFound {
    pub(in crate::cli) alone: CommitsAlone,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) during_import: Option<CommitsBesideImport>,
}

/// What commits took.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct CommitRun {
    #[serde(flatten)]
    pub(in crate::cli) usage: Usage,
    pub(in crate::cli) commits: u64,
    pub(in crate::cli) commits_per_second: f64,
    pub(in crate::cli) latency: Latencies,
}

/// What commits took, and nothing else.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct CommitsAlone {
    #[serde(flatten)]
    pub(in crate::cli) commits: CommitRun,
    pub(in crate::cli) cpu_seconds_per_commit: Option<f64>,
    pub(in crate::cli) written_bytes_per_commit: Option<f64>,
}

/// What commits took while an account was imported and another one read.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct CommitsBesideImport {
    #[serde(flatten)]
    pub(in crate::cli) commits: CommitRun,
    pub(in crate::cli) reads: TimedReads,
    pub(in crate::cli) import: Option<TimedImport>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct TimedReads {
    pub(in crate::cli) latency: Latencies,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct TimedImport {
    pub(in crate::cli) records: u64,
    pub(in crate::cli) wall_seconds: f64,
    pub(in crate::cli) records_per_second: f64,
}

/// Between two reads beside an import.
const READ_PAUSE: Duration = Duration::from_millis(1);

pub(in crate::cli) fn run(job: &CommitJob) -> Result<CommitFound, Failure> {
    let engine = store::existing(&job.store)?;
    let key = signing_key()?;
    let names = (0..job.accounts).map(|seed| GeneratedRecords::of(seed).did());
    let names = names.collect::<carrack::Result<Vec<_>>>()?;
    let load = CommitLoad { job, engine: &engine, key: &key, names: &names };
    let alone = load.alone()?;
    let during_import = match &job.import {
        None => None,
        Some(file) => Some(load.during_import(&Input::open(file)?)?),
    };
    Ok(CommitFound { alone, during_import })
}

/// What the threads share.
struct CommitLoad<'a> {
    job: &'a CommitJob,
    engine: &'a Engine,
    key: &'a SigningKey,
    names: &'a [Did],
}

impl CommitLoad<'_> {
    /// Measures commits alone.
    fn alone(&self) -> Result<CommitsAlone, Failure> {
        let mut work = Vec::new();
        for caller in 0..self.job.callers {
            let mine = (0..self.job.commits).skip(place(caller)).step_by(place(self.job.callers));
            let ops = mine.map(|commit| self.op(commit)).collect::<carrack::Result<Vec<_>>>()?;
            work.push(move || {
                ops.into_iter()
                    .map(|(did, op)| self.commit(did, op))
                    .collect::<carrack::Result<Vec<_>>>()
            });
        }
        let (latencies, usage) = together(work)?;
        let latencies = latencies.concat();
        let commits = CommitRun::of(usage, &latencies);
        Ok(CommitsAlone {
            cpu_seconds_per_commit: usage.cpu_of_each(commits.commits),
            written_bytes_per_commit: usage.written_of_each(commits.commits),
            commits,
        })
    }

    /// Commits and reads of other accounts for as long as an import takes.
    fn during_import(&self, input: &Input) -> Result<CommitsBesideImport, Failure> {
        let (over, next) = (AtomicBool::new(false), AtomicU64::new(self.job.commits));
        let (over, next) = (&over, &next);
        let mut work: Vec<Box<dyn FnOnce() -> carrack::Result<ThreadResult> + Send>> = Vec::new();
        work.push(Box::new(move || {
            let start = Instant::now();
            let imported = import_options().and_then(|how| self.engine.import(input, &how));
            over.store(true, Ordering::SeqCst);
            imported.map(|imported| ThreadResult::Import(imported.records, start.elapsed()))
        }));
        work.push(Box::new(move || self.read_until(over).map(ThreadResult::Reads)));
        for _ in 0..self.job.callers {
            work.push(Box::new(move || self.commit_until(over, next).map(ThreadResult::Written)));
        }
        let (watches, usage) = together(work)?;
        let (mut commits, mut timed, mut import) = (Vec::new(), Vec::new(), None);
        for watch in watches {
            match watch {
                ThreadResult::Written(more) => commits.extend(more),
                ThreadResult::Reads(reads) => timed = reads,
                ThreadResult::Import(records, took) => {
                    import = Some(TimedImport::of(records, took));
                }
            }
        }
        let reads = TimedReads { latency: Latencies::of(&timed) };
        Ok(CommitsBesideImport { commits: CommitRun::of(usage, &commits), reads, import })
    }

    fn commit_until(&self, over: &AtomicBool, next: &AtomicU64) -> carrack::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        loop {
            let (did, op) = self.op(next.fetch_add(1, Ordering::SeqCst))?;
            latencies.push(self.commit(did, op)?);
            if over.load(Ordering::SeqCst) {
                return Ok(latencies);
            }
        }
    }

    fn read_until(&self, over: &AtomicBool) -> carrack::Result<Vec<Duration>> {
        let mut rng = Rng::new(1);
        let mut latencies = Vec::new();
        loop {
            latencies.push(self.read(&mut rng)?);
            if over.load(Ordering::SeqCst) {
                return Ok(latencies);
            }
            std::thread::sleep(READ_PAUSE);
        }
    }

    /// Reads one record of one account, by chance.
    fn read(&self, rng: &mut Rng) -> carrack::Result<Duration> {
        let (seed, number) = (rng.below(self.job.accounts), rng.below(self.job.records));
        let path = GeneratedRecords::of(seed).path(number)?.parse()?;
        let did = self.name(seed)?;
        let start = Instant::now();
        let record = self.engine.snapshot(did)?.record(&path)?;
        let took = start.elapsed();
        match record {
            Some(_) => Ok(took),
            None => Err(carrack::Error::NotFound(Entity::Record(path))),
        }
    }

    /// The change that commit number `commit` makes: no two are to the same record.
    fn op(&self, commit: u64) -> carrack::Result<(&Did, Op)> {
        let seed = account_of(commit, self.job.callers, self.job.accounts);
        let number = self.job.records + commit;
        let records = GeneratedRecords::of(seed);
        let op = Op::create(
            records.path(number)?.parse()?,
            Record::from_dag_cbor(records.bytes(number))?,
        );
        Ok((self.name(seed)?, op))
    }

    fn commit(&self, did: &Did, op: Op) -> carrack::Result<Duration> {
        let start = Instant::now();
        self.engine.write(did, vec![op], &WriteOptions::default(), self.key)?;
        Ok(start.elapsed())
    }

    fn name(&self, seed: u64) -> carrack::Result<&Did> {
        self.names
            .get(place(seed))
            .ok_or_else(|| carrack::Error::Request("no account of this number".to_owned()))
    }
}

/// What a thread beside an import comes back with.
enum ThreadResult {
    Written(Vec<Duration>),
    Reads(Vec<Duration>),
    Import(u64, Duration),
}

/// The account that a commit goes to. A caller takes every commit whose number leaves its own when
/// divided by the number of callers, and has accounts of its own if there are enough.
fn account_of(commit: u64, callers: u64, accounts: u64) -> u64 {
    let (caller, turn) = (commit % callers, commit / callers);
    if accounts < callers {
        return caller % accounts;
    }
    let owned = accounts / callers + u64::from(caller < accounts % callers);
    caller + callers * (turn % owned)
}

impl CommitRun {
    fn of(usage: Usage, latencies: &[Duration]) -> Self {
        let commits = latencies.len() as u64;
        let (commits_per_second, latency) = (usage.rate(commits), Latencies::of(latencies));
        Self { usage, commits, commits_per_second, latency }
    }
}

impl TimedImport {
    fn of(records: u64, took: Duration) -> Self {
        let wall_seconds = took.as_secs_f64();
        Self { records, wall_seconds, records_per_second: rate(records, wall_seconds) }
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_have_accounts_of_their_own_if_there_are_enough() {
        for (callers, accounts) in [(4, 4), (4, 10), (3, 7), (1, 5)] {
            let mut owner = std::collections::BTreeMap::new();
            for commit in 0..200 {
                let caller =
                    *owner.entry(account_of(commit, callers, accounts)).or_insert(commit % callers);
                assert_eq!(caller, commit % callers);
            }
            assert_eq!(owner.len() as u64, accounts);
            assert!(owner.keys().all(|account| *account < accounts));
        }
        assert!((0..100).all(|commit| account_of(commit, 8, 3) < 3));
    }
}

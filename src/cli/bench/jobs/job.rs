//! The other side of [`crate::cli::bench::measure::child`]: a hidden command that does one thing, measures it, and
//! answers with a line of JSON.

use crate::cli::answer::Answer;
use crate::cli::bench::jobs::accounts::{self, AccountsJob};
use crate::cli::bench::jobs::commit::{self, CommitJob};
use crate::cli::bench::jobs::read::{self, ReadJob};
use crate::cli::bench::jobs::transfer::{self, CarJob, ExportJob, MigrateJob};
use crate::cli::bench::jobs::yardstick::{self, CopyJob};
use crate::cli::bench::measure::usage::{Meter, Usage};
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::store;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct JobArgs {
    #[command(subcommand)]
    job: BenchJob,
}

#[derive(Debug, Subcommand)]
enum BenchJob {
    Hash { file: PathBuf },
    Copy(CopyJob),
    Flush { file: PathBuf },
    Verify(CarJob),
    Import(CarJob),
    Export(ExportJob),
    Migrate(MigrateJob),
    Commit(CommitJob),
    Read(ReadJob),
    Accounts(AccountsJob),
    Open { store: PathBuf },
}

pub(in crate::cli) fn run(args: &JobArgs) -> Result<Answer, Failure> {
    match &args.job {
        BenchJob::Hash { file } => answer(&yardstick::hash(file)?),
        BenchJob::Copy(job) => answer(&yardstick::copy(job)?),
        BenchJob::Flush { file } => answer(&yardstick::flush(file)?),
        BenchJob::Verify(job) => answer(&transfer::verify(job)?),
        BenchJob::Import(job) => answer(&transfer::import(job)?),
        BenchJob::Export(job) => answer(&transfer::export(job)?),
        BenchJob::Migrate(job) => answer(&transfer::migrate(job)?),
        BenchJob::Commit(job) => answer(&commit::run(job)?),
        BenchJob::Read(job) => answer(&read::run(job)?),
        // It stays, with its store open.
        BenchJob::Accounts(job) => accounts::run(job),
        BenchJob::Open { store } => answer(&open(store)?),
    }
}

fn open(store: &Path) -> Result<Usage, Failure> {
    let meter = Meter::start();
    let engine = store::existing(store)?;
    let usage = meter.stop();
    drop(engine);
    Ok(usage)
}

fn answer(found: &impl Serialize) -> Result<Answer, Failure> {
    Output::new().json(found)?;
    Ok(Answer::Yes)
}

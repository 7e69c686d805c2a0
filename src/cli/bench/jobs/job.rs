//! The other side of [`crate::cli::bench::measure::child`]: a hidden command that does one thing, measures it, and
//! answers with a line of JSON.

use crate::cli::answer::Answer;
use crate::cli::bench::jobs::accounts::{self, AccountsJob};
use crate::cli::bench::jobs::commit::{self, CommitJob};
use crate::cli::bench::jobs::read::{self, ReadJob};
use crate::cli::bench::jobs::transfer::{self, CarJob, ExportJob, MigrateJob};
use crate::cli::bench::jobs::yardstick::{self, CopyJob};
use crate::cli::bench::measure::usage::Meter;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::store;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::path::PathBuf;

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
    let answer = match &args.job {
        BenchJob::Hash { file } => yardstick::hash(file)?,
        BenchJob::Copy(job) => yardstick::copy(job)?,
        BenchJob::Flush { file } => yardstick::flush(file)?,
        BenchJob::Verify(job) => transfer::verify(job)?,
        BenchJob::Import(job) => transfer::import(job)?,
        BenchJob::Export(job) => transfer::export(job)?,
        BenchJob::Migrate(job) => transfer::migrate(job)?,
        BenchJob::Commit(job) => commit::run(job)?,
        BenchJob::Read(job) => read::run(job)?,
        BenchJob::Open { store } => {
            let meter = Meter::start();
            let engine = store::existing(store)?;
            let usage = meter.stop();
            drop(engine);
            usage.to_json()
        }
        // It stays, with its store open.
        BenchJob::Accounts(job) => return accounts::run(job),
    };
    Output::new().json(&Value::Object(answer))?;
    Ok(Answer::Yes)
}

//! The other side of [`crate::cli::bench::child`]: a hidden command that does one thing, measures it, and
//! answers with a line of JSON.

use crate::cli::answer::Output;
use crate::cli::bench::accounts_job::{self, AccountsJob};
use crate::cli::bench::commit_job::{self, CommitJob};
use crate::cli::bench::read_job::{self, ReadJob};
use crate::cli::bench::transfer_job::{self, CarJob, ExportJob, MigrateJob};
use crate::cli::bench::usage::Meter;
use crate::cli::bench::yardstick::{self, CopyJob};
use crate::cli::failure::Failure;
use crate::cli::run::Answer;
use crate::cli::store;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct JobArgs {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
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
        Job::Hash { file } => yardstick::hash(file)?,
        Job::Copy(job) => yardstick::copy(job)?,
        Job::Flush { file } => yardstick::flush(file)?,
        Job::Verify(job) => transfer_job::verify(job)?,
        Job::Import(job) => transfer_job::import(job)?,
        Job::Export(job) => transfer_job::export(job)?,
        Job::Migrate(job) => transfer_job::migrate(job)?,
        Job::Commit(job) => commit_job::run(job)?,
        Job::Read(job) => read_job::run(job)?,
        Job::Open { store } => {
            let meter = Meter::start();
            let engine = store::existing(store)?;
            let usage = meter.stop();
            drop(engine);
            usage.to_json()
        }
        // It stays, with its store open.
        Job::Accounts(job) => return accounts_job::run(job),
    };
    answer_with(answer)?;
    Ok(Answer::Yes)
}

/// Gives an answer to the process that waits for it.
pub(in crate::cli) fn answer_with(answer: Map<String, Value>) -> Result<(), Failure> {
    Output::new().json(&Value::Object(answer))
}

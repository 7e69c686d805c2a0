use crate::cli::bench::accounts::{self, AccountsBenchArgs};
use crate::cli::bench::commit::{self, CommitBenchArgs};
use crate::cli::bench::job::{self, JobArgs};
use crate::cli::bench::read::{self, ReadBenchArgs};
use crate::cli::bench::transfer::{self, TransferArgs};
use crate::cli::failure::Failure;
use crate::cli::run::Answer;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Import, export, verify and migrate a generated repository, or your own
    Transfer(TransferArgs),
    /// Durable commits of one record each, by many callers
    Commit(CommitBenchArgs),
    /// Records by path, absent ones too, and listings
    Read(ReadBenchArgs),
    /// Many small accounts in one store, and how long it takes to open
    Accounts(AccountsBenchArgs),
    #[command(hide = true)]
    Job(JobArgs),
}

/// What all measurements can be told.
#[derive(Debug, Args)]
pub(in crate::cli) struct Common {
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Also write a page with tables and charts that needs nothing beside it
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) html: Option<PathBuf>,
    /// Where the stores go while it runs: a folder on the disk that is to be measured
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) dir: Option<PathBuf>,
}

impl BenchArgs {
    /// Whether an answer is due as JSON.
    pub(in crate::cli) fn json(&self) -> bool {
        match &self.what {
            What::Transfer(args) => args.common.json,
            What::Commit(args) => args.common.json,
            What::Read(args) => args.common.json,
            What::Accounts(args) => args.common.json,
            What::Job(_) => false,
        }
    }
}

pub(in crate::cli) fn run(args: &BenchArgs) -> Result<Answer, Failure> {
    match &args.what {
        What::Transfer(args) => transfer::run(args),
        What::Commit(args) => commit::run(args),
        What::Read(args) => read::run(args),
        What::Accounts(args) => accounts::run(args),
        What::Job(args) => job::run(args),
    }
}

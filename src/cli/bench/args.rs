use crate::cli::answer::Answer;
use crate::cli::bench::accounts::{self, AccountsBenchArgs};
use crate::cli::bench::commit::{self, CommitBenchArgs};
use crate::cli::bench::jobs::job::{self, JobArgs};
use crate::cli::bench::read::{self, ReadBenchArgs};
use crate::cli::bench::transfer::{self, TransferArgs};
use crate::cli::failure::Failure;
use clap::{Args, Subcommand};

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
    /// Reads by path, of present and absent records, and listings
    Read(ReadBenchArgs),
    /// Imports of many small accounts into one store, and the time to open it
    Accounts(AccountsBenchArgs),
    #[command(hide = true)]
    Job(JobArgs),
}

impl BenchArgs {
    /// Whether the command prints JSON.
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

use super::failure::{Failure, tell};
use super::run::Answer;
use super::store;
use super::target::write_to;
use carrack::ident::{Did, RepoPath};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ProofArgs {
    store: PathBuf,
    did: Did,
    /// Collection and record key
    path: RepoPath,
    /// The CAR to write; the standard output if it is `-` or not given
    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &ProofArgs) -> Result<Answer, Failure> {
    let engine = store::existing(&args.store)?;
    let snapshot = engine.snapshot(&args.did)?;
    let present = write_to(args.output.as_deref(), |output| snapshot.proof(&args.path, output))?;
    let what = if present { "present" } else { "absent" };
    tell(format_args!("proves {} {what} at revision {}", args.path, snapshot.rev()));
    Ok(Answer::Yes)
}

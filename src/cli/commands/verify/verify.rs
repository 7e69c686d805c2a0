use crate::cli::answer::Answer;
use crate::cli::commands::verify::collection::verify_collection_proof;
use crate::cli::commands::verify::record::verify_record_proof;
use crate::cli::commands::verify::whole::verify_repository;
use crate::cli::failure::Failure;
use crate::cli::keys::KeySources;
use carrack::ident::{Nsid, RepoPath};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    keys: KeySources,
    /// Verify FILE as a proof that PATH is present or absent
    #[arg(long, value_name = "PATH")]
    proof: Option<RepoPath>,
    /// Verify FILE as a proof of all records of the collection NSID
    #[arg(long, value_name = "NSID", conflicts_with = "proof")]
    proof_collection: Option<Nsid>,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// A repository as a CAR; `-` is standard input
    file: PathBuf,
}

pub(in crate::cli) fn run(args: &VerifyArgs) -> Result<Answer, Failure> {
    args.keys.check_standard_input(&args.file)?;
    let keys = args.keys.read()?;
    match (&args.proof, &args.proof_collection) {
        (Some(path), _) => verify_record_proof(&args.file, path, &keys, args.json),
        (None, Some(collection)) => {
            verify_collection_proof(&args.file, collection, &keys, args.json)
        }
        (None, None) => verify_repository(&args.file, &keys, args.json),
    }
}

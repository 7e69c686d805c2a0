use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output_file::{check_output, write_to};
use crate::cli::io::stderr::note;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::things;
use carrack::engine::Snapshot;
use carrack::ident::{Did, Nsid, RepoPath};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct ProofArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The account
    did: Did,
    /// The record: its collection and record key, as in `app.bsky.feed.post/3jzfcijpj2z2a`
    #[arg(required_unless_present = "collection")]
    path: Option<RepoPath>,
    /// Prove all records of this collection, instead of one path
    #[arg(long, value_name = "NSID", conflicts_with = "path")]
    collection: Option<Nsid>,
    /// The CAR to write; `-` (the default) is standard output
    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &ProofArgs) -> Result<Answer, Failure> {
    check_output(args.output.as_deref(), &[args.store.path()])?;
    let engine = store::reading(&args.store)?;
    let snapshot = engine.snapshot(&args.did)?;
    let output = args.output.as_deref();
    let proven = match (&args.path, &args.collection) {
        (Some(path), _) => prove_path(&snapshot, path, output)?,
        (None, Some(collection)) => prove_collection(&snapshot, collection, output)?,
        (None, None) => return Err(Failure::unusable("give a PATH or --collection")),
    };
    note(format_args!("proves {proven} at revision {}", snapshot.rev()));
    Ok(Answer::Yes)
}

fn prove_path(
    snapshot: &Snapshot,
    path: &RepoPath,
    output: Option<&Path>,
) -> Result<String, Failure> {
    let present = write_to(output, |output| snapshot.proof(path, output))?;
    Ok(format!("{path} {}", if present { "present" } else { "absent" }))
}

fn prove_collection(
    snapshot: &Snapshot,
    collection: &Nsid,
    output: Option<&Path>,
) -> Result<String, Failure> {
    let records = write_to(output, |output| snapshot.prove_collection(collection, output))?;
    Ok(format!("that {collection} has {}", things(records, "record")))
}

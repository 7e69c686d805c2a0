use crate::cli::answer::Answer;
use crate::cli::archive_file::{about, open_checked, refuse_keys};
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::output_file::{check_output, is_standard_output, write_to};
use crate::cli::io::stderr::note;
use crate::cli::keys::KeySources;
use crate::cli::repository::{Place, RepositoryArgs, Selection};
use crate::cli::selector::{Selector, Within};
use crate::cli::text::{or_dash, things};
use carrack::block::Cid;
use carrack::engine::Snapshot;
use carrack::ident::{Did, Nsid, RepoPath, Rev};
use carrack::verify::Archive;
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(override_usage = "carrack proof [OPTIONS] <FILE> <PATH>\n       \
                            carrack proof [OPTIONS] <STORE> <DID> <PATH>\n       \
                            carrack proof [OPTIONS] <FILE|STORE> [DID] --collection <NSID>")]
pub(in crate::cli) struct ProofArgs {
    #[command(flatten)]
    repository: RepositoryArgs,
    /// The record: collection and record key, after the DID of the account if it is in a STORE; or
    /// an at:// URI, which names both
    #[arg(value_name = "[DID] PATH", num_args = 1..=2)]
    record: Vec<Selector>,
    /// Prove all records of this collection, instead of one path
    #[arg(long, value_name = "NSID")]
    collection: Option<Nsid>,
    #[command(flatten)]
    keys: KeySources,
    /// The CAR to write; `-` (the default) is standard output
    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, requires = "output")]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &ProofArgs) -> Result<Answer, Failure> {
    let output = args.output.as_deref();
    if args.json && is_standard_output(output) {
        return Err(Failure::unusable(
            "with --json the proof cannot go to standard output: use -o",
        ));
    }
    let mut inputs = args.keys.files();
    inputs.push(args.repository.path());
    check_output(output, &inputs)?;
    let (place, subject) = subject(args)?;
    match &place {
        Place::File(file) => {
            let archive = open_checked(file, &args.keys)?;
            prove(&archive, &subject, output, args.json)
                .map_err(|error| about(&file.path, error))?;
        }
        Place::Account(account) => {
            refuse_keys(&args.keys)?;
            let engine = account.open()?;
            let snapshot = engine.snapshot(&account.did)?;
            prove(&snapshot, &subject, output, args.json)?;
        }
    }
    Ok(Answer::Yes)
}

/// What is to be proved.
enum Subject {
    Record(RepoPath),
    Collection(Nsid),
}

fn subject(args: &ProofArgs) -> Result<(Place, Subject), Failure> {
    let Selection { place, within } = args.repository.select(&args.record)?;
    let subject = match (within, &args.collection) {
        (Some(Within::Record(path)), None) => Subject::Record(path),
        (Some(Within::Collection(collection)), None) => Subject::Collection(collection),
        (None, Some(collection)) => Subject::Collection(collection.clone()),
        (None, None) => return Err(Failure::unusable("give a PATH or --collection")),
        (Some(_), Some(_)) => {
            return Err(Failure::unusable("give either a PATH or --collection"));
        }
    };
    Ok((place, subject))
}

/// A repository that proofs are written from.
trait ProofSource {
    fn head(&self) -> Head<'_>;
    fn prove(&self, path: &RepoPath, output: &mut dyn Write) -> carrack::Result<bool>;
    fn prove_all(&self, collection: &Nsid, output: &mut dyn Write) -> carrack::Result<u64>;
}

struct Head<'a> {
    did: &'a Did,
    rev: Option<Rev>,
    commit: &'a Cid,
}

impl ProofSource for Archive {
    fn head(&self) -> Head<'_> {
        let commit = self.commit();
        let rev = commit.rev().filter(|_| commit.version() >= 3);
        Head { did: commit.did(), rev, commit: commit.cid() }
    }

    fn prove(&self, path: &RepoPath, output: &mut dyn Write) -> carrack::Result<bool> {
        self.proof(path, output)
    }

    fn prove_all(&self, collection: &Nsid, output: &mut dyn Write) -> carrack::Result<u64> {
        self.prove_collection(collection, output)
    }
}

impl ProofSource for Snapshot {
    fn head(&self) -> Head<'_> {
        Head { did: self.did(), rev: Some(self.rev()), commit: self.commit() }
    }

    fn prove(&self, path: &RepoPath, output: &mut dyn Write) -> carrack::Result<bool> {
        self.proof(path, output)
    }

    fn prove_all(&self, collection: &Nsid, output: &mut dyn Write) -> carrack::Result<u64> {
        self.prove_collection(collection, output)
    }
}

/// What was proved: the JSON of `proof --json`.
#[derive(Serialize)]
struct Proven<'a> {
    did: &'a Did,
    rev: Option<Rev>,
    commit: &'a Cid,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome<'a> {
    Record { path: &'a RepoPath, present: bool },
    Collection { collection: &'a Nsid, records: u64 },
}

fn prove(
    source: &dyn ProofSource,
    subject: &Subject,
    output: Option<&Path>,
    json: bool,
) -> Result<(), Failure> {
    let outcome = write_to(output, |output| match subject {
        Subject::Record(path) => {
            source.prove(path, output).map(|present| Outcome::Record { path, present })
        }
        Subject::Collection(collection) => source
            .prove_all(collection, output)
            .map(|records| Outcome::Collection { collection, records }),
    })?;
    let Head { did, rev, commit } = source.head();
    let proven = Proven { did, rev, commit, outcome };
    note(format_args!("proves {} at revision {}", proven.words(), or_dash(rev)));
    if json { Output::new().json(&proven) } else { Ok(()) }
}

impl Proven<'_> {
    fn words(&self) -> String {
        match &self.outcome {
            Outcome::Record { path, present: true } => format!("{path} present"),
            Outcome::Record { path, present: false } => format!("{path} absent"),
            Outcome::Collection { collection, records } => {
                format!("that {collection} has {}", things(*records, "record"))
            }
        }
    }
}

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::input;
use crate::cli::io::output::Output;
use crate::cli::io::progress::{Bar, ProgressSource};
use crate::cli::store::{self, StoreLocation};
use crate::cli::text::things;
use carrack::Engine;
use carrack::Error;
use carrack::engine::List;
use carrack::env::SystemClock;
use carrack::ident::{Did, Nsid, RepoPath};
use carrack::limits::SNAPSHOT_SECONDS_MAX;
use carrack::parts::sources::{FileSource, verify_source};
use carrack::tree::{Key, RecordWant};
use carrack::verify::{ExpectedHead, Lines, Sink};
use clap::Args;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    /// A repository as a CAR, or `-` for standard input; with DID, a store
    #[arg(value_name = "FILE|STORE")]
    file: PathBuf,
    /// The account in the store
    did: Option<Did>,
    /// List only this collection
    #[arg(long, value_name = "NSID")]
    collection: Option<Nsid>,
    /// Read a store of an older format without upgrading it
    #[arg(long)]
    no_upgrade: bool,
}

pub(in crate::cli) fn run(args: &LsArgs) -> Result<Answer, Failure> {
    match &args.did {
        None => list_file(&args.file, args.collection.as_ref()),
        Some(did) => {
            let engine = store::reading(StoreLocation::of(&args.file, args.no_upgrade))?;
            list_account(&engine, did, args.collection.as_ref())
        }
    }
}

fn list_file(file: &Path, collection: Option<&Nsid>) -> Result<Answer, Failure> {
    if is_store(file) {
        let name = file.display();
        return Err(Failure::unusable(format!(
            "{name} is a store: name the account too (`carrack accounts {name}` lists them)"
        )));
    }
    let input = input::open(file)?;
    let bar = Bar::bytes("listing", input.length());
    let mut source = ProgressSource::new(FileSource::new(input)?, &bar);
    let prefix = collection.map(|collection| format!("{collection}/"));
    let mut listed = PrefixLines { lines: Lines::new(Output::new()), prefix };
    let report = verify_source(&mut source, &ExpectedHead::unchecked(), &SystemClock, &mut listed)?;
    listed.lines.into_inner().flush()?;
    match report.problems.listed() {
        [] => Ok(Answer::Yes),
        problems => {
            let all = problems.len() as u64 + report.problems.omitted();
            let what = "the repository is not valid, and the listing may have holes";
            let problems = problems.to_vec();
            let message = format!("{what}: {}", things(all, "problem"));
            let failure = Failure::from(Error::Refused(problems));
            Err(failure.preceded_by(format_args!("{message}; ")))
        }
    }
}

/// Whether a file begins like a database.
fn is_store(file: &Path) -> bool {
    let mut magic = [0; 4];
    let is_file = !input::is_standard(file) && file.is_file();
    let read = || std::fs::File::open(file)?.read_exact(&mut magic);
    is_file && { read }().is_ok() && &magic == b"redb"
}

/// The lines of the entries that are wanted.
struct PrefixLines {
    lines: Lines<Output>,
    prefix: Option<String>,
}

impl Sink for PrefixLines {
    fn needs_records(&self) -> bool {
        false
    }

    fn entry(&mut self, want: &RecordWant) -> carrack::Result<()> {
        match &self.prefix {
            Some(prefix) if !want.key.as_bytes().starts_with(prefix.as_bytes()) => Ok(()),
            _ => self.lines.entry(want),
        }
    }
}

/// How long one snapshot is read from; the reader of the output may be slow.
const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(SNAPSHOT_SECONDS_MAX / 3);

fn list_account(engine: &Engine, did: &Did, collection: Option<&Nsid>) -> Result<Answer, Failure> {
    let mut lines = Lines::new(Output::new());
    let mut list = List::default().collection(collection.cloned());
    let head = engine.snapshot(did)?.commit().clone();
    // Nothing else writes to a store that this process has open, so all snapshots are of one head.
    while let Some(last) = list_part(engine, did, &list, &mut lines)? {
        if *engine.snapshot(did)?.commit() != head {
            return Err(Failure::no("the account changed while it was listed; list it again"));
        }
        list.cursor = Some(RepoPath::from_bytes(last.as_bytes())?);
    }
    lines.into_inner().flush()?;
    Ok(Answer::Yes)
}

/// Lists until the end, or until a new snapshot is due: then gives the last path.
fn list_part(
    engine: &Engine,
    did: &Did,
    list: &List,
    lines: &mut Lines<Output>,
) -> Result<Option<Key>, Failure> {
    let start = Instant::now();
    let snapshot = engine.snapshot(did)?;
    for entry in snapshot.entries(list)? {
        let (path, cid) = entry?;
        lines.push(path.as_bytes(), &cid)?;
        if start.elapsed() > SNAPSHOT_AGE_MAX {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

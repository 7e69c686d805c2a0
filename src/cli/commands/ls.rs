use crate::cli::answer::Answer;
use crate::cli::environment::clock;
use crate::cli::failure::Failure;
use crate::cli::io::input::{self, DecompressionLimit};
use crate::cli::io::known_file::KnownFile;
use crate::cli::io::output::Output;
use crate::cli::io::progress::{Bar, ProgressSource};
use crate::cli::store::{self, StoreLocation};
use crate::cli::text::things;
use carrack::Engine;
use carrack::Error;
use carrack::block::Cid;
use carrack::engine::List;
use carrack::ident::{Did, Nsid, RepoPath};
use carrack::limits::SNAPSHOT_SECONDS_MAX;
use carrack::parts::sources::{FileSource, verify_source};
use carrack::tree::{Key, RecordWant};
use carrack::verify::{ExpectedHead, Sink};
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    /// A repository as a CAR, or `-` for standard input; with DID, a store
    #[arg(value_name = "FILE|STORE")]
    file: PathBuf,
    /// The account
    did: Option<Did>,
    /// List only this collection
    #[arg(long, value_name = "NSID")]
    collection: Option<Nsid>,
    /// Do not upgrade a store of an older format: it can be read then, and not written
    #[arg(long)]
    no_upgrade: bool,
    #[command(flatten)]
    limit: DecompressionLimit,
}

pub(in crate::cli) fn run(args: &LsArgs) -> Result<Answer, Failure> {
    match &args.did {
        None => list_file(args),
        Some(did) => {
            let engine = store::reading(StoreLocation::of(&args.file, args.no_upgrade))?;
            list_account(&engine, did, args.collection.as_ref())
        }
    }
}

fn list_file(args: &LsArgs) -> Result<Answer, Failure> {
    let (file, collection) = (&args.file, &args.collection);
    if !input::is_standard(file) && matches!(KnownFile::of(file), Ok(Some(KnownFile::Store))) {
        let name = file.display();
        return Err(Failure::unusable(format!(
            "{name} is a store: name the account too (`carrack accounts {name}` lists them)"
        )));
    }
    let input = input::open(file, args.limit)?;
    let bar = Bar::bytes("listing", input.length());
    let mut source = ProgressSource::new(FileSource::new(input)?, &bar);
    let prefix = collection.as_ref().map(|collection| format!("{collection}/"));
    let mut listed = ListedEntries { output: Output::new(), prefix, failure: None };
    let expect = ExpectedHead::unchecked();
    let verified = verify_source(&mut source, &expect, &*clock(), &mut listed);
    listed.end()?;
    let report = verified?;
    if report.is_valid() {
        return Ok(Answer::Yes);
    }
    let all = things(report.problems.count(), "problem");
    let what = "the repository is not valid, and the listing may have holes";
    let failure = Failure::from(Error::Refused(report.problems));
    Err(failure.preceded_by(format_args!("{what}: {all}; ")))
}

/// Prints the entries that are wanted.
struct ListedEntries {
    output: Output,
    prefix: Option<String>,
    /// Why the output cannot be written.
    failure: Option<Failure>,
}

impl ListedEntries {
    /// Flushes; or gives why the output could not be written.
    fn end(mut self) -> Result<(), Failure> {
        self.failure.take().map_or_else(|| self.output.flush(), Err)
    }
}

impl Sink for ListedEntries {
    fn needs_records(&self) -> bool {
        false
    }

    fn entry(&mut self, want: &RecordWant) -> carrack::Result<()> {
        let path = want.key.as_bytes();
        if self.prefix.as_ref().is_some_and(|prefix| !path.starts_with(prefix.as_bytes())) {
            return Ok(());
        }
        print_entry(&mut self.output, path, &want.cid).map_err(|failure| {
            let error = Error::Request(failure.message().to_owned());
            self.failure = Some(failure);
            error
        })
    }
}

fn print_entry(output: &mut Output, path: &[u8], cid: &Cid) -> Result<(), Failure> {
    output.line(format_args!("{} {cid}", String::from_utf8_lossy(path)))
}

/// How long one snapshot is read from; the reader of the output may be slow.
const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(SNAPSHOT_SECONDS_MAX / 3);

fn list_account(engine: &Engine, did: &Did, collection: Option<&Nsid>) -> Result<Answer, Failure> {
    let mut output = Output::new();
    let mut list = List::default().collection(collection.cloned());
    let head = engine.snapshot(did)?.commit().clone();
    // Nothing else writes to a store that this process has open, so all snapshots are of one head.
    while let Some(last) = list_part(engine, did, &list, &mut output)? {
        if *engine.snapshot(did)?.commit() != head {
            return Err(Failure::no("the account changed while it was listed; list it again"));
        }
        list.cursor = Some(RepoPath::from_bytes(last.as_bytes())?);
    }
    output.flush()?;
    Ok(Answer::Yes)
}

/// Lists until the end, or until a new snapshot is due: then gives the last path.
fn list_part(
    engine: &Engine,
    did: &Did,
    list: &List,
    output: &mut Output,
) -> Result<Option<Key>, Failure> {
    let start = Instant::now();
    let snapshot = engine.snapshot(did)?;
    for entry in snapshot.entries(list)? {
        let (path, cid) = entry?;
        print_entry(output, path.as_bytes(), &cid)?;
        if start.elapsed() > SNAPSHOT_AGE_MAX {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

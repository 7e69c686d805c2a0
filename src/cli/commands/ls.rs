use crate::cli::account_tree::list_in_parts;
use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::file_walk::{CollectionSink, walk_file};
use crate::cli::io::json_list::JsonList;
use crate::cli::io::output::Output;
use crate::cli::repository::{CollectionArgs, Place, RepositoryFile, StoredAccount};
use carrack::block::Cid;
use carrack::ident::{Nsid, RepoPath};
use carrack::tree::{Key, RecordWant};
use carrack::verify::Sink;
use clap::Args;
use serde::Serialize;

#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    #[command(flatten)]
    read: CollectionArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &LsArgs) -> Result<Answer, Failure> {
    let (place, collection) = args.read.select()?;
    let mut listing = Listing::new(args.json);
    let outcome = match &place {
        Place::File(file) => list_file(file, collection.as_ref(), &mut listing),
        Place::Account(account) => list_account(account, collection.as_ref(), &mut listing),
    };
    listing.finish(outcome)
}

fn list_file(
    file: &RepositoryFile,
    collection: Option<&Nsid>,
    listing: &mut Listing,
) -> Result<Answer, Failure> {
    let holes = "the listing may have holes";
    walk_file("listing", file, &mut CollectionSink::new(collection, listing), holes)
}

fn list_account(
    account: &StoredAccount,
    collection: Option<&Nsid>,
    listing: &mut Listing,
) -> Result<Answer, Failure> {
    let engine = account.open()?;
    list_in_parts(&engine, &account.did, collection, |snapshot, list, time| {
        for entry in snapshot.entries(list)? {
            let (path, cid) = entry?;
            listing.push(&path, &cid)?;
            if time.is_over() {
                return Ok(Some(RepoPath::from_bytes(path.as_bytes())?));
            }
        }
        Ok(None)
    })?;
    Ok(Answer::Yes)
}

/// The two forms of a listing.
enum Listing {
    Text(Output),
    Json(JsonList),
}

/// A record in the JSON form.
#[derive(Serialize)]
struct ListedRecord<'a> {
    cid: &'a Cid,
    path: String,
}

impl Listing {
    fn new(json: bool) -> Self {
        if json { Self::Json(JsonList::new("records")) } else { Self::Text(Output::new()) }
    }

    fn push(&mut self, path: &Key, cid: &Cid) -> carrack::Result<()> {
        match self {
            Self::Text(output) => output.sink_line(format_args!("{path} {cid}")),
            Self::Json(list) => list.push(&ListedRecord { cid, path: path.to_string() }),
        }
    }

    fn finish(self, outcome: Result<Answer, Failure>) -> Result<Answer, Failure> {
        match self {
            Self::Text(mut output) => {
                output.flush()?;
                outcome
            }
            Self::Json(list) => list.finish(outcome),
        }
    }
}

impl Sink for Listing {
    fn needs_records(&self) -> bool {
        false
    }

    fn entry(&mut self, want: &RecordWant) -> carrack::Result<()> {
        self.push(&want.key, &want.cid)
    }
}

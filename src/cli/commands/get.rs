use crate::cli::answer::Answer;
use crate::cli::archive_file::{about, open_checked, refuse_keys};
use crate::cli::failure::Failure;
use crate::cli::io::output::{BinaryOutput, Output};
use crate::cli::keys::KeySources;
use crate::cli::repository::{Place, RepositoryArgs};
use crate::cli::selector::Selector;
use carrack::Error;
use carrack::block::{Block, Cid, json};
use carrack::error::Entity;
use carrack::ident::RepoPath;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use std::io::Write;

#[derive(Debug, Args)]
#[command(override_usage = "carrack get [OPTIONS] <FILE> <PATH>\n       \
                            carrack get [OPTIONS] <STORE> <DID> <PATH>")]
pub(in crate::cli) struct GetArgs {
    #[command(flatten)]
    repository: RepositoryArgs,
    /// The record: collection and record key (`app.bsky.feed.post/3jzfcijpj2z2a`), after the DID
    /// of the account if it is in a STORE; or an at:// URI, which names both
    #[arg(value_name = "[DID] PATH", required = true, num_args = 1..=2)]
    record: Vec<Selector>,
    #[command(flatten)]
    keys: KeySources,
    /// Print the record's bytes (DAG-CBOR) instead of JSON
    #[arg(long)]
    cbor: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with = "cbor")]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &GetArgs) -> Result<Answer, Failure> {
    let (place, path) = args.repository.select(&args.record)?.record()?;
    let record = read(&place, &path, &args.keys)?;
    if args.cbor {
        print_bytes(record.bytes())?;
    } else {
        print_json(&path, &record, args.json)?;
    }
    Ok(Answer::Yes)
}

fn read(place: &Place, path: &RepoPath, keys: &KeySources) -> Result<Block, Failure> {
    let found = match place {
        Place::File { path: file, did } => {
            let archive = open_checked(file, did.as_ref(), keys)?;
            archive.record(path).map_err(|error| about(file, error))?
        }
        Place::Account(account) => {
            refuse_keys(keys)?;
            let snapshot = account.open()?.snapshot(&account.did)?;
            snapshot.record(path)?.map(|stored| stored.block)
        }
    };
    Ok(found.ok_or_else(|| Error::NotFound(Entity::Record(path.clone())))?)
}

fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = BinaryOutput::new()?;
    let written = output.write_all(bytes);
    written.map_err(|error| Failure::io("writing the record", &error))?;
    output.end()
}

/// The JSON of `get --json`.
#[derive(Serialize)]
struct RecordObject<'a> {
    path: &'a RepoPath,
    cid: &'a Cid,
    value: Value,
}

fn print_json(path: &RepoPath, record: &Block, with_cid: bool) -> Result<(), Failure> {
    let value = json::to_lossless(record.bytes());
    let mut output = Output::new();
    if with_cid {
        return output.json(&RecordObject { path, cid: record.cid(), value });
    }
    // The lines are JSON's own: line ends in texts are escaped.
    for line in format!("{value:#}").lines() {
        output.line(format_args!("{line}"))?;
    }
    output.flush()
}

use crate::cli::account_tree::list_in_parts;
use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::file_walk::{CollectionSink, walk_file};
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::repository::{CollectionArgs, Place, StoredAccount};
use crate::cli::text::things;
use carrack::block::{Block, Cid, json};
use carrack::engine::Salvaged;
use carrack::ident::Nsid;
use carrack::tree::RecordWant;
use carrack::verify::Sink;
use clap::Args;
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Args)]
pub(in crate::cli) struct DumpArgs {
    #[command(flatten)]
    read: CollectionArgs,
    /// Dump what can be proved of a damaged account in a STORE, and report what cannot: exit code 1
    /// then
    #[arg(long)]
    keep_going: bool,
    /// Report a failure as a line of JSON too; records are JSON in any case
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &DumpArgs) -> Result<Answer, Failure> {
    let (place, collection) = args.read.select()?;
    let mut lines = RecordLines(Output::new());
    let outcome = match &place {
        Place::File(_) if args.keep_going => {
            return Err(Failure::unusable(
                "--keep-going is for an account in a STORE: of a FILE, all records that are proved are \
                 printed in any case",
            ));
        }
        Place::File(file) => {
            let sink = &mut CollectionSink::new(collection.as_ref(), &mut lines);
            walk_file("dumping", file, sink, "records may be missing here")
        }
        Place::Account(account) if args.keep_going => {
            dump_proved(account, collection.as_ref(), &mut lines)
        }
        Place::Account(account) => dump_account(account, collection.as_ref(), &mut lines),
    };
    lines.0.flush()?;
    outcome
}

fn dump_account(
    account: &StoredAccount,
    collection: Option<&Nsid>,
    lines: &mut RecordLines,
) -> Result<Answer, Failure> {
    let engine = account.open()?;
    list_in_parts(&engine, &account.did, collection, |snapshot, list, time| {
        for record in snapshot.list(list)? {
            let record = record?;
            lines.push(record.path.as_str(), &record.block)?;
            if time.is_over() {
                return Ok(Some(record.path));
            }
        }
        Ok(None)
    })?;
    Ok(Answer::Yes)
}

/// Each loss is printed as it is found.
fn dump_proved(
    account: &StoredAccount,
    collection: Option<&Nsid>,
    lines: &mut RecordLines,
) -> Result<Answer, Failure> {
    let engine = account.open()?;
    let mut losses = 0;
    for step in engine.salvage(&account.did)? {
        match step? {
            Salvaged::Record { path, block }
                if collection.is_none_or(|only| path.collection() == only.as_str()) =>
            {
                lines.push(path.as_str(), &block)?;
            }
            Salvaged::Lost(loss) => {
                losses += 1;
                tell(format_args!("lost: {loss}"));
            }
            _ => {}
        }
    }
    match losses {
        0 => Ok(Answer::Yes),
        losses => Err(Failure::no(format!(
            "the dump lacks what is damaged: {}, told above",
            things(losses, "part")
        ))),
    }
}

/// Writes each record as a line.
struct RecordLines(Output);

/// The JSON of a record.
#[derive(Serialize)]
struct RecordLine<'a> {
    cid: &'a Cid,
    path: &'a str,
    value: Value,
}

impl RecordLines {
    fn push(&mut self, path: &str, record: &Block) -> carrack::Result<()> {
        let value = json::to_lossless(record.bytes());
        self.0.json_part(&RecordLine { cid: record.cid(), path, value })?;
        self.0.end_line()
    }
}

impl Sink for RecordLines {
    fn record(&mut self, want: &RecordWant, block: &Block) -> carrack::Result<()> {
        self.push(&want.key.to_string(), block)
    }
}

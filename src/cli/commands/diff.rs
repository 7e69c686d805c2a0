use crate::cli::account_tree::AccountTree;
use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::escape::write_escaped;
use crate::cli::io::input::is_standard;
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::opened::Opened;
use crate::cli::repository::{Place, Selection};
use crate::cli::selector::Selector;
use crate::cli::text::count;
use carrack::block::Cid;
use carrack::tree::{Change, changes};
use carrack::{Code, Problem};
use clap::Args;
use serde::Serialize;
use std::ffi::OsString;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use tempfile::SpooledTempFile;

#[derive(Debug, Args)]
#[command(override_usage = "carrack diff [OPTIONS] <OLD> <NEW>\n\n\
                            Each of OLD and NEW is FILE, or STORE DID.")]
pub(in crate::cli) struct DiffArgs {
    /// Two repositories, each a CAR (`-` is standard input), or a STORE followed by a DID
    #[arg(value_name = "OLD NEW", required = true, num_args = 1..=4)]
    repositories: Vec<OsString>,
    /// Read a store of an older format without upgrading it
    #[arg(long)]
    no_upgrade: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &DiffArgs) -> Result<Answer, Failure> {
    let (old, new) = places(args)?;
    let (old, new) = open_both(&old, &new)?;
    let (old_did, new_did) = (old.head().did, new.head().did);
    if old_did != new_did {
        tell(format_args!("the accounts differ: {old_did} and {new_did}"));
    }
    // Printed when all is known: a part of a difference would pass for the whole.
    let mut found = Difference::default();
    for change in changes(old.tree(), new.tree()) {
        found.add(&change?, args.json)?;
    }
    found.print(args.json)?;
    Ok(found.answer())
}

fn places(args: &DiffArgs) -> Result<(Place, Place), Failure> {
    let mut words = args.repositories.iter().peekable();
    let mut next = || -> Result<Option<Place>, Failure> {
        let Some(path) = words.next() else { return Ok(None) };
        let mut selectors = Vec::new();
        while let Some(word) = words.next_if(|word| selector_text(word).is_some()) {
            let text = selector_text(word).unwrap_or_default();
            let selector = text.parse::<Selector>();
            selectors.push(selector.map_err(|why| Failure::unusable(format!("{text}: {why}")))?);
        }
        Selection::of(Path::new(path), args.no_upgrade, &selectors)?.whole().map(Some)
    };
    let (old, new, more) = (next()?, next()?, next()?);
    let (Some(old), Some(new), None) = (old, new, more) else {
        return Err(Failure::unusable(
            "name two repositories, OLD and NEW: each a FILE, or a STORE and the DID of an account",
        ));
    };
    if let (Place::File { path: old, .. }, Place::File { path: new, .. }) = (&old, &new)
        && is_standard(old)
        && is_standard(new)
    {
        return Err(Failure::unusable("only one input can be `-`"));
    }
    Ok((old, new))
}

/// An argument that belongs to the one before it.
fn selector_text(word: &OsString) -> Option<&str> {
    word.to_str().filter(|text| Selector::begins(text))
}

/// Opens both; a store with both accounts is opened once.
fn open_both(old: &Place, new: &Place) -> Result<(Opened, Opened), Failure> {
    let first = Opened::open(old)?;
    let second = match (&first, old, new) {
        (Opened::Account(opened), Place::Account(old), Place::Account(new))
            if real(&old.store) == real(&new.store) =>
        {
            Opened::Account(AccountTree::open(opened.engine().clone(), new.did.clone())?)
        }
        _ => Opened::open(new)?,
    };
    Ok((first, second))
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Bytes of a list that are held in memory; what is longer goes to a temporary file.
const SPOOL_BYTES: usize = 1 << 20;

/// What differs. Either the lists of the JSON form, or in `created` all lines of the text.
#[derive(Default)]
struct Difference {
    created: Spool,
    updated: Spool,
    deleted: Spool,
    counts: [u64; 3],
}

/// A changed record in the JSON form.
#[derive(Serialize)]
struct ChangeObject<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a Cid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<&'a Cid>,
}

impl Difference {
    fn add(&mut self, change: &Change, json: bool) -> Result<(), Failure> {
        let Change { key, old, new } = change;
        let Ok(path) = std::str::from_utf8(key.as_bytes()) else {
            let message = "a path that is not UTF-8 differs";
            return Err(Problem::new(Code::BadPath, message).path(key).into());
        };
        let [created, updated, deleted] = &mut self.counts;
        let (list, counted, sign) = match (old, new) {
            (None, _) => (&mut self.created, created, '+'),
            (Some(_), Some(_)) => (&mut self.updated, updated, '~'),
            (Some(_), None) => (&mut self.deleted, deleted, '-'),
        };
        *counted += 1;
        if json {
            return list.push_json(&ChangeObject { path, cid: new.as_ref(), prev: old.as_ref() });
        }
        let cids = old.iter().chain(new).map(|cid| format!(" {cid}")).collect::<String>();
        self.created.push(&format!("{sign} {path}{cids}"))?;
        self.created.push_end()
    }

    fn print(&mut self, json: bool) -> Result<(), Failure> {
        let mut output = Output::new();
        if !json {
            self.created.copy(&mut output)?;
            return output.flush();
        }
        let lists = [
            ("{\"created\":[", &mut self.created),
            ("],\"updated\":[", &mut self.updated),
            ("],\"deleted\":[", &mut self.deleted),
        ];
        for (before, list) in lists {
            output.part(before)?;
            list.copy(&mut output)?;
        }
        output.part("]}")?;
        output.end_line()?;
        output.flush()
    }

    fn answer(&self) -> Answer {
        let [created, updated, deleted] = self.counts;
        if created + updated + deleted == 0 {
            return Answer::Yes;
        }
        let [created, updated, deleted] = self.counts.map(count);
        Answer::No(format!(
            "the repositories differ: {created} created, {updated} updated, {deleted} deleted"
        ))
    }
}

/// A list that waits to be printed.
struct Spool {
    file: BufWriter<SpooledTempFile>,
    is_empty: bool,
}

impl Default for Spool {
    fn default() -> Self {
        Self { file: BufWriter::new(SpooledTempFile::new(SPOOL_BYTES)), is_empty: true }
    }
}

impl Spool {
    fn push(&mut self, text: &str) -> Result<(), Failure> {
        write_escaped(&mut self.file, text).map_err(|error| not_kept(&error))
    }

    fn push_end(&mut self) -> Result<(), Failure> {
        self.file.write_all(b"\n").map_err(|error| not_kept(&error))
    }

    fn push_json(&mut self, object: &impl Serialize) -> Result<(), Failure> {
        if !std::mem::take(&mut self.is_empty) {
            self.push(",")?;
        }
        let text = serde_json::to_string(object).map_err(|error| not_kept(&error.into()))?;
        self.push(&text)
    }

    fn copy(&mut self, output: &mut Output) -> Result<(), Failure> {
        self.file.flush().map_err(|error| not_kept(&error))?;
        let file = self.file.get_mut();
        file.rewind().map_err(|error| not_kept(&error))?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = file.read(&mut buffer).map_err(|error| not_kept(&error))?;
            if length == 0 {
                return Ok(());
            }
            output.own_text(buffer.get(..length).unwrap_or_default())?;
        }
    }
}

fn not_kept(error: &std::io::Error) -> Failure {
    Failure::io("keeping the difference in a temporary file", error)
}

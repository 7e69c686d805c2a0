//! `carrack blobs`: what the records of an account need beside themselves.

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::escape::{write_line, write_text};
use crate::cli::io::output::Output;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::bytes;
use carrack::Engine;
use carrack::engine::NeededBlob;
use carrack::ident::Did;
use clap::Args;
use serde::Serialize;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};

/// References read at a time.
const REFERENCES_A_PAGE: usize = 1000;
/// Output that is held in memory; more is held in a temporary file.
const HELD_BYTES: usize = 4 << 20;
const CHUNK_BYTES: usize = 64 << 10;

#[derive(Debug, Args)]
pub(in crate::cli) struct BlobsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The account
    did: Did,
    /// Only those that are not stored here; as no blobs are stored yet, these are all
    #[arg(long)]
    missing: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Prints the list once all of it is read: damage behind its beginning must not leave half an object.
pub(in crate::cli) fn run(args: &BlobsArgs) -> Result<Answer, Failure> {
    let engine = store::reading(&args.store)?;
    let mut held = tempfile::SpooledTempFile::new(HELD_BYTES);
    let mut list = List { to: BufWriter::new(&mut held), json: args.json, last: None };
    list.begin()?;
    each_reference(&engine, &args.did, |blob| {
        if blob.missing || !args.missing { list.reference(&blob) } else { Ok(()) }
    })?;
    list.end()?;
    drop(list);
    let mut output = Output::new();
    held.seek(SeekFrom::Start(0)).map_err(|error| not_held(&error))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match held.read(&mut chunk).map_err(|error| not_held(&error))? {
            0 => break,
            length => output.own_text(chunk.get(..length).unwrap_or_default())?,
        }
    }
    output.flush()?;
    Ok(Answer::Yes)
}

fn each_reference(
    engine: &Engine,
    did: &Did,
    mut take: impl FnMut(NeededBlob) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut cursor = None;
    loop {
        let page = engine.blobs_needed(did, cursor.as_ref(), REFERENCES_A_PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        cursor = Some(last.cursor());
        page.into_iter().try_for_each(&mut take)?;
    }
}

/// The list as it is written: one blob after the other, each with its records.
struct List<W> {
    to: W,
    json: bool,
    /// The blob whose records are being listed.
    last: Option<carrack::block::Cid>,
}

impl<W: Write> List<W> {
    fn begin(&mut self) -> Result<(), Failure> {
        if self.json { self.write("{\"blobs\":[") } else { Ok(()) }
    }

    fn reference(&mut self, blob: &NeededBlob) -> Result<(), Failure> {
        let is_next = self.last.as_ref() == Some(&blob.cid);
        if !is_next {
            self.blob(blob)?;
        }
        match (self.json, is_next) {
            (true, false) => self.write(json(&blob.record)?),
            (true, true) => self.write(format_args!(",{}", json(&blob.record)?)),
            (false, _) => self.line(format_args!("  {}", blob.record)),
        }
    }

    /// The beginning of a blob, before its records. Size and type are those of its first record.
    fn blob(&mut self, blob: &NeededBlob) -> Result<(), Failure> {
        let is_first = self.last.replace(blob.cid.clone()).is_none();
        if !self.json {
            let size = blob.size.map_or_else(|| "-".to_owned(), bytes);
            let mime = blob.mime.as_deref().unwrap_or("-");
            let missing = if blob.missing { "missing" } else { "stored" };
            return self.line(format_args!("{}  {missing}  {size}  {mime}", blob.cid));
        }
        let end = if is_first { "" } else { "]}," };
        let (cid, mime, size) = (json(&blob.cid)?, json(&blob.mime)?, json(&blob.size)?);
        let missing = blob.missing;
        self.write(format_args!(
            "{end}{{\"cid\":{cid},\"mime\":{mime},\"missing\":{missing},\"size\":{size},\"records\":["
        ))
    }

    fn end(&mut self) -> Result<(), Failure> {
        match (self.json, &self.last) {
            (true, None) => self.line(format_args!("]}}"))?,
            (true, Some(_)) => self.line(format_args!("]}}]}}"))?,
            (false, None) => self.line(format_args!("no blobs"))?,
            (false, Some(_)) => {}
        }
        self.to.flush().map_err(|error| not_held(&error))
    }

    /// A piece of JSON: what a record states is from outside.
    fn write(&mut self, piece: impl std::fmt::Display) -> Result<(), Failure> {
        write_text(&mut self.to, format_args!("{piece}")).map_err(|error| not_held(&error))
    }

    fn line(&mut self, words: std::fmt::Arguments<'_>) -> Result<(), Failure> {
        write_line(&mut self.to, words).map_err(|error| not_held(&error))
    }
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| not_held(&error.into()))
}

fn not_held(error: &std::io::Error) -> Failure {
    Failure::io("writing a temporary file", error)
}

use crate::block::Cid;
use crate::car::Writer;
use crate::engine::export::link_check::LinkChecker;
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::ident::{Did, Rev};
use crate::limits::{EXPORT_BUFFERED_BYTES, SNAPSHOT_SECONDS_MAX};
use crate::store::account::Head;
use crate::store::accounts::account_row;
use crate::store::read_table::{ByteEntries, ReadTable};
use crate::store::rows::key::{Place, parse_key, tree_range};
use crate::store::rows::value::{RawRow, raw_sections};
use crate::store::tables::View;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much of a repository an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extent {
    /// All of it.
    Full,
    /// What a copy of this revision lacks.
    Since(Rev),
}

/// What an export has written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The head.
    pub commit: Cid,
    /// Its revision.
    pub rev: Rev,
    /// Blocks; a record at two paths counts twice.
    pub blocks: u64,
    /// Bytes of the CAR.
    pub bytes: u64,
    /// Whether it is the whole repository or a diff.
    pub extent: Extent,
}

impl Engine {
    /// Writes an account's repository as a CAR in streaming order, from one snapshot. Every block
    /// is rehashed on its way out.
    ///
    /// A slow `output` does not hold the snapshot: what it has not taken after some seconds waits
    /// in a temporary file.
    ///
    /// # Errors
    /// `NotFound`, `State`; `Corrupt` if a stored block does not hash right; `Io` if `output`
    /// fails. The CAR is cut short then.
    pub fn export(&self, did: &Did, output: impl Write) -> Result<Exported> {
        let view = self.view()?;
        let head = account_row(view.accounts()?, did)?.readable_head(did.as_str())?.clone();
        export_tree(view, &head, output)
    }
}

/// Writes one tree.
pub(in crate::engine) fn export_tree(
    view: View,
    head: &Head,
    output: impl Write,
) -> Result<Exported> {
    let (tree, held) = (head.tree, head.blocks);
    let check = Check::StagedTree(LinkChecker::new(head));
    write_car(head, Extent::Full, check, output, move |outlet| {
        let blocks = read_tree(&view, tree, outlet)?;
        if blocks == held {
            return Ok(blocks);
        }
        Err(Error::Corrupt(format!("an export of {blocks} blocks, where {held} are held")))
    })
}

/// Writes the CAR of what `read` gives. A thread reads, this one checks and writes.
pub(in crate::engine) fn write_car(
    head: &Head,
    extent: Extent,
    check: Check,
    output: impl Write,
    read: impl FnOnce(Outlet) -> Result<u64> + Send + 'static,
) -> Result<Exported> {
    let mut car = Writer::new(output, std::slice::from_ref(&head.commit))?;
    let (outlet, intake) = outlet(check);
    let reader = std::thread::spawn(move || read(outlet));
    let written = intake.write_to(&mut car);
    let read = reader
        .join()
        .unwrap_or_else(|_| Err(Error::Corrupt("reading an export's rows panicked".to_owned())));
    // A failed output is the first cause, if both have failed. What was not read to its end is not
    // missing from the store.
    let check = written?;
    let blocks = read?;
    check.end()?;
    let bytes = car.bytes_written();
    car.finish()?;
    Ok(Exported { commit: head.commit.clone(), rev: head.rev, blocks, bytes, extent })
}

/// What is checked of the blocks that leave the store.
pub(in crate::engine) enum Check {
    /// Each is hashed, and is what its parent names; none is missing.
    StagedTree(LinkChecker),
    /// Their reader has checked them.
    Done,
}

impl Check {
    fn sections(&mut self, sections: &[u8]) -> Result<()> {
        let Self::StagedTree(follow) = self else { return Ok(()) };
        raw_sections(sections).try_for_each(|section| follow.next(&section?))
    }

    pub(in crate::engine) fn end(&self) -> Result<()> {
        match self {
            Self::StagedTree(follow) => follow.end(),
            Self::Done => Ok(()),
        }
    }
}

/// Chunks that may wait for the output.
const CHUNKS_WAITING: usize = 4;
/// How long after its start an export is read no faster than the output takes it; then what is left
/// goes to a file as fast as it can be read.
const PATIENCE: Duration = Duration::from_secs(SNAPSHOT_SECONDS_MAX / 3);

/// A way from the thread that reads to the one that writes.
pub(in crate::engine) fn outlet(check: Check) -> (Outlet, Intake) {
    let (sender, chunks) = sync_channel(CHUNKS_WAITING);
    let rest = Arc::new(Mutex::new(None));
    let outlet = Outlet {
        sender,
        rest: Arc::clone(&rest),
        buffer: Vec::with_capacity(EXPORT_BUFFERED_BYTES),
        file: None,
        start: Instant::now(),
    };
    (outlet, Intake { chunks, check, rest })
}

/// What was spilled: chunks, each behind its length as a `u32`.
type Rest = Arc<Mutex<Option<std::fs::File>>>;

/// What the writing thread has of the way.
pub(in crate::engine) struct Intake {
    chunks: Receiver<Vec<u8>>,
    check: Check,
    /// What was spilled, from its start, once everything has been read.
    rest: Rest,
}

impl Intake {
    /// Checks and writes what comes until nothing comes any more, then what was spilled. Whether that
    /// was all is to be asked of the check, once the reader has said that it has come to its end.
    pub(in crate::engine) fn write_to<W: Write>(mut self, car: &mut Writer<W>) -> Result<Check> {
        for sections in &self.chunks {
            self.check.sections(&sections)?;
            car.write_section(&sections)?;
        }
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut file) = rest {
            while let Some(sections) = read_chunk(&mut file).map_err(spill_failed)? {
                self.check.sections(&sections)?;
                car.write_section(&sections)?;
            }
        }
        Ok(self.check)
    }
}

fn write_chunk(file: &mut std::fs::File, sections: &[u8]) -> std::io::Result<()> {
    // A chunk is little longer than the longest section.
    let length = u32::try_from(sections.len()).map_err(std::io::Error::other)?;
    file.write_all(&length.to_be_bytes())?;
    file.write_all(sections)
}

fn read_chunk(file: &mut std::fs::File) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match file.read_exact(&mut length) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut sections = vec![0; u32::from_be_bytes(length) as usize];
    file.read_exact(&mut sections)?;
    Ok(Some(sections))
}

/// Reads all rows of a tree, and gives the number of blocks.
fn read_tree(view: &View, tree: u64, mut outlet: Outlet) -> Result<u64> {
    let (start, end) = tree_range(tree);
    let mut rows = view.rows()?.range(&start[..]..&end[..])?;
    let mut blocks = 0;
    while let Some(found) = rows.next() {
        let (key, value) = found?;
        let row = RawRow::decode(value.value())?;
        blocks += row.count as u64;
        outlet.add(row.sections);
        let missing = row.first_length()?.saturating_sub(row.sections.len());
        if row.count == 1 && missing > 0 {
            continued(&mut rows, &mut outlet, missing, key.value())?;
        }
        if !outlet.pass_on_if_full()? {
            return Ok(blocks);
        }
    }
    outlet.finish()?;
    Ok(blocks)
}

/// Adds the rows that continue a long section.
fn continued(
    rows: &mut ByteEntries<'_>,
    outlet: &mut Outlet,
    mut missing: usize,
    key: &[u8],
) -> Result<()> {
    let broken = || Error::Corrupt(format!("a long record lacks a part: row {key:02x?}"));
    while missing > 0 {
        let (key, value) = rows.next().ok_or_else(broken)??;
        match parse_key(key.value())?.1 {
            Place::Record { part, .. } if part > 0 => outlet.add(value.value()),
            _ => return Err(broken()),
        }
        missing = missing.checked_sub(value.value().len()).ok_or_else(broken)?;
    }
    Ok(())
}

/// Where a reading thread puts what it has read: the channel, or a file once that is stuck.
pub(in crate::engine) struct Outlet {
    sender: SyncSender<Vec<u8>>,
    rest: Rest,
    /// Whole sections.
    buffer: Vec<u8>,
    file: Option<std::fs::File>,
    start: Instant,
}

impl Outlet {
    /// Adds whole sections; says whether the reader is still there.
    pub(in crate::engine) fn push(&mut self, sections: &[u8]) -> Result<bool> {
        self.add(sections);
        self.pass_on_if_full()
    }

    /// Adds a piece of a section.
    fn add(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// To be asked between sections.
    fn pass_on_if_full(&mut self) -> Result<bool> {
        if self.buffer.len() < EXPORT_BUFFERED_BYTES { Ok(true) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<bool> {
        if let Some(file) = &mut self.file {
            write_chunk(file, &self.buffer).map_err(spill_failed)?;
            self.buffer.clear();
            return Ok(true);
        }
        let next = Vec::with_capacity(EXPORT_BUFFERED_BYTES);
        let sections = std::mem::replace(&mut self.buffer, next);
        match self.send(sections) {
            Sent::Yes => Ok(true),
            Sent::ReceiverGone => Ok(false),
            Sent::Stuck(sections) => {
                let mut file = tempfile::tempfile().map_err(spill_failed)?;
                write_chunk(&mut file, &sections).map_err(spill_failed)?;
                self.file = Some(file);
                Ok(true)
            }
        }
    }

    /// Leaves what was spilled to the writing thread. The snapshot may go: nothing waits here.
    pub(in crate::engine) fn finish(mut self) -> Result<()> {
        self.flush()?;
        if let Some(mut file) = self.file.take() {
            file.seek(SeekFrom::Start(0)).map_err(spill_failed)?;
            *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        }
        Ok(())
    }

    /// Waits for the output, but not forever: meanwhile the snapshot pins pages.
    fn send(&self, mut sections: Vec<u8>) -> Sent {
        let mut pause = Duration::from_micros(50);
        loop {
            match self.sender.try_send(sections) {
                Ok(()) => return Sent::Yes,
                Err(TrySendError::Disconnected(_)) => return Sent::ReceiverGone,
                Err(TrySendError::Full(back)) if self.start.elapsed() >= PATIENCE => {
                    return Sent::Stuck(back);
                }
                Err(TrySendError::Full(back)) => sections = back,
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }
}

enum Sent {
    Yes,
    ReceiverGone,
    Stuck(Vec<u8>),
}

fn spill_failed(error: std::io::Error) -> Error {
    Error::io("keeping the rest of an export in a temporary file", error)
}

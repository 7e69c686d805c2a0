//! Connects the thread that reads rows to the one that writes the CAR: a channel, and a temporary
//! file once the output is too slow.

use crate::car::Writer;
use crate::engine::export::link_check::LinkChecker;
use crate::error::{Error, Result};
use crate::limits::{EXPORT_BUFFERED_BYTES, SNAPSHOT_SECONDS_MAX};
use crate::store::rows::value::raw_sections;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How exported blocks are checked.
pub(in crate::engine) enum ExportCheck {
    /// Each is hashed and is the one that its parent names; none is missing.
    Links(LinkChecker),
    /// The reader has checked them.
    Done,
}

impl ExportCheck {
    pub(in crate::engine) fn sections(&mut self, sections: &[u8]) -> Result<()> {
        let Self::Links(follow) = self else { return Ok(()) };
        raw_sections(sections).try_for_each(|section| follow.next(&section?))
    }

    pub(in crate::engine) fn end(&self) -> Result<()> {
        match self {
            Self::Links(follow) => follow.end(),
            Self::Done => Ok(()),
        }
    }
}

/// Chunks that may be queued for the output.
const CHUNKS_WAITING: usize = 4;
/// How long an export reads at the speed of its output; the rest is then read into a file at full
/// speed.
const PATIENCE: Duration = Duration::from_secs(SNAPSHOT_SECONDS_MAX / 3);

/// Creates a pipe from the reading thread to the writing one.
pub(in crate::engine) fn pipe(check: ExportCheck) -> (PipeWriter, PipeReader) {
    let (sender, chunks) = sync_channel(CHUNKS_WAITING);
    let rest = Arc::new(Mutex::new(None));
    let writer = PipeWriter {
        sender,
        rest: Arc::clone(&rest),
        buffer: Vec::with_capacity(EXPORT_BUFFERED_BYTES),
        file: None,
        start: Instant::now(),
    };
    (writer, PipeReader { chunks, check, rest })
}

/// The temporary file: chunks, each prefixed by its length as a `u32`.
type SpillFile = Arc<Mutex<Option<std::fs::File>>>;

/// The writing thread's end.
pub(in crate::engine) struct PipeReader {
    chunks: Receiver<Vec<u8>>,
    check: ExportCheck,
    /// The temporary file, from its start, once everything has been read.
    rest: SpillFile,
}

impl PipeReader {
    /// Checks and writes all received sections, then those in the temporary file. After the reader
    /// has finished, the check says whether they were complete.
    pub(in crate::engine) fn write_to<W: Write>(
        mut self,
        car: &mut Writer<W>,
    ) -> Result<ExportCheck> {
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
    // A chunk is not much longer than the longest section.
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

/// The reading thread's end: the channel, or a file once the output is too slow.
pub(in crate::engine) struct PipeWriter {
    sender: SyncSender<Vec<u8>>,
    rest: SpillFile,
    /// Whole sections.
    buffer: Vec<u8>,
    file: Option<std::fs::File>,
    start: Instant,
}

impl PipeWriter {
    /// Adds whole sections; returns whether the receiver still exists.
    pub(in crate::engine) fn push(&mut self, sections: &[u8]) -> Result<bool> {
        self.add(sections);
        self.pass_on_if_full()
    }

    /// Adds a piece of a section.
    pub(in crate::engine) fn add(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// Call this between sections.
    pub(in crate::engine) fn pass_on_if_full(&mut self) -> Result<bool> {
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

    /// Passes the temporary file to the writing thread. The snapshot can be dropped: nothing waits
    /// here.
    pub(in crate::engine) fn finish(mut self) -> Result<()> {
        self.flush()?;
        if let Some(mut file) = self.file.take() {
            file.seek(SeekFrom::Start(0)).map_err(spill_failed)?;
            *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        }
        Ok(())
    }

    /// Waits for the output for a limited time, because the snapshot pins pages.
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

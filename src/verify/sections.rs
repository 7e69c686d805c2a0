//! The sections of a file in their order, hashed ahead of the walk that takes them.

use super::ahead::{Ahead, Outlet};
use super::input::{At, Input};
use crate::block::{Block, Cid, drisl};
use crate::car::{Frame, Reader};
use crate::error::{Error, Problem, Result};
use crate::limits::IMPORTED_RECORD_BYTES_MAX;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Below this many bytes, a thread of its own costs more than it gives.
pub(super) const THREAD_BYTES: u64 = 1 << 20;

/// A section that has been hashed.
pub(super) struct Section {
    pub(super) offset: u64,
    /// Of the whole section, in bytes.
    pub(super) length: usize,
    /// Whether its bytes are a record that an import takes without a remark. Of a node it is
    /// `false`, which says nothing.
    pub(super) is_sound: bool,
    content: Result<Block, Box<(Cid, Problem)>>,
}

impl Section {
    pub(super) fn hash(frame: Frame) -> Self {
        let (offset, length, cid) = (frame.offset, frame.length, frame.cid.clone());
        let content = frame.into_block().map_err(|problem| Box::new((cid, problem)));
        let is_sound = content.as_ref().is_ok_and(is_sound);
        Self { offset, length, is_sound, content }
    }

    /// What it says that its bytes hash to.
    pub(super) fn cid(&self) -> &Cid {
        match &self.content {
            Ok(block) => block.cid(),
            Err(wrong) => &wrong.0,
        }
    }

    /// The block, or what is wrong with it.
    pub(super) fn into_block(self) -> Result<Block, Problem> {
        self.content.map_err(|wrong| wrong.1)
    }
}

/// How every node begins; a record may begin so too.
const NODE: &[u8] = b"\xa2\x61e";

/// Whether its bytes are a record that an import takes without a remark. Nodes are left out.
pub(super) fn is_sound(block: &Block) -> bool {
    let bytes = block.bytes();
    bytes.len() <= IMPORTED_RECORD_BYTES_MAX
        && !bytes.starts_with(NODE)
        && drisl::check::record(bytes).is_ok()
}

/// The sections of a file from its first on.
pub(super) enum Sections {
    None,
    Here(Reader<At>),
    Ahead(Ahead<Result<Section>>),
}

impl Sections {
    /// Of a file whose header has been read.
    pub(super) fn new(input: &Input, reader: Reader<At>) -> Self {
        if input.length() < THREAD_BYTES {
            return Self::Here(reader);
        }
        Self::Ahead(Ahead::start(move |outlet| hash_all(reader, outlet)))
    }

    /// The next section; `None` at the end. After an error there is nothing more.
    pub(super) fn next(&mut self) -> Result<Option<Section>> {
        match self {
            Self::None => Ok(None),
            Self::Here(reader) => Ok(reader.next_frame()?.map(Section::hash)),
            Self::Ahead(ahead) => ahead.next()?.transpose(),
        }
    }
}

fn hash_all(mut reader: Reader<At>, outlet: &mut Outlet<Result<Section>>) {
    loop {
        let more = match reader.next_frame() {
            Ok(None) => false,
            Ok(Some(frame)) => {
                let length = frame.length;
                // A batch ends where what was read ends: its memory is then the taker's alone.
                let is_last = !reader.holds_section();
                outlet.put(Ok(Section::hash(frame)), length) && (!is_last || outlet.flush())
            }
            Err(error) => {
                outlet.put(Err(error), 0);
                false
            }
        };
        if !more {
            return;
        }
    }
}

/// Reads all sections of a file, not hashed, and takes in each, on as many threads as there are
/// processors. Gives what each thread has taken in, and what broke off the reading.
pub(super) fn each_section<T: Send>(
    input: &Input,
    begin: impl Fn() -> T + Sync,
    take_in: impl Fn(&mut T, Frame) + Sync,
) -> Result<(Vec<T>, Option<Problem>)> {
    let reader = Reader::new(input.reader_at(0))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let others = if input.length() < THREAD_BYTES { 0 } else { threads.min(THREADS_MAX) - 1 };
    let (sender, batches) = sync_channel::<Vec<Frame>>(2 * others);
    let batches = Mutex::new(batches);
    let work = || {
        let mut taken = begin();
        while let Some(batch) = take(&batches) {
            for frame in batch {
                take_in(&mut taken, frame);
            }
        }
        taken
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
        let mut taken = vec![begin()];
        let broken = taken
            .first_mut()
            .and_then(|first| share(reader, &sender, |frame| take_in(first, frame)).err());
        drop(sender);
        for other in others {
            let died = |_| Error::Closed("a thread that hashes has died".to_owned());
            taken.push(other.join().map_err(died)?);
        }
        match broken {
            None => Ok((taken, None)),
            Some(Error::Problem(problem)) => Ok((taken, Some(*problem))),
            Some(error) => Err(error),
        }
    })
}

/// Enough that reading is what takes the time.
const THREADS_MAX: usize = 8;

fn take(batches: &Mutex<Receiver<Vec<Frame>>>) -> Option<Vec<Frame>> {
    batches.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Reads, and does itself what the others have no time for.
fn share(
    mut reader: Reader<At>,
    others: &SyncSender<Vec<Frame>>,
    mut take_in: impl FnMut(Frame),
) -> Result<()> {
    loop {
        let batch = next_batch(&mut reader)?;
        if batch.is_empty() {
            return Ok(());
        }
        if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) =
            others.try_send(batch)
        {
            batch.into_iter().for_each(&mut take_in);
        }
    }
}

/// The sections that one read brings.
fn next_batch(reader: &mut Reader<At>) -> Result<Vec<Frame>> {
    let mut batch = Vec::new();
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => batch.push(frame),
            Err(error) if batch.is_empty() => return Err(error),
            // An error is said again the next time.
            Ok(None) | Err(_) => return Ok(batch),
        }
        if !reader.holds_section() {
            return Ok(batch);
        }
    }
}

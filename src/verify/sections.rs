//! Iterates over the sections of a file in order, hashed ahead of the walk.

use crate::block::{Block, Cid, data_model};
use crate::car::{self, Reader, Section, SkippedSection};
use crate::error::{Error, Result};
use crate::limits::IMPORTED_RECORD_BYTES_MAX;
use crate::problem::Problem;
use crate::verify::input::{Input, InputReader};
use crate::verify::prefetch::read_ahead::{Ahead, Outlet};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Below this length in bytes, a thread costs more than it saves.
pub(in crate::verify) const THREAD_BYTES: u64 = 1 << 20;

/// A hashed section.
pub(in crate::verify) struct HashedSection {
    pub(in crate::verify) offset: u64,
    /// The length of the whole section in bytes.
    pub(in crate::verify) length: u64,
    /// Whether it is a record that an import accepts without a warning. Always `false` for a node,
    /// which means nothing.
    pub(in crate::verify) is_sound: bool,
    content: SectionContent,
}

enum SectionContent {
    Block(Block),
    Wrong(Box<(Cid, Problem)>),
    Skipped(Box<SkippedSection>),
}

impl HashedSection {
    pub(in crate::verify) fn hash(section: car::NextSection) -> Self {
        match section {
            car::NextSection::Read(section) => Self::hash_read(section),
            car::NextSection::Skipped(skipped) => Self {
                offset: skipped.offset,
                length: skipped.length,
                is_sound: false,
                content: SectionContent::Skipped(Box::new(skipped)),
            },
        }
    }

    fn hash_read(section: Section) -> Self {
        let (offset, length) = (section.offset, section.length() as u64);
        let cid = section.cid.clone();
        if !cid.is_checkable() {
            let skipped = SkippedSection { offset, length, cid: Some(cid), is_right: None };
            return Self::hash(car::NextSection::Skipped(skipped));
        }
        match section.into_block() {
            Ok(block) => {
                let is_sound = is_sound(&block);
                Self { offset, length, is_sound, content: SectionContent::Block(block) }
            }
            Err(problem) => {
                let content = SectionContent::Wrong(Box::new((cid, problem)));
                Self { offset, length, is_sound: false, content }
            }
        }
    }

    /// The CID that the section states, if it is one that can be checked here.
    pub(in crate::verify) fn cid(&self) -> Option<&Cid> {
        match &self.content {
            SectionContent::Block(block) => Some(block.cid()),
            SectionContent::Wrong(wrong) => Some(&wrong.0),
            SectionContent::Skipped(skipped) => skipped.cid.as_ref(),
        }
    }

    /// The block, or its problem.
    pub(in crate::verify) fn into_block(self) -> Result<Block, Problem> {
        match self.content {
            SectionContent::Block(block) => Ok(block),
            SectionContent::Wrong(wrong) => Err(wrong.1),
            SectionContent::Skipped(skipped) => Err(skipped.unusable()),
        }
    }

    /// Whether its bytes hash to its CID.
    pub(in crate::verify) fn finding(self) -> Finding {
        match self.content {
            SectionContent::Block(_) => Finding::Right,
            SectionContent::Wrong(wrong) => Finding::Wrong(wrong.1),
            SectionContent::Skipped(skipped) => match skipped.is_right {
                Some(true) => Finding::Right,
                Some(false) => skipped.mismatch().map_or(Finding::Right, Finding::Wrong),
                None => Finding::Unchecked(skipped),
            },
        }
    }
}

/// The result of hashing an unreferenced section.
pub(in crate::verify) enum Finding {
    Right,
    Wrong(Problem),
    /// Its hash cannot be computed here.
    Unchecked(Box<SkippedSection>),
}

/// The first bytes of every node; a record may begin with them too.
pub(in crate::verify) const NODE: &[u8] = b"\xa2\x61e";

/// Whether it is a record that an import accepts without a warning. `false` for nodes.
pub(in crate::verify) fn is_sound(block: &Block) -> bool {
    let bytes = block.bytes();
    block.cid().is_of_repository()
        && bytes.len() <= IMPORTED_RECORD_BYTES_MAX
        && !bytes.starts_with(NODE)
        && data_model::check(bytes).is_ok()
}

/// An iterator over the sections of a file.
pub(in crate::verify) enum Sections {
    None,
    Here(Reader<InputReader>),
    Ahead(Ahead<Result<HashedSection>>),
}

impl Sections {
    /// For a file whose header has been read.
    pub(in crate::verify) fn new(input: &Input, reader: Reader<InputReader>) -> Self {
        if input.length() < THREAD_BYTES {
            return Self::Here(reader);
        }
        Self::Ahead(Ahead::start(move |outlet| hash_all(reader, outlet)))
    }

    /// The next section; `None` at the end and after an error.
    pub(in crate::verify) fn next(&mut self) -> Result<Option<HashedSection>> {
        match self {
            Self::None => Ok(None),
            Self::Here(reader) => Ok(reader.next_or_skipped()?.map(HashedSection::hash)),
            Self::Ahead(ahead) => ahead.next()?.transpose(),
        }
    }
}

fn hash_all(mut reader: Reader<InputReader>, outlet: &mut Outlet<Result<HashedSection>>) {
    loop {
        let more = match reader.next_or_skipped() {
            Ok(None) => false,
            Ok(Some(section)) => {
                let length = memory_of(&section);
                // A batch ends with the bytes that were read, so that its memory has one owner.
                let is_last = !reader.holds_section();
                outlet.put(Ok(HashedSection::hash(section)), length) && (!is_last || outlet.flush())
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

/// The memory that a section uses, in bytes.
fn memory_of(section: &car::NextSection) -> usize {
    match section {
        car::NextSection::Read(section) => section.length(),
        car::NextSection::Skipped(_) => 0,
    }
}

/// Reads all sections of a file without hashing them, and processes each on one of as many threads
/// as there are processors. Returns each thread's result, and the problem that ended the reading.
pub(in crate::verify) fn each_section<T: Send>(
    input: &Input,
    begin: impl Fn() -> T + Sync,
    take_in: impl Fn(&mut T, car::NextSection) + Sync,
) -> Result<(Vec<T>, Option<Problem>)> {
    let reader = Reader::new(input.reader_at(0))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let others = if input.length() < THREAD_BYTES { 0 } else { threads.min(THREADS_MAX) - 1 };
    let (sender, batches) = sync_channel::<Vec<car::NextSection>>(2 * others);
    let batches = Mutex::new(batches);
    let work = || {
        let mut taken = begin();
        while let Some(batch) = take(&batches) {
            for section in batch {
                take_in(&mut taken, section);
            }
        }
        taken
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
        let mut taken = vec![begin()];
        let broken = taken
            .first_mut()
            .and_then(|first| share(reader, &sender, |section| take_in(first, section)).err());
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

/// With more threads, reading takes the time.
const THREADS_MAX: usize = 8;

fn take(batches: &Mutex<Receiver<Vec<car::NextSection>>>) -> Option<Vec<car::NextSection>> {
    batches.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Reads, and processes what the threads cannot keep up with.
fn share(
    mut reader: Reader<InputReader>,
    others: &SyncSender<Vec<car::NextSection>>,
    mut take_in: impl FnMut(car::NextSection),
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

/// Maximum sections per batch: the smallest take far more memory than their length.
const BATCH_SECTIONS: usize = 2048;

/// The sections of one read, or the first of them.
fn next_batch(reader: &mut Reader<InputReader>) -> Result<Vec<car::NextSection>> {
    let mut batch = Vec::new();
    loop {
        match reader.next_or_skipped() {
            Ok(Some(section)) => batch.push(section),
            Err(error) if batch.is_empty() => return Err(error),
            // The next call returns the error again.
            Ok(None) | Err(_) => return Ok(batch),
        }
        if !reader.holds_section() || batch.len() == BATCH_SECTIONS {
            return Ok(batch);
        }
    }
}

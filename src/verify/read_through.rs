//! Reads a whole file to index its sections.

use crate::block::Cid;
use crate::car;
use crate::error::Result;
use crate::problem::{Code, Problem};
use crate::verify::cid_hash::CidHash;
use crate::verify::index::{INDEXED_BYTES_MAX, Index, IndexSlot, SectionPlace, SectionState};
use crate::verify::input::{Input, InputReader};
use crate::verify::node_outline::{Budget, Gathered, NodeOutlines};
use crate::verify::others::Others;
use crate::verify::sections::{HashedSection, NODE, each_section};
use crate::verify::slots::{SlotList, SlotOutcome, links_possible};

/// Reads the header of a file that is to be indexed.
///
/// # Errors
/// `TooLarge` if it is too long for that; as [`Reader::new`](car::Reader::new).
pub(in crate::verify) fn read_header(input: &Input) -> Result<car::Reader<InputReader>> {
    if input.length() > INDEXED_BYTES_MAX {
        let message = format!("{} bytes; {INDEXED_BYTES_MAX} at most", input.length());
        return Err(Problem::new(Code::TooLarge, message).into());
    }
    car::Reader::new(input.reader_at(0))
}

/// The sections to index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::verify) enum IndexedKind {
    /// Those whose CIDs a block of a repository can have. The others are hashed and counted.
    Repository,
    /// Those with any other CID that a node can hold. Whether a node references one is known only
    /// when the walk requests it: since links have to be blessed, no repository has such records.
    Other,
}

/// What to collect.
#[derive(Clone, Copy)]
pub(in crate::verify) struct ReadThrough<'a> {
    pub(in crate::verify) input: &'a Input,
    pub(in crate::verify) kind: IndexedKind,
    /// Whether indexed sections are hashed too.
    pub(in crate::verify) hashes: bool,
    /// Whether node outlines are kept.
    pub(in crate::verify) keeps_nodes: bool,
}

/// The result.
pub(in crate::verify) struct FileFacts {
    /// The index, or a problem if there are too many sections.
    pub(in crate::verify) index: Result<Index, Problem>,
    pub(in crate::verify) pass: Pass,
}

/// The results besides the index.
pub(in crate::verify) struct Pass {
    pub(in crate::verify) nodes: Option<NodeOutlines>,
    pub(in crate::verify) others: Others,
    /// The number of sections.
    pub(in crate::verify) sections: u64,
    /// The problem that ended the reading.
    pub(in crate::verify) broken: Option<Problem>,
}

impl ReadThrough<'_> {
    /// Reads the file from its start, and a second time if many sections precede the nodes that may
    /// reference them.
    pub(in crate::verify) fn run(self) -> Result<FileFacts> {
        let cid_hash = CidHash::new();
        let (pass, listed) = match self.pass(&cid_hash, None)? {
            (_, SlotOutcome::TooMany { sections, allowed }) if sections <= allowed => {
                self.pass(&cid_hash, Some(sections))?
            }
            once => once,
        };
        let index = match listed {
            SlotOutcome::All(slots) => Ok(Index::new(cid_hash, slots)),
            SlotOutcome::TooMany { sections, allowed } => Err(too_many(sections, allowed)),
        };
        Ok(FileFacts { index, pass })
    }

    fn pass(self, cid_hash: &CidHash, most: Option<u64>) -> Result<(Pass, SlotOutcome)> {
        let (list, room) = (SlotList::new(most), Budget::default());
        let begin = || Worker {
            reading: self,
            cid_hash,
            list: &list,
            room: &room,
            slots: Vec::with_capacity(SLOTS_AT_ONCE),
            links: 0,
            sections: 0,
            others: Others::default(),
            nodes: Gathered::default(),
        };
        let (workers, broken) = each_section(self.input, begin, Worker::take)?;
        let (mut others, mut nodes, mut sections) = (Others::default(), Vec::new(), 0);
        for mut worker in workers {
            worker.flush();
            sections += worker.sections;
            others.merge(worker.others);
            nodes.push(worker.nodes);
        }
        let keeps = self.keeps_nodes;
        let nodes = keeps.then(|| NodeOutlines::of(nodes, cid_hash.clone(), &room)).flatten();
        Ok((Pass { nodes, others, sections, broken }, list.finish()))
    }
}

/// Slots per batch of a thread.
const SLOTS_AT_ONCE: usize = 4096;

/// The state of one thread.
struct Worker<'a> {
    reading: ReadThrough<'a>,
    cid_hash: &'a CidHash,
    list: &'a SlotList,
    room: &'a Budget,
    slots: Vec<IndexSlot>,
    links: u64,
    sections: u64,
    others: Others,
    nodes: Gathered,
}

impl Worker<'_> {
    fn take(&mut self, section: car::NextSection) {
        self.sections += 1;
        if let car::NextSection::Read(section) = &section
            && section.bytes().starts_with(NODE)
        {
            self.links += links_possible(section.bytes().len());
        }
        let is_of_repository = section.cid().map(Cid::is_of_repository);
        match (self.reading.kind, is_of_repository) {
            (IndexedKind::Repository, Some(true)) if self.reading.hashes => {
                self.index_hashed(section);
            }
            (IndexedKind::Repository, Some(true)) | (IndexedKind::Other, Some(false)) => {
                self.index(&section);
            }
            (IndexedKind::Repository, _) | (IndexedKind::Other, None) => {
                self.others.add(HashedSection::hash(section));
            }
            (IndexedKind::Other, Some(true)) => {}
        }
    }

    fn index(&mut self, section: &car::NextSection) {
        if let Some(cid) = section.cid() {
            self.push(cid, place_of(section));
        }
    }

    fn index_hashed(&mut self, section: car::NextSection) {
        let place = place_of(&section);
        let section = HashedSection::hash(section);
        let Some(cid) = section.cid() else { return };
        // The hash distinguishes blessed CIDs with certainty.
        let is_sound = section.is_sound && cid.blessed().is_some();
        self.push(
            cid,
            if is_sound { SectionPlace { state: SectionState::Verified, ..place } } else { place },
        );
        if self.reading.keeps_nodes
            && !section.is_sound
            && let Ok(block) = section.into_block()
        {
            self.nodes.add(&block, self.cid_hash, self.room);
        }
    }

    fn push(&mut self, cid: &Cid, place: SectionPlace) {
        self.slots.push(IndexSlot::new(self.cid_hash, cid, place));
        if self.slots.len() == SLOTS_AT_ONCE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.list.add(&mut self.slots, std::mem::take(&mut self.links));
    }
}

fn place_of(section: &car::NextSection) -> SectionPlace {
    match section {
        car::NextSection::Read(section) => SectionPlace {
            offset: section.offset,
            length: section.length() as u64,
            state: SectionState::Unknown,
        },
        car::NextSection::Skipped(skipped) => {
            let is_wrong = skipped.is_right == Some(false);
            let state = if is_wrong { SectionState::LongWrong } else { SectionState::Long };
            SectionPlace { offset: skipped.offset, length: 0, state }
        }
    }
}

/// The problem of a file with more sections than its tree can reference.
pub(in crate::verify) fn too_many(sections: u64, allowed: u64) -> Problem {
    let message = format!(
        "{sections} sections that could be of the repository, of which the tree can reach so few \
         that {allowed} are allowed"
    );
    Problem::new(Code::TooManyBlocks, message)
}

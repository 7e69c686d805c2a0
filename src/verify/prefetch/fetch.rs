//! Reads a file in the order of its tree, ahead of the walk.
//!
//! It follows links and checks only hashes, so it predicts what the walk will request. The walk
//! checks the blocks, and reads by itself where the prediction is wrong.

use crate::block::{Block, Cid};
use crate::car::varint::BYTES_MAX;
use crate::car::{NextSection, SkippedSection, parse_section, section_start};
use crate::error::Result;
use crate::limits::{CID_BYTES_MAX, LAYER_MAX};
use crate::tree::{NodeLink, links};
use crate::verify::index::{Index, SectionPlace, SectionState};
use crate::verify::input::Input;
use crate::verify::prefetch::read_ahead::{Ahead, Outlet};
use crate::verify::sections::is_sound;
use std::hint::black_box;
use std::sync::Arc;

/// Threads that read records, if records are needed.
const READERS: usize = 2;

/// A block that the walk will probably request next.
pub(in crate::verify) struct Fetched {
    pub(in crate::verify) cid: Cid,
    pub(in crate::verify) found: FetchedBlock,
}

/// What the file holds for it.
pub(in crate::verify) enum FetchedBlock {
    /// A section with the right hash.
    Block(IndexedSection, Block),
    /// A section that was found valid when the file was indexed; its bytes were not requested.
    Unread(IndexedSection),
    /// A record's section, to be read next.
    Planned(IndexedSection),
    /// None, several or an invalid section: the walk looks it up.
    Unclear,
}

/// A section in the index.
#[derive(Clone, Copy)]
pub(in crate::verify) struct IndexedSection {
    pub(in crate::verify) slot: usize,
    pub(in crate::verify) place: SectionPlace,
}

/// The input of a prefetch, and its limits.
#[derive(Clone)]
pub(in crate::verify) struct Source {
    pub(in crate::verify) input: Input,
    pub(in crate::verify) index: Arc<Index>,
    /// Whether the bytes of valid records are needed too.
    pub(in crate::verify) with_records: bool,
}

impl Source {
    /// Prefetches the subtree of this node, unless it holds only records.
    pub(in crate::verify) fn fetch_below(&self, node: &Block) -> Option<Ahead<Fetched>> {
        let links = links(node.bytes()).ok()?;
        if !links.iter().any(|link| matches!(link, NodeLink::Node(_))) {
            return None;
        }
        let source = self.clone();
        let plan = move |outlet: &mut Outlet<Fetched>| {
            // It ends if the walk stops or the file cannot be read; the walk finds the cause.
            let _ = source.descend(links, outlet);
        };
        if !self.with_records {
            return Some(Ahead::start(plan));
        }
        // One thread reads the nodes, which determine the order. Most of the reading is records.
        let source = self.clone();
        Some(Ahead::start_several(READERS, plan, move |planned| source.read_planned(planned)))
    }

    fn descend(&self, first: Vec<NodeLink>, outlet: &mut Outlet<Fetched>) -> Option<()> {
        let mut due = vec![self.steps(first)];
        while let Some(steps) = due.last_mut() {
            let Some(step) = steps.next() else {
                due.pop();
                continue;
            };
            let is_node = step.is_node;
            let fetched = self.fetch(step).ok()?;
            let node = fetched.block().filter(|_| is_node);
            let below = node.and_then(|block| links(block.bytes()).ok());
            let bytes = fetched.memory();
            if !outlet.put(fetched, bytes) {
                return None;
            }
            if due.len() <= usize::from(LAYER_MAX) {
                due.extend(below.map(|links| self.steps(links)));
            }
        }
        Some(())
    }

    /// The links of a node, looked up together so that the memory loads overlap.
    fn steps(&self, links: Vec<NodeLink>) -> std::vec::IntoIter<FetchStep> {
        let hash = |link: &NodeLink| match link {
            NodeLink::Node(cid) | NodeLink::Record(cid) => self.index.hash(cid),
        };
        let hashes: Vec<u64> = links.iter().map(hash).collect();
        black_box(hashes.iter().fold(0, |all, hash| all ^ self.index.warm(*hash)));
        let step = |(link, hash)| {
            let at = self.look_up(hash);
            match link {
                NodeLink::Node(cid) => FetchStep { cid, is_node: true, at },
                NodeLink::Record(cid) => FetchStep { cid, is_node: false, at },
            }
        };
        links.into_iter().zip(hashes).map(step).collect::<Vec<_>>().into_iter()
    }

    /// The section of a block, if there is exactly one.
    fn look_up(&self, hash: u64) -> Option<IndexedSection> {
        let range = self.index.candidates(hash);
        let slot = range.start;
        if range.len() == 1 {
            Some(IndexedSection { slot, place: self.index.place(slot)? })
        } else {
            None
        }
    }

    fn fetch(&self, step: FetchStep) -> Result<Fetched> {
        let FetchStep { cid, is_node, at } = step;
        let Some(at) = at else { return Ok(Fetched { cid, found: FetchedBlock::Unclear }) };
        if !is_node && self.with_records {
            return Ok(Fetched { cid, found: FetchedBlock::Planned(at) });
        }
        if !is_node && at.place.state == SectionState::Verified {
            return Ok(Fetched { cid, found: FetchedBlock::Unread(at) });
        }
        self.read(cid, at, is_node)
    }

    fn read_planned(&self, planned: Fetched) -> Fetched {
        let FetchedBlock::Planned(at) = planned.found else { return planned };
        // If it cannot be read, the walk finds the error when it looks it up.
        self.read(planned.cid.clone(), at, false)
            .unwrap_or(Fetched { cid: planned.cid, found: FetchedBlock::Unclear })
    }

    fn read(&self, cid: Cid, at: IndexedSection, is_node: bool) -> Result<Fetched> {
        let found = match read_section(&self.input, at.place)?.into_block() {
            Ok(block) if *block.cid() == cid => {
                let is_sound =
                    at.place.state == SectionState::Verified || !is_node && is_sound(&block);
                let state = if is_sound { SectionState::Verified } else { at.place.state };
                FetchedBlock::Block(
                    IndexedSection { place: SectionPlace { state, ..at.place }, ..at },
                    block,
                )
            }
            _ => FetchedBlock::Unclear,
        };
        Ok(Fetched { cid, found })
    }
}

/// A link of a node.
struct FetchStep {
    cid: Cid,
    is_node: bool,
    at: Option<IndexedSection>,
}

impl Fetched {
    fn memory(&self) -> usize {
        match &self.found {
            FetchedBlock::Block(at, _) | FetchedBlock::Planned(at) => {
                usize::try_from(at.place.length).unwrap_or(usize::MAX)
            }
            FetchedBlock::Unread(_) | FetchedBlock::Unclear => size_of::<Self>(),
        }
    }

    fn block(&self) -> Option<&Block> {
        match &self.found {
            FetchedBlock::Block(_, block) => Some(block),
            FetchedBlock::Unread(_) | FetchedBlock::Planned(_) | FetchedBlock::Unclear => None,
        }
    }
}

/// Reads the section at this place; of a long section only the start.
pub(in crate::verify) fn read_section(input: &Input, place: SectionPlace) -> Result<NextSection> {
    let SectionPlace { offset, length, state } = place;
    if !matches!(state, SectionState::Long | SectionState::LongWrong) {
        // The index has the lengths of sections that fit into memory.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = input.read_exact_at(offset, length)?;
        return Ok(NextSection::Read(parse_section(&bytes.into(), offset)?));
    }
    let start = input.read_exact_at(offset, BYTES_MAX + CID_BYTES_MAX)?;
    let (length, cid) = section_start(&start, offset)?;
    let is_checked = cid.as_ref().is_some_and(|cid| cid.comparison().is_some());
    let is_right = is_checked.then_some(state == SectionState::Long);
    Ok(NextSection::Skipped(SkippedSection { offset, length, cid, is_right }))
}

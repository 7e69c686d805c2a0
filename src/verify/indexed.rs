//! What there is of a file that is not in streaming order.

use crate::block::{Block, Cid};
use crate::car;
use crate::error::Result;
use crate::verify::index::{Index, RequestedSections, SectionPlace};
use crate::verify::input::Input;
use crate::verify::node_outline::{NodeOutlines, TreeCounts};
use crate::verify::others::Others;
use crate::verify::position::{self, Position, RepeatedTooOften};
use crate::verify::prefetch::fetch::{Fetched, IndexedSection, Source, read_section};
use crate::verify::prefetch::read_ahead::Ahead;
use crate::verify::sections::{HashedSection, THREAD_BYTES};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

/// How many times its own length an input may be read for blocks that the tree names repeatedly,
/// and how many bytes in any case: honest repositories repeat little, and only small records.
const REPEATED_FACTOR: u64 = 4;
const REPEATED_BYTES: u64 = 64 << 20;

/// A walk that leaves out much of the tree, or came late to the index, may start fetching so often
/// for fewer blocks than [`WORTHWHILE`]; then it reads for itself.
const TRIES: u32 = 16;
const WORTHWHILE: u64 = 256;

/// What the two threads that judge a tree hand over at a time, and how many may wait.
const LINKS_IN_A_BATCH: usize = 8192;
const BATCHES_WAITING: usize = 3;

/// A file whose sections can be looked up.
pub(in crate::verify) struct IndexedFile {
    pub(in crate::verify) source: Source,
    position: position::IndexedPosition,
    pub(in crate::verify) others: OtherSections,
    /// Its nodes, until the tree has been judged.
    compact: Option<NodeOutlines>,
    ahead: Option<Ahead<Fetched>>,
    /// What the fetching that is under way has given.
    fetched: u64,
    /// How many more times fetching may be begun for little.
    tries: u32,
}

/// Sections with CIDs that no block of a repository has.
pub(in crate::verify) enum OtherSections {
    /// Nothing has asked for one.
    Unindexed,
    /// A node has named one.
    Indexed(Index, RequestedSections),
    /// A node has named one, and they are too many to be looked up.
    TooMany,
}

/// What nothing has asked for.
pub(in crate::verify) struct Unrequested {
    /// As a report counts them.
    pub(in crate::verify) unreferenced: u64,
    /// Whether some are copies of what was asked for.
    pub(in crate::verify) has_copies: bool,
    /// What is wrong with them.
    pub(in crate::verify) findings: Others,
    /// Sections that were asked for, and those that were not.
    pub(in crate::verify) reached: u64,
    pub(in crate::verify) unreached: u64,
}

impl Unrequested {
    /// Of an input of which so many sections were asked for, one after the other, and no more.
    pub(in crate::verify) fn none(reached: u64) -> Self {
        let findings = Others::default();
        Self { unreferenced: 0, has_copies: false, findings, reached, unreached: 0 }
    }
}

impl IndexedFile {
    /// Of a walk that has been given what stands before `in_order`.
    pub(in crate::verify) fn new(
        input: &Input,
        index: Index,
        compact: Option<NodeOutlines>,
        in_order: u64,
        with_records: bool,
    ) -> Self {
        let index = Arc::new(index);
        Self {
            position: position::IndexedPosition {
                taken: RequestedSections::before(&index, in_order),
                repeatable: input.length().saturating_mul(REPEATED_FACTOR) + REPEATED_BYTES,
            },
            source: Source { input: input.clone(), index, with_records },
            others: OtherSections::Unindexed,
            compact,
            ahead: None,
            fetched: 0,
            tries: if input.length() < THREAD_BYTES { 0 } else { TRIES },
        }
    }

    /// Notes that a section with this CID has been given.
    pub(in crate::verify) fn pass(
        &mut self,
        position: &mut Position,
        cid: &Cid,
        at: IndexedSection,
    ) -> Result<(), RepeatedTooOften> {
        let taken = match &mut self.others {
            OtherSections::Indexed(_, taken) if !cid.is_of_repository() => taken,
            _ => &mut self.position.taken,
        };
        position.pass(taken, &mut self.position.repeatable, at.slot, at.place)
    }

    /// Finds out whether the tree below `root` has nothing wrong with it. One thread goes through
    /// its nodes, this one looks up what they link to.
    pub(in crate::verify) fn check_outline(
        &mut self,
        root: &Cid,
        position: &mut Position,
    ) -> Option<TreeCounts> {
        let compact = self.compact.take()?;
        let root = root.clone();
        let mut indexed = self.position.clone();
        let (sender, batches) = sync_channel::<Vec<(u64, bool)>>(BATCHES_WAITING);
        let judging = std::thread::spawn(move || {
            let mut batch = Vec::with_capacity(LINKS_IN_A_BATCH);
            let sound = compact.check_outline(&root, |hash, is_node| {
                batch.push((hash, is_node));
                let is_full = batch.len() == LINKS_IN_A_BATCH;
                !is_full || sender.send(std::mem::take(&mut batch)).is_ok()
            });
            sound.filter(|_| sender.send(batch).is_ok())
        });
        let is_there = batches
            .iter()
            .all(|links| position.pass_all(&mut indexed, &self.source.index, &links).is_some());
        drop(batches);
        // One that died has found nothing out.
        let sound = judging.join().ok()?.filter(|_| is_there)?;
        self.position = indexed;
        Some(sound)
    }

    /// What was fetched ahead, if it is this; if it is something else, the walk has left the way,
    /// and nothing more of it is of use.
    pub(in crate::verify) fn take_fetched(&mut self, cid: &Cid) -> Result<Option<Fetched>> {
        let Some(ahead) = &mut self.ahead else { return Ok(None) };
        match ahead.next()? {
            Some(fetched) if fetched.cid == *cid => {
                self.fetched += 1;
                Ok(Some(fetched))
            }
            _ => {
                self.ahead = None;
                self.tries -= u32::from(self.fetched < WORTHWHILE);
                Ok(None)
            }
        }
    }

    pub(in crate::verify) fn fetch_below(&mut self, block: &Block) {
        if self.ahead.is_some() || self.tries == 0 {
            return;
        }
        self.fetched = 0;
        self.ahead = self.source.fetch_below(block);
    }

    /// A section with this CID: the one that is due, if it is one of several.
    pub(in crate::verify) fn find(
        &self,
        cid: &Cid,
        in_order: u64,
    ) -> Result<Option<(IndexedSection, car::NextSection)>> {
        let index = match &self.others {
            _ if cid.is_of_repository() => &*self.source.index,
            OtherSections::Indexed(index, _) => index,
            _ => return Ok(None),
        };
        let range = index.candidates(index.hash(cid));
        let due = index.at_offset(range.clone(), in_order);
        for slot in due.into_iter().chain(range) {
            let Some(place) = index.place(slot) else { continue };
            let section = read_section(&self.source.input, place)?;
            if section.cid() == Some(cid) {
                // Of a long one only now.
                let place = SectionPlace { length: section.length(), ..place };
                return Ok(Some((IndexedSection { slot, place }, section)));
            }
        }
        Ok(None)
    }

    /// Hashes the sections that nothing asked for, and counts them.
    pub(in crate::verify) fn check_rest(&self) -> Result<Unrequested> {
        let (index, taken) = (&self.source.index, &self.position.taken);
        let mut rest = self.rest_of(index, taken, true)?;
        if let OtherSections::Indexed(index, taken) = &self.others {
            let others = self.rest_of(index, taken, false)?;
            rest.unreferenced += others.unreferenced;
            rest.has_copies |= others.has_copies;
            rest.findings.merge(others.findings);
            rest.reached += others.reached;
            rest.unreached += others.unreached;
        }
        Ok(rest)
    }

    fn rest_of(
        &self,
        index: &Index,
        taken: &RequestedSections,
        counts_cids: bool,
    ) -> Result<Unrequested> {
        let input = &self.source.input;
        let (mut unreferenced, mut has_copies) = (0, false);
        let mut findings = Others::default();
        for group in taken.rest(index) {
            let taken_one = match group.taken.and_then(|slot| index.place(slot)) {
                Some(place) => Some(read_section(input, place)?),
                None => None,
            };
            let taken_cid = taken_one.as_ref().and_then(car::NextSection::cid);
            let mut seen = HashSet::new();
            for place in taken.left(&group).filter_map(|slot| index.place(slot)) {
                let section = read_section(input, place)?;
                if let Some(cid) = section.cid() {
                    if taken_cid == Some(cid) {
                        has_copies = true;
                    } else if seen.insert(cid.clone()) || !counts_cids {
                        unreferenced += 1;
                    }
                }
                findings.add(HashedSection::hash(section));
            }
        }
        let reached = taken.count();
        let unreached = index.sections().saturating_sub(reached);
        Ok(Unrequested { unreferenced, has_copies, findings, reached, unreached })
    }
}

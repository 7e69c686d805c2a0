//! What a walk has been given of a file, in which order.

use crate::verify::index::{Index, RequestedSections, SectionPlace, SectionState};
use std::ops::Range;

/// How far a walk has come.
#[derive(Clone)]
pub(in crate::verify) struct Position {
    /// Bytes of the sections that were given, and of the header.
    pub(in crate::verify) given: u64,
    /// Where the sections that came in order end.
    pub(in crate::verify) in_order: u64,
    pub(in crate::verify) streaming: bool,
}

/// The same of a file that has been indexed.
#[derive(Clone)]
pub(in crate::verify) struct IndexedPosition {
    pub(in crate::verify) taken: RequestedSections,
    /// Bytes that may still be given a second time.
    pub(in crate::verify) repeatable: u64,
}

/// The tree names blocks again and again: more than several times the whole input.
pub(in crate::verify) struct RepeatedTooOften;

impl Position {
    /// Begins behind the header.
    pub(in crate::verify) fn from(offset: u64) -> Self {
        Self { given: offset, in_order: offset, streaming: true }
    }

    /// The section that is next in the file has been given.
    pub(in crate::verify) fn pass_next(&mut self, offset: u64, length: u64) {
        self.given += length;
        self.in_order = offset + length;
    }

    /// A section has been given, of the index that this is the record of; so many bytes may be given
    /// a second time.
    pub(in crate::verify) fn pass(
        &mut self,
        taken: &mut RequestedSections,
        repeatable: &mut u64,
        slot: usize,
        place: SectionPlace,
    ) -> Result<(), RepeatedTooOften> {
        let SectionPlace { offset, length, .. } = place;
        self.given += length;
        let was_taken = taken.take(slot);
        if was_taken {
            *repeatable = repeatable.checked_sub(length).ok_or(RepeatedTooOften)?;
        }
        if offset == self.in_order {
            self.in_order += length;
        } else if !was_taken {
            self.streaming = false;
        }
        Ok(())
    }

    /// Links of a tree in the order of a walk, each with whether it is to a node: `None` if one of
    /// them has no section, or it takes a look at the sections to tell.
    pub(in crate::verify) fn pass_all(
        &mut self,
        indexed: &mut IndexedPosition,
        index: &Index,
        links: &[(u64, bool)],
    ) -> Option<()> {
        for some in links.chunks(LOOKED_UP_TOGETHER) {
            std::hint::black_box(some.iter().fold(0, |all, (hash, _)| all ^ index.warm(*hash)));
            for (hash, is_node) in some {
                let slot = self.slot(index, *hash, *is_node)?;
                let place = index.place(slot)?;
                self.pass(&mut indexed.taken, &mut indexed.repeatable, slot, place).ok()?;
            }
        }
        Some(())
    }
}

impl Position {
    /// The section that a walk would take for this link, if it is certain that nothing is wrong with
    /// it. Of a record there may be several: the one that is due, or the first.
    fn slot(&self, index: &Index, hash: u64, is_node: bool) -> Option<usize> {
        let range = index.candidates(hash);
        let first = range.start;
        if is_node {
            return Some(first).filter(|_| range.len() == 1);
        }
        // Of several, each is what the first is.
        if range.is_empty() || index.place(first)?.state != SectionState::Verified {
            return None;
        }
        Some(if range.len() == 1 { first } else { self.due(index, range) })
    }

    fn due(&self, index: &Index, range: Range<usize>) -> usize {
        let first = range.start;
        index.at_offset(range, self.in_order).unwrap_or(first)
    }
}

/// The memory's answers to so many look-ups come together.
const LOOKED_UP_TOGETHER: usize = 32;

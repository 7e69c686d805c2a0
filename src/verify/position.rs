//! The progress of a walk through a file.

use crate::verify::index::{Index, RequestedSections, SectionPlace, SectionState};
use std::ops::Range;

/// The sections that a walk has received.
#[derive(Clone)]
pub(in crate::verify) struct Position {
    /// Bytes of the header and of the sections that the walk received.
    pub(in crate::verify) given: u64,
    /// The end of the sections received in order.
    pub(in crate::verify) in_order: u64,
    pub(in crate::verify) streaming: bool,
}

/// The progress in an indexed file.
#[derive(Clone)]
pub(in crate::verify) struct IndexedPosition {
    pub(in crate::verify) taken: RequestedSections,
    /// Bytes that may still be read repeatedly.
    pub(in crate::verify) repeatable: u64,
}

/// The tree references blocks repeatedly, for more than several times the length of the input.
pub(in crate::verify) struct RepeatedTooOften;

impl Position {
    /// Starts after the header.
    pub(in crate::verify) fn from(offset: u64) -> Self {
        Self { given: offset, in_order: offset, streaming: true }
    }

    /// The walk received the next section of the file.
    pub(in crate::verify) fn pass_next(&mut self, offset: u64, length: u64) {
        self.given += length;
        self.in_order = offset + length;
    }

    /// The walk received an indexed section; `repeatable` is the limit for repeated bytes.
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

    /// Records the links of a tree in the order of a walk, each with whether it leads to a node.
    /// `None` if a link has no section, or if a section must be read to decide.
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
    /// The section that a walk would take for this link, if it is certainly valid. Of several
    /// copies of a record it is the next in order, or the first.
    fn slot(&self, index: &Index, hash: u64, is_node: bool) -> Option<usize> {
        let range = index.candidates(hash);
        let first = range.start;
        if is_node {
            return Some(first).filter(|_| range.len() == 1);
        }
        // All copies have the state of the first.
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

/// Look-ups whose memory loads overlap.
const LOOKED_UP_TOGETHER: usize = 32;

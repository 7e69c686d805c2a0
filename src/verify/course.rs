//! What a walk has been given of a file, in which order.

use super::index::{Index, Place, Taken};

/// How far a walk has come.
#[derive(Clone)]
pub(super) struct Course {
    /// Bytes of the sections that were given, and of the header.
    pub(super) given: u64,
    /// Where the sections that came in order end.
    pub(super) in_order: u64,
    pub(super) streaming: bool,
}

/// The same of a file that has been indexed.
#[derive(Clone)]
pub(super) struct Indexed {
    pub(super) taken: Taken,
    /// Bytes that may still be given a second time.
    pub(super) repeatable: u64,
}

/// The tree names blocks again and again: more than several times the whole input.
pub(super) struct RepeatedTooOften;

impl Course {
    /// Begins behind the header.
    pub(super) fn from(offset: u64) -> Self {
        Self { given: offset, in_order: offset, streaming: true }
    }

    /// The section that is next in the file has been given.
    pub(super) fn pass_next(&mut self, offset: u64, length: usize) {
        self.given += length as u64;
        self.in_order = offset + length as u64;
    }

    /// A section of the index has been given.
    pub(super) fn pass(
        &mut self,
        indexed: &mut Indexed,
        slot: usize,
        place: Place,
    ) -> Result<(), RepeatedTooOften> {
        let (offset, length) = (place.offset, place.length as u64);
        self.given += length;
        let was_taken = indexed.taken.take(slot);
        if was_taken {
            indexed.repeatable = indexed.repeatable.checked_sub(length).ok_or(RepeatedTooOften)?;
        }
        if offset == self.in_order {
            self.in_order += length;
        } else if !was_taken {
            self.streaming = false;
        }
        Ok(())
    }

    /// Links of a tree in the order of a walk, each with whether it is to a node: `None` if one of
    /// them has no section, several, or one that is not known to be sound.
    pub(super) fn pass_all(
        &mut self,
        indexed: &mut Indexed,
        index: &Index,
        links: &[(u64, bool)],
    ) -> Option<()> {
        for some in links.chunks(LOOKED_UP_TOGETHER) {
            std::hint::black_box(some.iter().fold(0, |all, (hash, _)| all ^ index.warm(*hash)));
            for (hash, is_node) in some {
                let range = index.candidates(*hash);
                let slot = range.start;
                let place = index.place(slot).filter(|_| range.len() == 1)?;
                (*is_node || place.is_sound).then_some(())?;
                self.pass(indexed, slot, place).ok()?;
            }
        }
        Some(())
    }
}

/// The memory's answers to so many look-ups come together.
const LOOKED_UP_TOGETHER: usize = 32;

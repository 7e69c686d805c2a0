//! Where each block of a CAR is, and what is known of it: 16 bytes a section, whatever the size of
//! the blocks.

use super::keyed::Keyed;
use crate::block::Cid;
use crate::limits::SECTION_BYTES_MAX;
use std::ops::Range;

/// Finds sections by CID.
///
/// Two sections share a hash only by chance, 2^-64 for any two: the hash is keyed afresh for each
/// index, so whoever wrote the file cannot foresee it. Answers do not depend on the key.
pub(super) struct Index {
    keyed: Keyed,
    slots: Vec<Slot>,
    /// Where the slots of each range of hashes begin, so that a look-up touches one or two lines
    /// of memory instead of twenty.
    directory: Vec<u32>,
    /// How far a hash is shifted to give its range.
    shift: u32,
}

/// What the index keeps of a section.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    hash: u64,
    /// Offset in the upper 40 bits, then whether it is sound, then the length.
    place: u64,
}

/// A section's place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) length: usize,
    /// The bytes were hashed and are a record that an import takes, without any remark.
    pub(super) is_sound: bool,
}

/// The largest file that can be indexed: offsets have 40 bits.
pub(super) const INDEXED_BYTES_MAX: u64 = 1 << 40;
const OFFSET_SHIFT: u32 = 24;
const SOUND: u64 = 1 << 23;
const LENGTH: u64 = SOUND - 1;
/// A section's varint takes four bytes at most.
const _: () = assert!(SECTION_BYTES_MAX as u64 + 4 <= LENGTH);

impl Slot {
    pub(super) fn new(keyed: &Keyed, cid: &Cid, place: Place) -> Self {
        let sound = if place.is_sound { SOUND } else { 0 };
        let place = place.offset << OFFSET_SHIFT | sound | place.length as u64;
        Self { hash: keyed.hash(cid), place }
    }

    fn offset(self) -> u64 {
        self.place >> OFFSET_SHIFT
    }

    fn place(self) -> Place {
        // 23 bits fit everywhere.
        let length = usize::try_from(self.place & LENGTH).unwrap_or(usize::MAX);
        Place { offset: self.offset(), length, is_sound: self.place & SOUND != 0 }
    }
}

impl Index {
    /// An index of these slots, whose hashes are of this key.
    pub(super) fn new(keyed: Keyed, mut slots: Vec<Slot>) -> Self {
        slots.sort_unstable();
        slots.shrink_to_fit();
        let mut index = Self { keyed, slots, directory: Vec::new(), shift: u64::BITS };
        index.build_directory();
        index
    }

    /// A range holds four slots on average. An index too large for it does without.
    fn build_directory(&mut self) {
        let ranges = (self.slots.len() / 4).next_power_of_two().max(2);
        if u32::try_from(self.slots.len()).is_err() {
            return;
        }
        self.shift = u64::BITS - ranges.trailing_zeros();
        self.directory = Vec::with_capacity(ranges + 1);
        let mut range = 0;
        for (number, slot) in (0u32..).zip(&self.slots) {
            while range <= slot.hash >> self.shift {
                self.directory.push(number);
                range += 1;
            }
        }
        // At most u32::MAX slots, as was checked.
        let end = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.directory.resize(ranges + 1, end);
    }

    /// The slots in which `cid` may be, by number.
    pub(super) fn candidates(&self, cid: &Cid) -> Range<usize> {
        let hash = self.keyed.hash(cid);
        let near = self.near(hash);
        let slots = self.slots.get(near.clone()).unwrap_or_default();
        let start = slots.partition_point(|slot| slot.hash < hash);
        let rest = slots.get(start..).unwrap_or_default();
        let count = rest.iter().take_while(|slot| slot.hash == hash).count();
        near.start + start..near.start + start + count
    }

    /// The slots whose hashes are in the same range.
    fn near(&self, hash: u64) -> Range<usize> {
        let range = hash.checked_shr(self.shift).and_then(|range| usize::try_from(range).ok());
        let bound =
            |range: usize| self.directory.get(range).and_then(|at| usize::try_from(*at).ok());
        match range.and_then(|range| Some((bound(range)?, bound(range + 1)?))) {
            Some((start, end)) => start..end,
            None => 0..self.slots.len(),
        }
    }

    /// The candidate at `offset`, if there is one.
    pub(super) fn at_offset(&self, range: Range<usize>, offset: u64) -> Option<usize> {
        let slots = self.slots.get(range.clone())?;
        let found = slots.iter().position(|slot| slot.offset() == offset)?;
        Some(range.start + found)
    }

    pub(super) fn place(&self, slot: usize) -> Option<Place> {
        self.slots.get(slot).map(|slot| slot.place())
    }
}

/// Which sections the walk has asked for.
pub(super) struct Taken(Vec<u64>);

impl Taken {
    /// Those of this index that stand before `offset`.
    pub(super) fn before(index: &Index, offset: u64) -> Self {
        let mut taken = Self(vec![0; index.slots.len().div_ceil(64)]);
        if offset > 0 {
            for (number, slot) in index.slots.iter().enumerate() {
                if slot.offset() < offset {
                    taken.take(number);
                }
            }
        }
        taken
    }

    /// Marks a section as asked for; says whether it was before.
    pub(super) fn take(&mut self, slot: usize) -> bool {
        let bit = 1 << (slot % 64);
        let Some(word) = self.0.get_mut(slot / 64) else { return false };
        let was = *word & bit != 0;
        *word |= bit;
        was
    }

    fn holds(&self, slot: usize) -> bool {
        self.0.get(slot / 64).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    /// The sections that nobody asked for, in groups that share a hash, with one slot of the
    /// group that was asked for if there is one.
    pub(super) fn rest<'a>(
        &'a self,
        index: &'a Index,
    ) -> impl Iterator<Item = (Vec<usize>, Option<usize>)> + 'a {
        let slots = &index.slots;
        // Mostly there is none: that is seen at a glance.
        let taken = self.0.iter().map(|word| word.count_ones() as usize).sum::<usize>();
        let mut start = if taken == slots.len() { slots.len() } else { 0 };
        std::iter::from_fn(move || {
            while let Some(first) = slots.get(start) {
                let rest = slots.get(start..).unwrap_or_default();
                let end = start + rest.iter().take_while(|slot| slot.hash == first.hash).count();
                let group = start..end;
                start = end;
                let left: Vec<usize> = group.clone().filter(|slot| !self.holds(*slot)).collect();
                if !left.is_empty() {
                    return Some((left, group.clone().find(|slot| self.holds(*slot))));
                }
            }
            None
        })
    }
}

//! Where each block of a CAR is: 16 bytes a section, whatever the size of the blocks.

use crate::block::Cid;
use std::hash::{BuildHasher, RandomState};

/// Finds sections by CID. Which sections share a slot cannot be foreseen by whoever wrote the
/// file: the hash is keyed afresh for each index. Answers do not depend on the key.
pub(super) struct Index {
    hasher: RandomState,
    slots: Vec<Slot>,
    /// Where the slots of each range of hashes begin, so that a look-up touches one or two lines
    /// of memory instead of twenty.
    directory: Vec<u32>,
    /// How far a hash is shifted to give its range.
    shift: u32,
    taken: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    hash: u64,
    /// Offset in the upper 40 bits, length in the lower 24.
    place: u64,
}

/// A section's place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) length: usize,
}

/// The largest file that can be indexed: offsets have 40 bits.
pub(super) const INDEXED_BYTES_MAX: u64 = 1 << 40;
const LENGTH_BITS: u32 = 24;

impl Slot {
    fn place(self) -> Place {
        let length = self.place & ((1 << LENGTH_BITS) - 1);
        // 24 bits fit everywhere.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Place { offset: self.place >> LENGTH_BITS, length }
    }
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            slots: Vec::new(),
            directory: Vec::new(),
            shift: u64::BITS,
            taken: Vec::new(),
        }
    }

    /// Adds a section; [`Index::sort`] has to follow before anything is looked up.
    pub(super) fn push(&mut self, cid: &Cid, place: Place) {
        let place = place.offset << LENGTH_BITS | place.length as u64;
        self.slots.push(Slot { hash: self.hasher.hash_one(cid), place });
    }

    pub(super) fn sort(&mut self) {
        self.slots.sort_unstable();
        self.slots.shrink_to_fit();
        self.taken = vec![0; self.slots.len().div_ceil(64)];
        self.build_directory();
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
    pub(super) fn candidates(&self, cid: &Cid) -> std::ops::Range<usize> {
        let hash = self.hasher.hash_one(cid);
        let near = self.near(hash);
        let slots = self.slots.get(near.clone()).unwrap_or_default();
        let start = slots.partition_point(|slot| slot.hash < hash);
        let rest = slots.get(start..).unwrap_or_default();
        let count = rest.partition_point(|slot| slot.hash == hash);
        near.start + start..near.start + start + count
    }

    /// The slots whose hashes are in the same range.
    fn near(&self, hash: u64) -> std::ops::Range<usize> {
        let range = hash.checked_shr(self.shift).and_then(|range| usize::try_from(range).ok());
        let bound =
            |range: usize| self.directory.get(range).and_then(|at| usize::try_from(*at).ok());
        match range.and_then(|range| Some((bound(range)?, bound(range + 1)?))) {
            Some((start, end)) => start..end,
            None => 0..self.slots.len(),
        }
    }

    /// The candidate at `offset`, if there is one.
    pub(super) fn at_offset(&self, range: std::ops::Range<usize>, offset: u64) -> Option<usize> {
        let slots = self.slots.get(range.clone())?;
        let found = slots.partition_point(|slot| slot.place().offset < offset);
        slots.get(found).filter(|slot| slot.place().offset == offset)?;
        Some(range.start + found)
    }

    pub(super) fn place(&self, slot: usize) -> Option<Place> {
        self.slots.get(slot).map(|slot| slot.place())
    }

    /// Marks a section as asked for; says whether it was before.
    pub(super) fn take(&mut self, slot: usize) -> bool {
        let bit = 1 << (slot % 64);
        let Some(word) = self.taken.get_mut(slot / 64) else { return false };
        let was = *word & bit != 0;
        *word |= bit;
        was
    }

    pub(super) fn is_taken(&self, slot: usize) -> bool {
        self.taken.get(slot / 64).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    /// Marks everything before `offset` as asked for.
    pub(super) fn take_before(&mut self, offset: u64) {
        for slot in 0..self.slots.len() {
            if self.place(slot).is_some_and(|place| place.offset < offset) {
                self.take(slot);
            }
        }
    }

    /// The sections that nobody asked for, in groups that share a hash, with one slot of the
    /// group that was asked for if there is one.
    pub(super) fn untaken(&self) -> impl Iterator<Item = (Vec<usize>, Option<usize>)> + '_ {
        let mut start = 0;
        std::iter::from_fn(move || {
            while let Some(first) = self.slots.get(start) {
                let rest = self.slots.get(start..).unwrap_or_default();
                let end = start + rest.partition_point(|slot| slot.hash == first.hash);
                let group = start..end;
                start = end;
                let left: Vec<usize> = group.clone().filter(|slot| !self.is_taken(*slot)).collect();
                if !left.is_empty() {
                    return Some((left, group.clone().find(|slot| self.is_taken(*slot))));
                }
            }
            None
        })
    }
}

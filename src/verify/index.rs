//! Where each block of a CAR is: 16 bytes a section, whatever the size of the blocks.

use crate::block::Cid;
use std::hash::{BuildHasher, RandomState};

/// Finds sections by CID. Which sections share a slot cannot be foreseen by whoever wrote the
/// file: the hash is keyed afresh for each index. Answers do not depend on the key.
pub(super) struct Index {
    hasher: RandomState,
    slots: Vec<Slot>,
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
        Self { hasher: RandomState::new(), slots: Vec::new(), taken: Vec::new() }
    }

    /// Adds a section; [`Index::sort`] has to follow before anything is looked up.
    pub(super) fn push(&mut self, cid: &Cid, place: Place) {
        let place = place.offset << LENGTH_BITS | place.length as u64;
        self.slots.push(Slot { hash: self.hasher.hash_one(cid), place });
    }

    pub(super) fn sort(&mut self) {
        self.slots.sort_unstable();
        self.taken = vec![0; self.slots.len().div_ceil(64)];
    }

    /// The slots in which `cid` may be, by number.
    pub(super) fn candidates(&self, cid: &Cid) -> std::ops::Range<usize> {
        let hash = self.hasher.hash_one(cid);
        let start = self.slots.partition_point(|slot| slot.hash < hash);
        let rest = self.slots.get(start..).unwrap_or_default();
        start..start + rest.partition_point(|slot| slot.hash == hash)
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

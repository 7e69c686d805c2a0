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
    /// In the order of their hashes, each at the place that its hash says or a few behind it: a
    /// look-up mostly touches one line of memory. A fifth of the places is free.
    slots: Vec<Slot>,
    /// How many are not free.
    count: usize,
    /// How many places a hash can say.
    home: u64,
}

/// What the index keeps of a section.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    hash: u64,
    /// Offset in the upper 40 bits, then whether it is sound, then the length. No section begins
    /// at 0, so that is a free place.
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
/// Places behind the last that a hash says, to begin with.
const OVERHANG: usize = 64;
/// A section's varint takes four bytes at most.
const _: () = assert!(SECTION_BYTES_MAX as u64 + 4 <= LENGTH);

impl Slot {
    pub(super) fn new(keyed: &Keyed, cid: &Cid, place: Place) -> Self {
        let sound = if place.is_sound { SOUND } else { 0 };
        let place = place.offset << OFFSET_SHIFT | sound | place.length as u64;
        Self { hash: keyed.hash(cid), place }
    }

    fn is_free(self) -> bool {
        self.place == 0
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
        let count = slots.len();
        let home = count as u64 + count as u64 / 4;
        let mut index = Self { keyed, slots: Vec::new(), count, home };
        index.slots.reserve(count + count / 4 + OVERHANG);
        for slot in slots {
            let first = index.home_of(slot.hash);
            if index.slots.len() < first {
                index.slots.resize(first, Slot::default());
            }
            index.slots.push(slot);
        }
        index
    }

    /// How many sections it knows.
    pub(super) fn sections(&self) -> u64 {
        self.count as u64
    }

    #[allow(clippy::cast_possible_truncation, reason = "less than `home`, which is a length")]
    fn home_of(&self, hash: u64) -> usize {
        ((u128::from(hash) * u128::from(self.home)) >> 64) as usize
    }

    /// Has the memory's answer to a look-up come, while others are on their way.
    pub(super) fn warm(&self, hash: u64) -> u64 {
        self.slots.get(self.home_of(hash)).map_or(0, |slot| slot.hash)
    }

    pub(super) fn hash(&self, cid: &Cid) -> u64 {
        self.keyed.hash(cid)
    }

    /// The slots with this hash, by number.
    pub(super) fn candidates(&self, hash: u64) -> Range<usize> {
        let home = self.home_of(hash);
        let near = self.slots.get(home..).unwrap_or_default();
        let before = |slot: &&Slot| slot.hash < hash && !slot.is_free();
        let start = home + near.iter().take_while(before).count();
        let rest = self.slots.get(start..).unwrap_or_default();
        let same = |slot: &&Slot| slot.hash == hash && !slot.is_free();
        start..start + rest.iter().take_while(same).count()
    }

    /// The candidate at `offset`, if there is one.
    pub(super) fn at_offset(&self, range: Range<usize>, offset: u64) -> Option<usize> {
        let slots = self.slots.get(range.clone())?;
        let found = slots.iter().position(|slot| slot.offset() == offset)?;
        Some(range.start + found)
    }

    pub(super) fn place(&self, slot: usize) -> Option<Place> {
        self.slots.get(slot).filter(|slot| !slot.is_free()).map(|slot| slot.place())
    }
}

/// Which sections the walk has asked for.
#[derive(Clone)]
pub(super) struct Taken(Vec<u64>);

impl Taken {
    /// Those of this index that stand before `offset`.
    pub(super) fn before(index: &Index, offset: u64) -> Self {
        let mut taken = Self(vec![0; index.slots.len().div_ceil(64)]);
        if offset > 0 {
            for (number, slot) in index.slots.iter().enumerate() {
                if !slot.is_free() && slot.offset() < offset {
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
        let mut start = if taken == index.count { slots.len() } else { 0 };
        std::iter::from_fn(move || {
            while let Some(first) = slots.get(start) {
                if first.is_free() {
                    start += 1;
                    continue;
                }
                let rest = slots.get(start..).unwrap_or_default();
                let same = |slot: &&Slot| slot.hash == first.hash && !slot.is_free();
                let end = start + rest.iter().take_while(same).count();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Codec;

    fn place(number: u64) -> Place {
        Place { offset: 59 + number, length: 40, is_sound: number.is_multiple_of(3) }
    }

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        for count in [0, 1, 5, 64, 20_000] {
            let keyed = Keyed::new();
            let cid = |number: u64| Cid::of(Codec::DagCbor, &number.to_be_bytes());
            // Every eighth is there twice.
            let each = (0..count).chain((0..count).step_by(8).map(|number| number + 1_000_000));
            let slot = |number| Slot::new(&keyed, &cid(number % 1_000_000), place(number));
            let slots = each.map(slot).collect();
            let index = Index::new(keyed, slots);
            let mut taken = Taken::before(&index, 0);
            for number in 0..count {
                let range = index.candidates(index.hash(&cid(number)));
                assert_eq!(range.len(), if number % 8 == 0 { 2 } else { 1 }, "{number} of {count}");
                assert_eq!(index.place(range.start), Some(place(number)));
                let second = index.at_offset(range.clone(), 59 + 1_000_000 + number);
                assert_eq!(second.is_some(), number % 8 == 0);
                assert!(!taken.take(range.start) && taken.take(range.start));
            }
            for number in count..count + 1000 {
                assert!(index.candidates(index.hash(&cid(number))).is_empty());
            }
            let rest: Vec<_> = taken.rest(&index).collect();
            assert_eq!(rest.len() as u64, count.div_ceil(8));
            assert!(rest.iter().all(|(left, taken)| left.len() == 1 && taken.is_some()));
            assert_eq!(Taken::before(&index, 2_000_000).rest(&index).count(), 0);
        }
    }
}

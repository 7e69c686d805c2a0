//! An index of the blocks of a CAR: place and state, in 17 to 18 bytes per section for any block
//! size.
//!
//! Measured against the standard library's `HashMap` from digest to offset and length (2026-11-28, a
//! million sections, two shared cores, three runs): 18 bytes a section instead of some 100, 0.3 to 0.4
//! of the time to build it, 0.6 to 0.9 of the time for a million look-ups. A map also needs a list for
//! copies of a section, of which the author of a file can make any number.

use crate::block::Cid;
use crate::limits::SECTION_BYTES_MAX;
use crate::verify::cid_hash::CidHash;
use crate::verify::steps::Steps;
use std::ops::Range;

/// An index of sections by CID.
///
/// Two sections share a hash with a probability of 2^-64: each index has a random key, so the
/// author of a file cannot construct collisions. Results do not depend on the key.
///
/// A look-up takes a few steps, and at most twice the binary logarithm of the number of sections,
/// for any file: copies of a section are adjacent.
pub(in crate::verify) struct Index {
    cid_hash: CidHash,
    /// In the order of their hashes; copies in the order of the file.
    slots: Vec<IndexSlot>,
    /// For each value of the leading hash bits, where its slots begin, and the end. There are as
    /// many bits as leave two to four slots per value.
    starts: Vec<u32>,
    /// The shift that leaves those bits of a hash.
    shift: u32,
    pub(in crate::verify) steps: Steps,
}

/// An entry of the index.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::verify) struct IndexSlot {
    hash: u64,
    /// The offset in the upper 40 bits, the state in the next two, then the length.
    place: u64,
}

/// A section's place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) struct SectionPlace {
    pub(in crate::verify) offset: u64,
    /// In bytes; 0 for a long section, whose length the index does not hold.
    pub(in crate::verify) length: u64,
    pub(in crate::verify) state: SectionState,
}

/// The state of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) enum SectionState {
    /// Not checked.
    Unknown,
    /// The bytes match the CID and are a record that an import accepts without a warning.
    Verified,
    /// Longer than any block of a repository; the bytes match the CID.
    Long,
    /// Longer than any block of a repository; the bytes do not match the CID.
    LongWrong,
}

/// The largest file that can be indexed: offsets have 40 bits.
pub(in crate::verify) const INDEXED_BYTES_MAX: u64 = 1 << 40;
/// The most sections that can be indexed.
pub(in crate::verify) const INDEXED_SECTIONS_MAX: u64 = u32::MAX as u64;
const OFFSET_SHIFT: u32 = 24;
const STATE_SHIFT: u32 = 22;
const LENGTH: u64 = (1 << STATE_SHIFT) - 1;
/// Minimum average number of slots per entry of `starts`.
const SHARING: usize = 2;
/// A section's varint takes four bytes at most.
const _: () = assert!(SECTION_BYTES_MAX as u64 + 4 <= LENGTH);

impl IndexSlot {
    pub(in crate::verify) fn new(cid_hash: &CidHash, cid: &Cid, place: SectionPlace) -> Self {
        let SectionPlace { offset, length, state } = place;
        let place = offset << OFFSET_SHIFT | (state as u64) << STATE_SHIFT | length & LENGTH;
        Self { hash: cid_hash.hash(cid), place }
    }

    fn offset(self) -> u64 {
        self.place >> OFFSET_SHIFT
    }

    fn place(self) -> SectionPlace {
        let state = match self.place >> STATE_SHIFT & 3 {
            0 => SectionState::Unknown,
            1 => SectionState::Verified,
            2 => SectionState::Long,
            _ => SectionState::LongWrong,
        };
        SectionPlace { offset: self.offset(), length: self.place & LENGTH, state }
    }

    fn forget_soundness(&mut self) {
        if self.place().state == SectionState::Verified {
            self.place &= !(1 << STATE_SHIFT);
        }
    }
}

impl Index {
    /// Builds an index from slots whose hashes have this key. It uses the memory of the slots and
    /// at most an eighth more.
    pub(in crate::verify) fn new(cid_hash: CidHash, mut slots: Vec<IndexSlot>) -> Self {
        slots.shrink_to_fit();
        slots.sort_unstable();
        // Copies are valid only if each is, so that one look-up suffices.
        for copies in slots.chunk_by_mut(|one, next| one.hash == next.hash) {
            let are_sound = copies.iter().all(|slot| slot.place().state == SectionState::Verified);
            if copies.len() > 1 && !are_sound {
                copies.iter_mut().for_each(IndexSlot::forget_soundness);
            }
        }
        let bits = (slots.len() / SHARING).checked_ilog2().unwrap_or(0).max(1);
        let shift = u64::BITS - bits;
        Self {
            starts: starts(&slots, bits, shift),
            cid_hash,
            slots,
            shift,
            steps: Steps::default(),
        }
    }

    /// The number of indexed sections.
    pub(in crate::verify) fn sections(&self) -> u64 {
        self.slots.len() as u64
    }

    /// The slots whose hashes have the same leading bits.
    fn sharing(&self, hash: u64) -> Range<usize> {
        // At most the length of `starts`.
        let at = usize::try_from(hash >> self.shift).unwrap_or(usize::MAX);
        let start = |at: usize| self.starts.get(at).map_or(0, |start| *start as usize);
        start(at)..start(at.saturating_add(1))
    }

    /// Loads the memory of a look-up in advance, while other loads are in progress.
    pub(in crate::verify) fn warm(&self, hash: u64) -> u64 {
        self.slots.get(self.sharing(hash).start).map_or(0, |slot| slot.hash)
    }

    pub(in crate::verify) fn hash(&self, cid: &Cid) -> u64 {
        self.cid_hash.hash(cid)
    }

    /// The numbers of the slots with this hash.
    pub(in crate::verify) fn candidates(&self, hash: u64) -> Range<usize> {
        let sharing = self.sharing(hash);
        let slots = self.slots.get(sharing.clone()).unwrap_or_default();
        let before = slots.partition_point(|slot| {
            self.steps.add();
            slot.hash < hash
        });
        let rest = slots.get(before..).unwrap_or_default();
        let has_hash = |slot: Option<&IndexSlot>| slot.is_some_and(|slot| slot.hash == hash);
        let count = match (has_hash(rest.first()), has_hash(rest.get(1))) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => rest.partition_point(|slot| {
                self.steps.add();
                slot.hash == hash
            }),
        };
        let start = sharing.start + before;
        start..start + count
    }

    /// The candidate at `offset`, if any.
    pub(in crate::verify) fn at_offset(&self, range: Range<usize>, offset: u64) -> Option<usize> {
        let slots = self.slots.get(range.clone())?;
        let before = slots.partition_point(|slot| {
            self.steps.add();
            slot.offset() < offset
        });
        let found = slots.get(before)?.offset() == offset;
        found.then_some(range.start + before)
    }

    pub(in crate::verify) fn place(&self, slot: usize) -> Option<SectionPlace> {
        self.steps.add();
        self.slots.get(slot).map(|slot| slot.place())
    }
}

/// Where the slots begin for each value of the leading `bits` bits of the hashes.
fn starts(slots: &[IndexSlot], bits: u32, shift: u32) -> Vec<u32> {
    let values = 1usize << bits;
    let mut starts = Vec::with_capacity(values + 1);
    for (number, slot) in slots.iter().enumerate() {
        let at = usize::try_from(slot.hash >> shift).unwrap_or(usize::MAX).min(values - 1);
        if starts.len() <= at {
            starts.resize(at + 1, start(number));
        }
    }
    starts.resize(values + 1, start(slots.len()));
    starts
}

/// The number of slots fits into 32 bits.
fn start(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The sections that the walk has requested.
#[derive(Clone)]
pub(in crate::verify) struct RequestedSections(Vec<u64>);

/// The sections with one hash, some of which were not requested.
pub(in crate::verify) struct UnrequestedSections {
    slots: Range<usize>,
    /// A requested one.
    pub(in crate::verify) taken: Option<usize>,
}

impl RequestedSections {
    /// The sections of this index before `offset`.
    pub(in crate::verify) fn before(index: &Index, offset: u64) -> Self {
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

    /// Marks a section as requested; returns whether it was before.
    pub(in crate::verify) fn take(&mut self, slot: usize) -> bool {
        let bit = 1 << (slot % 64);
        let Some(word) = self.0.get_mut(slot / 64) else { return false };
        let was = *word & bit != 0;
        *word |= bit;
        was
    }

    /// The number of requested sections.
    pub(in crate::verify) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn holds(&self, slot: usize) -> bool {
        self.0.get(slot / 64).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    /// The sections that were not requested, in groups with equal hashes.
    pub(in crate::verify) fn rest<'a>(
        &'a self,
        index: &'a Index,
    ) -> impl Iterator<Item = UnrequestedSections> + 'a {
        // Usually there is none, which the counts show.
        let slots = if self.count() == index.sections() { &[] } else { &index.slots[..] };
        let mut start = 0;
        slots.chunk_by(|one, next| one.hash == next.hash).filter_map(move |group| {
            let slots = start..start + group.len();
            start = slots.end;
            let taken = slots.clone().find(|slot| self.holds(*slot));
            let is_left = slots.clone().any(|slot| !self.holds(slot));
            is_left.then_some(UnrequestedSections { slots, taken })
        })
    }

    /// The sections of such a group that were not requested.
    pub(in crate::verify) fn left<'a>(
        &'a self,
        group: &UnrequestedSections,
    ) -> impl Iterator<Item = usize> + 'a {
        group.slots.clone().filter(|slot| !self.holds(*slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Codec;

    fn place(number: u64) -> SectionPlace {
        let state =
            if number.is_multiple_of(3) { SectionState::Verified } else { SectionState::Unknown };
        SectionPlace { offset: 59 + number, length: 40, state }
    }

    fn cid(number: u64) -> Cid {
        Cid::of(Codec::DagCbor, &number.to_be_bytes())
    }

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        for count in [0, 1, 5, 64, 20_000] {
            let cid_hash = CidHash::new();
            // Every eighth is there twice.
            let each = (0..count).chain((0..count).step_by(8).map(|number| number + 1_000_000));
            let slot = |number| IndexSlot::new(&cid_hash, &cid(number % 1_000_000), place(number));
            let slots = each.map(slot).collect();
            let index = Index::new(cid_hash, slots);
            let mut taken = RequestedSections::before(&index, 0);
            for number in 0..count {
                let range = index.candidates(index.hash(&cid(number)));
                let is_twice = number % 8 == 0;
                assert_eq!(range.len(), if is_twice { 2 } else { 1 }, "{number} of {count}");
                let found = index.place(range.start).unwrap();
                assert_eq!(found.offset, 59 + number);
                // Sound is what of its copies each is.
                let are_sound = (number % 3, (number + 1_000_000) % 3) == (0, 0);
                let is_sound = if is_twice { are_sound } else { number % 3 == 0 };
                assert_eq!(found.state == SectionState::Verified, is_sound, "{number} of {count}");
                let second = index.at_offset(range.clone(), 59 + 1_000_000 + number);
                assert_eq!(second.is_some(), is_twice);
                assert!(!taken.take(range.start) && taken.take(range.start));
            }
            for number in count..count + 1000 {
                assert!(index.candidates(index.hash(&cid(number))).is_empty());
            }
            let rest: Vec<_> = taken.rest(&index).collect();
            assert_eq!(rest.len() as u64, count.div_ceil(8));
            assert!(rest.iter().all(|group| taken.left(group).count() == 1));
            assert!(rest.iter().all(|group| group.taken.is_some()));
            assert_eq!(RequestedSections::before(&index, 2_000_000).rest(&index).count(), 0);
        }
    }

    #[test]
    fn copies_of_a_section_make_no_look_up_long() {
        let cid_hash = CidHash::new();
        let copies = (0..300_000).map(|number| IndexSlot::new(&cid_hash, &cid(7), place(number)));
        let others =
            (8..3000).map(|number| IndexSlot::new(&cid_hash, &cid(number), place(1 << 30)));
        let index = Index::new(cid_hash.clone(), copies.chain(others).collect());
        let mut most = 0;
        for number in 0..6000 {
            let before = index.steps.count();
            let range = index.candidates(index.hash(&cid(number)));
            let expected = match number {
                7 => 300_000,
                8..3000 => 1,
                _ => 0,
            };
            assert_eq!(range.len(), expected);
            assert_eq!(index.at_offset(range, 59 + 299_999).is_some(), number == 7);
            most = most.max(index.steps.count() - before);
        }
        assert!(most <= 60, "{most} steps for one look-up");
    }
}

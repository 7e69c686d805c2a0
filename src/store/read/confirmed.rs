//! Rows to which the nodes below a root have led, so that the next read of a record that is in such a
//! row need not follow them again.

use crate::block::Cid;
use crate::limits::{CONFIRMED_ROWS_MAX, CONFIRMED_ROWS_PART};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A row: what its parent says of it, and its header, which has been compared with its checksum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConfirmedRow<'a> {
    /// The path, if it is the row of a record; "" for a node of layer 0.
    pub(crate) path: &'a [u8],
    /// The record or the node.
    pub(crate) cid: &'a Cid,
    pub(crate) header: &'a [u8],
}

/// A fixed number of pairs of a root and a row, each as a hash of 64 bits under a random key. A newer pair takes the place of an older one. That a pair is taken for another has a chance
/// of one in 2^64, and matters only if a damaged page shows an old row at the same time.
#[derive(Debug)]
pub(crate) struct ConfirmedRows {
    slots: OnceLock<Box<[AtomicU64]>>,
    slots_max: usize,
    key: RandomState,
}

impl ConfirmedRows {
    /// Takes a part of the memory that a database has for its pages, once there is a pair to keep.
    pub(crate) fn new(cache_bytes: usize) -> Self {
        let slots = cache_bytes / CONFIRMED_ROWS_PART / size_of::<AtomicU64>();
        let slots_max = slots.clamp(1, CONFIRMED_ROWS_MAX);
        Self { slots: OnceLock::new(), slots_max, key: RandomState::new() }
    }

    /// Whether the nodes below `root` have led to `row` before. `false` may also mean: not known.
    pub(crate) fn holds(&self, root: &Cid, row: ConfirmedRow<'_>) -> bool {
        let Some(slots) = self.slots.get() else { return false };
        let pair = self.hash(root, row);
        slot(slots, pair).is_some_and(|slot| slot.load(Ordering::Relaxed) == pair)
    }

    /// Notes that they have.
    pub(crate) fn note(&self, root: &Cid, row: ConfirmedRow<'_>) {
        let empty = || (0..self.slots_max).map(|_| AtomicU64::new(0)).collect();
        let pair = self.hash(root, row);
        if let Some(slot) = slot(self.slots.get_or_init(empty), pair) {
            slot.store(pair, Ordering::Relaxed);
        }
    }

    /// Never 0, which is an empty slot.
    fn hash(&self, root: &Cid, row: ConfirmedRow<'_>) -> u64 {
        let mut hasher = self.key.build_hasher();
        for cid in [root, row.cid] {
            match cid.blessed() {
                Some((_, digest)) => hasher.write(digest),
                None => cid.hash(&mut hasher),
            }
        }
        hasher.write(row.header);
        hasher.write(row.path);
        hasher.finish() | 1
    }
}

fn slot(slots: &[AtomicU64], pair: u64) -> Option<&AtomicU64> {
    // The lowest bit is the same for all.
    let place = (pair >> 1) % slots.len().max(1) as u64;
    slots.get(usize::try_from(place).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Codec;

    fn cid(number: u32) -> Cid {
        Cid::of(Codec::DagCbor, &number.to_be_bytes())
    }

    fn row<'a>(path: &'a [u8], cid: &'a Cid) -> ConfirmedRow<'a> {
        ConfirmedRow { path, cid, header: b"h" }
    }

    #[test]
    fn only_what_was_noted_is_held() {
        let rows = ConfirmedRows::new(1 << 20);
        let (one, two) = (cid(1), cid(2));
        assert!(!rows.holds(&one, row(b"a", &two)));
        rows.note(&one, row(b"a", &two));
        assert!(rows.holds(&one, row(b"a", &two)));
        assert!(!rows.holds(&two, row(b"a", &two)));
        assert!(!rows.holds(&one, row(b"a", &one)));
        assert!(!rows.holds(&one, row(b"", &two)));
        assert!(!rows.holds(&one, ConfirmedRow { header: b"i", ..row(b"a", &two) }));
    }

    #[test]
    fn the_memory_is_bounded_and_newer_pairs_stay() {
        let rows = ConfirmedRows::new(0);
        for number in 0..100 {
            rows.note(&cid(1), row(b"", &cid(number)));
            assert!(rows.holds(&cid(1), row(b"", &cid(number))));
        }
        assert!(!rows.holds(&cid(1), row(b"", &cid(0))));
        assert_eq!(rows.slots.get().unwrap().len(), 1);
        assert_eq!(ConfirmedRows::new(usize::MAX).slots_max, CONFIRMED_ROWS_MAX);
    }
}

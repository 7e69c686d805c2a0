//! Collects the index slots of a file, at most as many as its tree can reference.

use crate::limits::{UNREACHED_BLOCKS_FACTOR, UNREACHED_BLOCKS_MAX};
use crate::verify::index::{INDEXED_SECTIONS_MAX, IndexSlot};
use std::sync::{Mutex, PoisonError};

/// The minimum length of a link in a node, in bytes: a key of one letter, the head of a link, and
/// the shortest CID with a SHA-256, which is of version 0.
const LINK_BYTES_MIN: usize = 2 + 5 + 34;

/// The maximum number of links in a node of this length.
pub(in crate::verify) fn links_possible(node_bytes: usize) -> u64 {
    (node_bytes / LINK_BYTES_MIN) as u64
}

/// How many sections a file may have if the tree reaches `reached` of them.
///
/// # Why that bounds the memory of an index
/// Which sections the tree reaches is known only after the walk, which needs the index. But the
/// tree reaches only linked sections: the links of all possible nodes are counted as they are read,
/// and there are never more slots than are allowed for that number of reached sections. A file can
/// increase the limit with sections that look like nodes, but no more per byte than a valid tree
/// does.
pub(in crate::verify) fn sections_allowed(reached: u64) -> u64 {
    let unreached = UNREACHED_BLOCKS_MAX.max(reached.saturating_mul(UNREACHED_BLOCKS_FACTOR));
    reached.saturating_add(unreached)
}

/// The slots that several threads collect.
pub(in crate::verify) struct SlotList(Mutex<SlotStates>);

struct SlotStates {
    slots: Vec<IndexSlot>,
    /// The number of sections, kept or not.
    sections: u64,
    links: u64,
    /// The maximum number of slots; `None`: as many as the links counted so far allow.
    most: Option<u64>,
    is_over: bool,
}

/// The result of collecting the slots of a file.
pub(in crate::verify) enum SlotOutcome {
    All(Vec<IndexSlot>),
    /// There were too many at some point, and none was kept. The number of sections, and the number
    /// that all links allow.
    TooMany {
        sections: u64,
        allowed: u64,
    },
}

impl SlotList {
    pub(in crate::verify) fn new(most: Option<u64>) -> Self {
        let list = SlotStates { slots: Vec::new(), sections: 0, links: 0, most, is_over: false };
        Self(Mutex::new(list))
    }

    /// Adds slots, and the links counted with them.
    pub(in crate::verify) fn add(&self, slots: &mut Vec<IndexSlot>, links: u64) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.sections += slots.len() as u64;
        list.links += links;
        let allowed = list.most.unwrap_or_else(|| list.allowed());
        if list.sections > allowed {
            list.is_over = true;
            list.slots = Vec::new();
        }
        if list.is_over {
            slots.clear();
        } else {
            list.slots.append(slots);
        }
    }

    pub(in crate::verify) fn finish(self) -> SlotOutcome {
        let list = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if list.is_over {
            return SlotOutcome::TooMany { sections: list.sections, allowed: list.allowed() };
        }
        SlotOutcome::All(list.slots)
    }
}

impl SlotStates {
    /// The commit and the root are reached without a link.
    fn allowed(&self) -> u64 {
        sections_allowed(self.links.saturating_add(2)).min(INDEXED_SECTIONS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(list: &SlotList, sections: u64, links: u64) {
        let mut slots = vec![IndexSlot::default(); usize::try_from(sections).unwrap()];
        list.add(&mut slots, links);
        assert!(slots.is_empty());
    }

    #[test]
    fn no_more_slots_are_kept_than_the_links_allow() {
        for (links, allowed) in [(0, 1_000_002), (100_000, 1_100_002), (400_000, 2_000_010)] {
            let list = SlotList::new(None);
            added(&list, 5, links);
            added(&list, allowed - 5, 0);
            assert!(
                matches!(list.finish(), SlotOutcome::All(slots) if slots.len() as u64 == allowed)
            );
            let list = SlotList::new(None);
            added(&list, allowed, links);
            added(&list, 1, 0);
            let SlotOutcome::TooMany { sections, allowed: found } = list.finish() else {
                panic!("more than allowed")
            };
            assert_eq!((sections, found), (allowed + 1, allowed));
        }
    }

    #[test]
    fn links_that_come_late_count_in_the_end() {
        let list = SlotList::new(None);
        added(&list, 1_500_000, 0);
        added(&list, 10, 600_000);
        let SlotOutcome::TooMany { sections, allowed } = list.finish() else {
            panic!("not at once")
        };
        assert!(sections < allowed);
        let list = SlotList::new(Some(sections));
        added(&list, 1_500_000, 0);
        added(&list, 10, 600_000);
        assert!(matches!(list.finish(), SlotOutcome::All(slots) if slots.len() == 1_500_010));
    }
}

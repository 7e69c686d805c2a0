//! The slots of an index while a file is read for it: no more of them than its tree can make use of.

use crate::limits::{UNREACHED_BLOCKS_FACTOR, UNREACHED_BLOCKS_MAX};
use crate::verify::index::{INDEXED_SECTIONS_MAX, IndexSlot};
use std::sync::{Mutex, PoisonError};

/// A link takes so many bytes of its node, at least: a key of one letter, the head of a link, and the
/// shortest CID with a SHA-256, which is of version 0.
const LINK_BYTES_MIN: usize = 2 + 5 + 34;

/// How many links a node of so many bytes has, at most.
pub(in crate::verify) fn links_possible(node_bytes: usize) -> u64 {
    (node_bytes / LINK_BYTES_MIN) as u64
}

/// How many sections a file may have in which the tree reaches so many.
///
/// # Why that bounds the memory of an index
/// Which sections the tree reaches is known only when it has been walked, for which the index is
/// needed. But it reaches none that no node links to: the links of all that could be nodes are
/// counted as they come, and there are never more slots than are allowed for as many reached
/// sections. A file can buy slots with sections that look like nodes, and no more for its bytes than
/// it could with a tree that is right.
pub(in crate::verify) fn sections_allowed(reached: u64) -> u64 {
    let unreached = UNREACHED_BLOCKS_MAX.max(reached.saturating_mul(UNREACHED_BLOCKS_FACTOR));
    reached.saturating_add(unreached)
}

/// The slots that several threads come to.
pub(in crate::verify) struct SlotList(Mutex<SlotStates>);

struct SlotStates {
    slots: Vec<IndexSlot>,
    /// Sections, whether or not their slots were kept.
    sections: u64,
    links: u64,
    /// How many slots may be kept; `None`: as many as the links allow that came so far.
    most: Option<u64>,
    is_over: bool,
}

/// What has become of the slots of a file.
pub(in crate::verify) enum SlotOutcome {
    All(Vec<IndexSlot>),
    /// They were too many, at least when they came: none was kept. The sections that there are, and
    /// how many are allowed by all the links that there are.
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

    /// Takes the slots, and counts links that sections may have which came with them.
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
    /// The commit and the root of the tree are reached without a link.
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

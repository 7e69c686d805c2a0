//! Searches a node for a key without decoding the node.

use crate::block::Cid;
use crate::problem::Problem;
use crate::tree::node::Node;
use crate::tree::scan::Scan;
use std::cmp::Ordering;

/// The result of a search in a node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sought {
    /// The node has an entry for it, with this record.
    Here(Cid),
    /// If it exists, it is in this subtree, right of the entry with this number, or left of all.
    Below(Cid, Option<usize>),
    /// It does not exist.
    Absent,
}

/// Searches for a key in the bytes of a node, which was valid when it was stored.
///
/// # Errors
/// If the bytes are no node.
pub(crate) fn seek(bytes: &[u8], sought: &[u8]) -> Result<Sought, Problem> {
    match seek_usual(bytes, sought) {
        Some(found) => Ok(found),
        None => Ok(seek_built(&Node::decode(bytes)?, sought)),
    }
}

/// Compares a sought key with the compressed keys of a node; for most of them, the prefix shared
/// with the previous key decides.
pub(in crate::tree) struct KeySide<'s> {
    sought: &'s [u8],
    /// What the entry before, which is left of it, has in common with it.
    common: usize,
}

impl<'s> KeySide<'s> {
    pub(in crate::tree) fn of(sought: &'s [u8]) -> Self {
        Self { sought, common: 0 }
    }

    /// Of the next entry, while all before it were on the left.
    #[inline]
    pub(in crate::tree) fn next(&mut self, shared: u8, suffix: &[u8]) -> Ordering {
        match usize::from(shared).cmp(&self.common) {
            Ordering::Greater => Ordering::Less,
            Ordering::Less => Ordering::Greater,
            Ordering::Equal => {
                let rest = self.sought.get(self.common..).unwrap_or_default();
                let equal = suffix.iter().zip(rest).take_while(|(a, b)| a == b).count();
                self.common += equal;
                suffix.get(equal).cmp(&rest.get(equal))
            }
        }
    }
}

/// In a node of the usual form.
fn seek_usual(bytes: &[u8], sought: &[u8]) -> Option<Sought> {
    let mut scan = Scan::begin(bytes)?;
    let mut side = KeySide::of(sought);
    let mut before: Option<(usize, Option<Cid>)> = None;
    let mut index = 0;
    while let Some(next) = scan.next_entry() {
        let next = next?;
        match side.next(next.shared, next.suffix) {
            Ordering::Less => before = Some((index, next.right)),
            Ordering::Equal => return Some(Sought::Here(next.value)),
            Ordering::Greater => break,
        }
        index += 1;
    }
    if let Some((index, right)) = before {
        return Some(below(right, Some(index)));
    }
    // The subtree on the left stands behind all entries.
    while let Some(next) = scan.next_entry() {
        next?;
    }
    Some(below(scan.end()?, None))
}

pub(in crate::tree) fn below(cid: Option<Cid>, after: Option<usize>) -> Sought {
    cid.map_or(Sought::Absent, |cid| Sought::Below(cid, after))
}

pub(in crate::tree) fn seek_built(node: &Node, sought: &[u8]) -> Sought {
    let after = node.entries.partition_point(|entry| entry.key.as_bytes() <= sought);
    let before = after.checked_sub(1).and_then(|index| Some((index, node.entries.get(index)?)));
    match before {
        Some((_, entry)) if entry.key.as_bytes() == sought => Sought::Here(entry.value.clone()),
        Some((index, entry)) => below(entry.right.clone(), Some(index)),
        None => below(node.left.clone(), None),
    }
}

#[cfg(test)]
pub(in crate::tree) mod tests {
    use super::*;
    use crate::tree::scan::tests::arbitrary_node;
    use proptest::prelude::*;

    /// The keys of a node, others near them, and some that are far.
    pub(in crate::tree) fn keys_near(node: &Node, cut: prop::sample::Index) -> Vec<Vec<u8>> {
        let mut keys = vec![Vec::new(), vec![0xff; 400], b"app.bsky.feed.post/3k".to_vec()];
        for entry in &node.entries {
            let key = entry.key.as_bytes().to_vec();
            let mut changed = key.clone();
            changed[cut.index(key.len())] ^= 1;
            keys.extend([key[..cut.index(key.len())].to_vec(), [&key[..], &[0]].concat()]);
            keys.extend([changed, key]);
        }
        keys
    }

    proptest! {
        #[test]
        fn a_key_is_sought_where_the_entries_say(
            node in arbitrary_node(), cut in any::<prop::sample::Index>(),
        ) {
            let bytes = node.encode();
            let is_usual = node.entries.iter().all(|entry| entry.key.as_bytes().len() < 256);
            for key in keys_near(&node, cut) {
                let expected = seek_built(&node, &key);
                if is_usual {
                    let found = seek_usual(&bytes, &key);
                    prop_assert_eq!(found.as_ref(), Some(&expected));
                }
                prop_assert_eq!(seek(&bytes, &key).unwrap(), expected);
            }
        }
    }

    #[test]
    fn what_is_no_node_is_an_error() {
        assert!(seek(b"\xa0", b"a").is_err());
    }
}

//! The form of a node in the cache: its keys, then its links. A search touches a few cache lines of
//! the processor, where the node's own bytes take two or three times as many.

use crate::block::{Cid, Codec};
use crate::problem::Problem;
use crate::tree::node::{Entry, Node};
use crate::tree::scan::usual_entries;
use crate::tree::seek::{KeySide, Sought, below, seek_built};
use crate::tree::{Key, shared_prefix};
use std::cmp::Ordering;

/// A node of any form.
#[derive(Debug)]
pub(crate) enum CompactNode {
    /// Up to 255 entries, keys of up to 255 bytes, blessed CIDs.
    Usual(Usual),
    /// Any other node, decoded.
    Other(Node),
}

/// For each entry the length of the prefix shared with the previous key, the length of the rest,
/// and the rest. Then the links: to the subtree on the left, to those right of the entries, to the
/// records.
#[derive(Debug)]
pub(crate) struct Usual {
    entries: usize,
    /// Where the links begin.
    links: usize,
    bytes: Box<[u8]>,
}

/// A digest behind what it is: nothing, a node or record, a record in raw bytes.
const LINK_BYTES: usize = 33;
const NO_LINK: u8 = 0;
const DAG_CBOR: u8 = 1;
const RAW: u8 = 2;

impl CompactNode {
    /// Reads a node.
    ///
    /// # Errors
    /// If the bytes are no node.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        match Usual::read(bytes) {
            Some(node) => Ok(Self::Usual(node)),
            None => Node::decode(bytes).map(Self::Other),
        }
    }

    /// Searches the node for a key.
    pub(crate) fn seek(&self, sought: &[u8]) -> Sought {
        match self {
            Self::Usual(node) => node.seek(sought),
            Self::Other(node) => seek_built(node, sought),
        }
    }

    /// The key of an entry.
    pub(crate) fn key(&self, index: usize) -> Option<Key> {
        match self {
            Self::Usual(node) => node.key(index),
            Self::Other(node) => node.entries.get(index).map(|entry| entry.key.clone()),
        }
    }

    /// The node.
    pub(crate) fn to_node(&self) -> Node {
        match self {
            Self::Usual(node) => node.to_node(),
            Self::Other(node) => node.clone(),
        }
    }

    /// Approximate bytes in memory, besides the value itself.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Usual(node) => node.bytes.len(),
            Self::Other(node) => {
                let bytes = |entry: &Entry| size_of::<Entry>() + entry.key.as_bytes().len() + 32;
                node.entries.iter().map(bytes).sum()
            }
        }
    }
}

impl Usual {
    fn read(block: &[u8]) -> Option<Self> {
        let mut bytes = Vec::with_capacity(block.len());
        let mut subtrees = Vec::new();
        let mut records = Vec::new();
        let mut before: Vec<u8> = Vec::new();
        let mut fits = true;
        let left = usual_entries(block, |key, value, right| {
            let shared = shared_prefix(&before, key);
            let suffix = key.get(shared..).unwrap_or_default();
            match (u8::try_from(shared), u8::try_from(suffix.len())) {
                (Ok(shared), Ok(length)) => bytes.extend([shared, length]),
                _ => fits = false,
            }
            bytes.extend_from_slice(suffix);
            before.clear();
            before.extend_from_slice(key);
            subtrees.push(right);
            records.push(Some(value));
        })?;
        if !fits {
            return None;
        }
        let (entries, links) = (records.len(), bytes.len());
        for cid in [left].into_iter().chain(subtrees).chain(records) {
            push_link(&mut bytes, cid.as_ref())?;
        }
        Some(Self { entries, links, bytes: bytes.into() })
    }

    fn seek(&self, sought: &[u8]) -> Sought {
        let mut side = KeySide::of(sought);
        let mut index = 0;
        for (shared, suffix) in self.keys() {
            match side.next(shared, suffix) {
                Ordering::Less => index += 1,
                Ordering::Equal => {
                    return self.record(index).map_or(Sought::Absent, Sought::Here);
                }
                Ordering::Greater => break,
            }
        }
        below(self.link(index), index.checked_sub(1))
    }

    fn key(&self, index: usize) -> Option<Key> {
        let mut key: Vec<u8> = Vec::with_capacity(64);
        let mut keys = self.keys();
        for _ in 0..=index {
            let (shared, suffix) = keys.next()?;
            key.truncate(usize::from(shared));
            key.extend_from_slice(suffix);
        }
        Some(Key::from(&key[..]))
    }

    fn to_node(&self) -> Node {
        let mut entries = Vec::with_capacity(self.entries);
        let mut key: Vec<u8> = Vec::with_capacity(64);
        for (index, (shared, suffix)) in self.keys().enumerate() {
            key.truncate(usize::from(shared));
            key.extend_from_slice(suffix);
            let Some(value) = self.record(index) else { break };
            entries.push(Entry { key: Key::from(&key[..]), value, right: self.link(index + 1) });
        }
        Node { entries, left: self.link(0) }
    }

    /// How much each key shares with the one before, and the rest of it.
    fn keys(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = self.bytes.get(..self.links).unwrap_or_default();
        std::iter::from_fn(move || {
            let (&[shared, length], behind) = rest.split_first_chunk()?;
            let (suffix, behind) = behind.split_at_checked(usize::from(length))?;
            rest = behind;
            Some((shared, suffix))
        })
    }

    /// The record of an entry.
    fn record(&self, index: usize) -> Option<Cid> {
        self.link(self.entries + 1 + index)
    }

    /// A link by its number: the subtree on the left is 0, that right of the first entry 1.
    fn link(&self, number: usize) -> Option<Cid> {
        let start = self.links + number * LINK_BYTES;
        let (form, digest) = self.bytes.get(start..start + LINK_BYTES)?.split_first()?;
        let codec = match *form {
            DAG_CBOR => Codec::DagCbor,
            RAW => Codec::Raw,
            _ => return None,
        };
        Some(Cid::from_digest(codec, *digest.first_chunk()?))
    }
}

fn push_link(bytes: &mut Vec<u8>, cid: Option<&Cid>) -> Option<()> {
    let (form, digest) = match cid {
        None => (NO_LINK, [0; 32]),
        Some(cid) => match cid.blessed()? {
            (Codec::DagCbor, digest) => (DAG_CBOR, *digest),
            (Codec::Raw, digest) => (RAW, *digest),
        },
    };
    bytes.push(form);
    bytes.extend_from_slice(&digest);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::scan::tests::arbitrary_node;
    use crate::tree::seek::tests::keys_near;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_says_what_the_node_says(
            node in arbitrary_node(), cut in any::<prop::sample::Index>(),
        ) {
            let compact = CompactNode::read(&node.encode()).unwrap();
            let is_usual = node.entries.iter().all(|entry| entry.key.as_bytes().len() < 256);
            prop_assert!(!is_usual || matches!(compact, CompactNode::Usual(_)));
            prop_assert_eq!(&compact.to_node(), &node);
            for key in keys_near(&node, cut) {
                prop_assert_eq!(compact.seek(&key), seek_built(&node, &key));
            }
            for (index, entry) in node.entries.iter().enumerate() {
                prop_assert_eq!(compact.key(index), Some(entry.key.clone()));
            }
            prop_assert_eq!(compact.key(node.entries.len()), None);
        }
    }

    #[test]
    fn what_is_no_node_is_an_error() {
        assert!(CompactNode::read(b"\xa0").is_err());
    }
}

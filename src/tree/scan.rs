//! A reader of nodes that knows only their usual form, and is fast for that: heads of one or two
//! bytes, blessed CIDs. Of anything else it says nothing, and the general decoder reads it.
#![allow(clippy::option_option, reason = "the outer one is: not of the usual form")]

use crate::block::{Cid, Codec};
use crate::limits::{NODE_BYTES_MAX, PATH_BYTES_MAX};
use crate::problem::Problem;
use crate::tree::Key;
use crate::tree::node::{Entry, Node};

/// Reads a node, if it has the usual form: exactly what [`Node::decode`] makes of it.
pub(in crate::tree) fn node(bytes: &[u8]) -> Option<Node> {
    let mut entries = Vec::with_capacity(Scan::begin(bytes)?.entries_possible());
    let left = usual_entries(bytes, |key, value, right| {
        entries.push(Entry { key: Key::from(key), value, right });
    })?;
    Some(Node { left, entries })
}

/// Shows the entries of a node of the usual form that [`Node::decode`] would not refuse, each with
/// its key, its record and the subtree right of it; gives the subtree left of them. Of another,
/// `None`, after some entries have been shown.
pub(crate) fn usual_entries(
    bytes: &[u8],
    mut show: impl FnMut(&[u8], Cid, Option<Cid>),
) -> Option<Option<Cid>> {
    let mut scan = Scan::begin(bytes)?;
    let mut key: Vec<u8> = Vec::with_capacity(64);
    while let Some(next) = scan.next_entry() {
        let next = next?;
        let (shared, suffix) = (usize::from(next.shared), next.suffix);
        let goes_up = match (key.get(shared), suffix.first()) {
            (Some(old), Some(new)) => old < new,
            (None, Some(_)) => shared == key.len(),
            (_, None) => false,
        };
        if !goes_up || shared + suffix.len() > PATH_BYTES_MAX {
            return None;
        }
        key.truncate(shared);
        key.extend_from_slice(suffix);
        show(&key, next.value, next.right);
    }
    scan.end()
}

/// What a node links to.
pub(crate) enum NodeLink {
    /// A subtree.
    Node(Cid),
    /// The record of an entry.
    Record(Cid),
}

/// The links of a node in the order of a walk. The keys of one of the usual form are not looked at.
///
/// # Errors
/// Of any other form: as [`Node::decode`].
pub(crate) fn links(bytes: &[u8]) -> Result<Vec<NodeLink>, Problem> {
    if let Some(links) = usual_links(bytes) {
        return Ok(links);
    }
    let node = Node::decode(bytes)?;
    let of_entry = |entry: Entry| {
        std::iter::once(NodeLink::Record(entry.value)).chain(entry.right.map(NodeLink::Node))
    };
    let left = node.left.map(NodeLink::Node);
    Ok(left.into_iter().chain(node.entries.into_iter().flat_map(of_entry)).collect())
}

fn usual_links(bytes: &[u8]) -> Option<Vec<NodeLink>> {
    let mut scan = Scan::begin(bytes)?;
    let mut links = Vec::with_capacity(2 * scan.entries_possible() + 1);
    while let Some(next) = scan.next_entry() {
        let next = next?;
        links.push(NodeLink::Record(next.value));
        links.extend(next.right.map(NodeLink::Node));
    }
    if let Some(left) = scan.end()? {
        links.insert(0, NodeLink::Node(left));
    }
    Some(links)
}

/// The entries of a node, one by one.
pub(in crate::tree) struct Scan<'a> {
    rest: &'a [u8],
    left: usize,
}

pub(in crate::tree) struct Scanned<'a> {
    /// Bytes that its key has in common with the key before it.
    pub(in crate::tree) shared: u8,
    pub(in crate::tree) suffix: &'a [u8],
    pub(in crate::tree) right: Option<Cid>,
    pub(in crate::tree) value: Cid,
}

/// Major types of CBOR, in place.
const UINT: u8 = 0x00;
const BYTES: u8 = 0x40;
const ARRAY: u8 = 0x80;
const NULL: u8 = 0xf6;
/// Tag 42, a byte string of 37 bytes, and how a blessed CID in it begins, up to its codec.
const LINK: [u8; 6] = [0xd8, 0x2a, 0x58, 0x25, 0x00, 0x01];
const SHA2_256: [u8; 2] = [0x12, 0x20];
/// The minimum length of an entry, in bytes.
const ENTRY_BYTES_MIN: usize = 50;

#[allow(
    clippy::inline_always,
    reason = "each verified node goes through here; calls cost 5 % of a verification's own instructions"
)]
impl<'a> Scan<'a> {
    pub(in crate::tree) fn begin(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > NODE_BYTES_MAX {
            return None;
        }
        let mut scan = Self { rest: bytes.strip_prefix(b"\xa2\x61e")?, left: 0 };
        scan.left = usize::from(scan.head(ARRAY)?);
        Some(scan)
    }

    /// How many entries there may be: no more than the bytes can hold.
    fn entries_possible(&self) -> usize {
        self.left.min(self.rest.len() / ENTRY_BYTES_MIN + 1)
    }

    /// The next entry; `Some(None)` if it is not of the usual form.
    #[inline(always)]
    pub(in crate::tree) fn next_entry(&mut self) -> Option<Option<Scanned<'a>>> {
        self.left = self.left.checked_sub(1)?;
        Some(self.entry())
    }

    #[inline(always)]
    fn entry(&mut self) -> Option<Scanned<'a>> {
        self.skip(b"\xa4\x61k")?;
        let length = self.head(BYTES)?;
        let (suffix, rest) = self.rest.split_at_checked(usize::from(length))?;
        self.rest = rest;
        self.skip(b"\x61p")?;
        let shared = self.head(UINT)?;
        self.skip(b"\x61t")?;
        let right = self.node_link()?;
        self.skip(b"\x61v")?;
        let value = self.link()?;
        Some(Scanned { shared, suffix, right, value })
    }

    /// The subtree on the left, and nothing behind it.
    pub(in crate::tree) fn end(mut self) -> Option<Option<Cid>> {
        self.skip(b"\x61l")?;
        let left = self.node_link()?;
        self.rest.is_empty().then_some(left)
    }

    #[inline]
    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    /// The argument of a head in its shortest form, up to 255.
    #[inline]
    fn head(&mut self, major: u8) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        match first.wrapping_sub(major) {
            small @ 0..24 => {
                self.rest = rest;
                Some(small)
            }
            24 => {
                let (argument, rest) = rest.split_first()?;
                self.rest = rest;
                Some(*argument).filter(|argument| *argument >= 24)
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn link(&mut self) -> Option<Cid> {
        let (head, rest) = self.rest.split_first_chunk::<9>()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let &[start @ .., codec, hash, length] = head;
        if start != LINK || [hash, length] != SHA2_256 {
            return None;
        }
        let codec = match codec {
            0x71 => Codec::DagCbor,
            0x55 => Codec::Raw,
            _ => return None,
        };
        self.rest = rest;
        Some(Cid::from_digest(codec, *digest))
    }

    /// A link to a node, or null.
    #[inline(always)]
    fn node_link(&mut self) -> Option<Option<Cid>> {
        if let Some((&NULL, rest)) = self.rest.split_first() {
            self.rest = rest;
            return Some(None);
        }
        self.link().filter(Cid::is_dag_cbor).map(Some)
    }
}

#[cfg(test)]
pub(in crate::tree) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cid(codec: Codec, number: u8) -> Cid {
        Cid::of(codec, &[number])
    }

    pub(in crate::tree) fn arbitrary_node() -> impl Strategy<Value = Node> {
        let key = prop::collection::vec(any::<u8>(), 1..300);
        let entry = (key, any::<u8>(), any::<bool>(), prop::option::of(any::<u8>()));
        let entries = prop::collection::vec(entry, 0..40);
        (entries, prop::option::of(any::<u8>())).prop_map(|(mut entries, left)| {
            entries.sort();
            entries.dedup_by(|a, b| a.0 == b.0);
            let entries = entries.into_iter().map(|(key, value, is_raw, right)| Entry {
                key: Key::from(&key[..]),
                value: cid(if is_raw { Codec::Raw } else { Codec::DagCbor }, value),
                right: right.map(|number| cid(Codec::DagCbor, number)),
            });
            let left = left.map(|number| cid(Codec::DagCbor, number));
            Node { left, entries: entries.collect() }
        })
    }

    fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
        if let Some(fast) = node(bytes) {
            prop_assert_eq!(Node::decode_any(bytes).ok(), Some(fast));
            prop_assert!(usual_links(bytes).is_some());
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn it_reads_what_the_general_decoder_reads(node in arbitrary_node()) {
            let bytes = node.encode();
            prop_assert_eq!(&Node::decode_any(&bytes).unwrap(), &node);
            check(&bytes)?;
            if node.entries.iter().all(|entry| entry.key.as_bytes().len() < 256) {
                prop_assert_eq!(super::node(&bytes), Some(node));
            }
        }

        #[test]
        fn it_takes_nothing_that_the_general_decoder_refuses(
            node in arbitrary_node(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = node.encode();
            check(&bytes[..cut.index(bytes.len())])?;
            let at = at.index(bytes.len());
            bytes[at] = byte;
            check(&bytes)?;
            bytes.insert(at, byte);
            check(&bytes)?;
        }
    }

    #[test]
    fn the_links_are_in_the_order_of_a_walk() {
        let entry = |key: &str, number, right: Option<u8>| Entry {
            key: key.into(),
            value: cid(Codec::DagCbor, number),
            right: right.map(|number| cid(Codec::DagCbor, number)),
        };
        let entries = vec![entry("a", 2, Some(3)), entry("b", 4, None)];
        let node = Node { left: Some(cid(Codec::DagCbor, 1)), entries };
        let links = links(&node.encode()).unwrap().into_iter().map(|link| match link {
            NodeLink::Node(cid) => (true, cid),
            NodeLink::Record(cid) => (false, cid),
        });
        let expected = [(true, 1), (false, 2), (true, 3), (false, 4)];
        let expected = expected.map(|(is_node, number)| (is_node, cid(Codec::DagCbor, number)));
        assert_eq!(links.collect::<Vec<_>>(), expected);
    }
}

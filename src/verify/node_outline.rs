//! Node outlines: as many bytes of each node as it takes to see that a tree is valid. They cannot
//! say what is wrong with an invalid one.

use crate::block::{Block, Cid};
use crate::ident::RepoPath;
use crate::tree::{layer, shared_prefix, usual_entries};
use crate::verify::cid_hash::CidHash;
use crate::verify::index::{Index, IndexSlot, SectionPlace, SectionState};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Memory for outlines is allocated in chunks of this size, up to a maximum number. No outlines are
/// kept for a larger repository.
const CHUNK_BYTES: usize = 1 << 20;
const CHUNKS_MAX: usize = 48;
/// Memory per node beside its outline, for finding it.
const PLACE_BYTES: usize = 40;

/// The parts of an outline, after the height.
const END: u8 = 0;
const RECORD: u8 = 1;
const CHILD: u8 = 2;
const KEY: u8 = 3;
/// The height of a node without keys.
const UNSAID: u8 = u8::MAX;

/// The available chunks.
pub(in crate::verify) struct Budget {
    asked_for: AtomicUsize,
    most: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(CHUNKS_MAX)
    }
}

impl Budget {
    fn of(most: usize) -> Self {
        Self { asked_for: AtomicUsize::new(0), most }
    }

    fn next(&self) -> Option<usize> {
        Some(self.asked_for.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < self.most)
    }

    fn is_exceeded(&self) -> bool {
        self.asked_for.load(Ordering::Relaxed) > self.most
    }
}

/// The outlines that one thread has built.
#[derive(Default)]
pub(in crate::verify) struct Gathered {
    chunks: Vec<(usize, Vec<u8>)>,
    slots: Vec<IndexSlot>,
    /// Free bytes in the last chunk.
    left: usize,
    /// The current node: its height and the kept parts of its keys, and the rest.
    head: Vec<u8>,
    node: Vec<u8>,
    last_key: Vec<u8>,
}

impl Gathered {
    /// Adds a block, if it is a valid node and the budget allows it.
    pub(in crate::verify) fn add(&mut self, block: &Block, cid_hash: &CidHash, room: &Budget) {
        if room.is_exceeded() {
            *self = Self::default();
        } else if block.cid().is_dag_cbor() && self.condense(block.bytes(), cid_hash).is_some() {
            self.keep(block.cid(), cid_hash, room);
        }
    }

    /// Writes the outline of a node into `head` and `node`: its height, its links, and of its keys
    /// those next to a subtree, each without the prefix that it shares with the one before.
    fn condense(&mut self, bytes: &[u8], cid_hash: &CidHash) -> Option<()> {
        let Self { head, node, last_key, .. } = self;
        head.clear();
        node.clear();
        last_key.clear();
        let mut height = None;
        let mut is_right = true;
        let mut has_right = false;
        // The last kept key; a subtree resets it.
        let mut put: Vec<u8> = Vec::new();
        let mut is_put = true;
        let mut is_beside = true;
        let left = usual_entries(bytes, |key, value, right| {
            let found = layer(key);
            is_right &= *height.get_or_insert(found) == found && RepoPath::check(key).is_ok();
            is_put = is_beside || right.is_some();
            if is_put {
                put_key(node, &put, key);
                put.clear();
                put.extend_from_slice(key);
            } else {
                last_key.clear();
                last_key.extend_from_slice(key);
            }
            put_link(node, RECORD, cid_hash.hash(&value));
            is_beside = right.is_some();
            if let Some(right) = right {
                put_link(node, CHILD, cid_hash.hash(&right));
                put.clear();
                has_right = true;
            }
        })?;
        if !is_put {
            put_key(node, &put, last_key);
        }
        let has_below = has_right || left.is_some();
        let is_possible = match height {
            Some(height) => height > 0 || !has_below,
            None => left.is_some(),
        };
        node.push(END);
        head.push(height.unwrap_or(UNSAID));
        if let Some(left) = left {
            put_link(head, CHILD, cid_hash.hash(&left));
        }
        (is_right && is_possible).then_some(())
    }

    fn keep(&mut self, cid: &Cid, cid_hash: &CidHash, room: &Budget) {
        let needed = self.head.len() + self.node.len() + PLACE_BYTES;
        if needed > CHUNK_BYTES {
            // A tree with such a node is walked instead.
            return;
        }
        if needed > self.left {
            let Some(number) = room.next() else { return };
            self.chunks.push((number, Vec::with_capacity(CHUNK_BYTES)));
            self.left = CHUNK_BYTES;
        }
        let Some((number, chunk)) = self.chunks.last_mut() else { return };
        let position = *number * CHUNK_BYTES + chunk.len();
        chunk.extend_from_slice(&self.head);
        chunk.extend_from_slice(&self.node);
        self.left -= needed;
        let place =
            SectionPlace { offset: position as u64, length: 0, state: SectionState::Unknown };
        self.slots.push(IndexSlot::new(cid_hash, cid, place));
    }
}

fn put_link(node: &mut Vec<u8>, kind: u8, hash: u64) {
    node.push(kind);
    node.extend_from_slice(&hash.to_le_bytes());
}

fn put_key(node: &mut Vec<u8>, before: &[u8], key: &[u8]) {
    let shared = shared_prefix(before, key);
    let suffix = key.get(shared..).unwrap_or_default();
    node.push(KEY);
    // The longest path fits.
    for number in [shared, suffix.len()] {
        node.extend_from_slice(&u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes());
    }
    node.extend_from_slice(suffix);
}

/// The outlines of all nodes of a file that are valid in themselves.
pub(in crate::verify) struct NodeOutlines {
    /// Each at the index of its number.
    chunks: Vec<Vec<u8>>,
    index: Index,
}

/// The size of a valid tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeCounts {
    /// The number of entries.
    pub records: u64,
    /// The number of nodes.
    pub nodes: u64,
    /// The number of nodes on the longest path from the root down, the root included.
    pub height: u64,
}

impl NodeOutlines {
    /// Combines the outlines of several threads; `None` if the budget was exhausted.
    pub(in crate::verify) fn of(
        gathered: Vec<Gathered>,
        cid_hash: CidHash,
        room: &Budget,
    ) -> Option<Self> {
        if room.is_exceeded() {
            return None;
        }
        let (mut chunks, mut slots) = (vec![Vec::new(); room.most], Vec::new());
        for mut gathered in gathered {
            for (number, chunk) in gathered.chunks {
                *chunks.get_mut(number)? = chunk;
            }
            slots.append(&mut gathered.slots);
        }
        Some(Self { chunks, index: Index::new(cid_hash, slots) })
    }

    /// Walks the tree below `root` in order and passes each link to the caller: its hash, and
    /// whether it leads to a node. `None` if the tree is invalid or the caller refuses a link.
    ///
    /// A key is compared with the previous one of the whole tree wherever the edge of a subtree
    /// lies between them: if they all ascend, each node's keys are in the range of its place.
    pub(in crate::verify) fn check_outline(
        &self,
        root: &Cid,
        mut show: impl FnMut(u64, bool) -> bool,
    ) -> Option<TreeCounts> {
        let root = self.index.hash(root);
        let mut found = TreeCounts { records: 0, nodes: 0, height: 0 };
        let mut last = Vec::new();
        let mut levels = vec![self.enter(root, None)?];
        show(root, true).then_some(())?;
        while let Some(level) = levels.last_mut() {
            match level.next()? {
                OutlinePart::Record(hash) => {
                    found.records += 1;
                    show(hash, false).then_some(())?;
                }
                OutlinePart::Child(hash) => {
                    let below = self.enter(hash, Some(level.height.checked_sub(1)?))?;
                    show(hash, true).then_some(())?;
                    levels.push(below);
                }
                OutlinePart::Key(shared, suffix) => {
                    let goes_up = match last.get(shared) {
                        Some(_) => last.get(shared..)? < suffix,
                        None => shared == last.len() && !suffix.is_empty(),
                    };
                    goes_up.then_some(())?;
                    last.truncate(shared);
                    last.extend_from_slice(suffix);
                }
                OutlinePart::End => {
                    found.nodes += 1;
                    found.height = found.height.max(levels.len() as u64);
                    levels.pop();
                }
            }
        }
        Some(found)
    }

    /// The node with this hash, if it may have this height.
    fn enter(&self, hash: u64, height: Option<u8>) -> Option<OutlineLevel<'_>> {
        let range = self.index.candidates(hash);
        let place = self.index.place(range.start).filter(|_| range.len() == 1)?;
        let position = usize::try_from(place.offset).ok()?;
        let chunk = self.chunks.get(position / CHUNK_BYTES)?;
        let (said, rest) = chunk.get(position % CHUNK_BYTES..)?.split_first()?;
        let height = match (*said, height) {
            // A root must have a height.
            (UNSAID, height) => height.filter(|height| *height > 0)?,
            (said, Some(height)) if said != height => return None,
            (said, _) => said,
        };
        Some(OutlineLevel { height, rest })
    }
}

/// A node on the path of the walk.
struct OutlineLevel<'a> {
    height: u8,
    rest: &'a [u8],
}

enum OutlinePart<'a> {
    Record(u64),
    Child(u64),
    /// The length of the prefix shared with the previous key, and the rest.
    Key(usize, &'a [u8]),
    End,
}

impl<'a> OutlineLevel<'a> {
    fn next(&mut self) -> Option<OutlinePart<'a>> {
        let (kind, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match *kind {
            RECORD => OutlinePart::Record(u64::from_le_bytes(self.take()?)),
            CHILD => OutlinePart::Child(u64::from_le_bytes(self.take()?)),
            KEY => {
                let shared = usize::from(u16::from_le_bytes(self.take()?));
                let length = usize::from(u16::from_le_bytes(self.take()?));
                let (suffix, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                OutlinePart::Key(shared, suffix)
            }
            _ => OutlinePart::End,
        })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entry, Node};

    fn cid(content: &str) -> Cid {
        Block::dag_cbor(content.as_bytes().to_vec()).cid().clone()
    }

    /// A right node of layer 0 with one entry.
    fn node(number: usize) -> Option<Block> {
        let key = format!("com.example.a/{number:06}");
        let entry = || Entry { key: key.as_str().into(), value: cid(&key), right: None };
        let node = || Node { left: None, entries: vec![entry()] };
        (layer(key.as_bytes()) == 0).then(|| Block::dag_cbor(node().encode()))
    }

    fn gather(nodes: &[Block], room: &Budget) -> Option<NodeOutlines> {
        let cid_hash = CidHash::new();
        let mut gathered = Gathered::default();
        for node in nodes {
            gathered.add(node, &cid_hash, room);
        }
        NodeOutlines::of(vec![gathered], cid_hash, room)
    }

    #[test]
    fn a_tree_is_judged_only_if_there_was_room_for_all_nodes() {
        let nodes: Vec<Block> = (0..40_000).filter_map(node).collect();
        let roomy = gather(&nodes, &Budget::default()).unwrap();
        for root in [nodes.first().unwrap(), nodes.last().unwrap()] {
            let mut shown = Vec::new();
            let sound = roomy.check_outline(root.cid(), |_, is_node| {
                shown.push(is_node);
                true
            });
            assert_eq!(sound, Some(TreeCounts { records: 1, nodes: 1, height: 1 }));
            assert_eq!(shown, [true, false]);
            assert_eq!(
                roomy.check_outline(root.cid(), |_, is_node| is_node),
                None,
                "a refused record"
            );
        }
        assert!(roomy.check_outline(&cid("no node of these"), |_, _| true).is_none());
        for most in [0, 1] {
            assert!(gather(&nodes, &Budget::of(most)).is_none(), "{most}");
        }
    }

    /// Keys with a long prefix in common and a subtree right of each: the node has each prefix
    /// once, and what is kept of it has it for each key.
    fn node_that_grows() -> Block {
        let prefix = format!("com.example.a/{}", "a".repeat(300));
        let keys = (0..).map(|number| format!("{prefix}{number:08}"));
        let entries = keys.filter(|key| layer(key.as_bytes()) == 1).take(4000).map(|key| Entry {
            key: key.as_str().into(),
            value: cid(&key),
            right: Some(cid("below")),
        });
        Block::dag_cbor(Node { left: None, entries: entries.collect() }.encode())
    }

    #[test]
    fn a_node_that_no_chunk_holds_leaves_the_others_where_they_are() {
        let large = node_that_grows();
        assert!(large.bytes().len() < CHUNK_BYTES, "it would not be read at all");
        let nodes: Vec<Block> = (0..60_000).filter_map(node).collect();
        let (cid_hash, room) = (CidHash::new(), Budget::default());
        let mut threads = [Gathered::default(), Gathered::default()];
        for (number, node) in nodes.iter().enumerate() {
            let [one, other] = &mut threads;
            if number % 9000 == 0 {
                one.add(&large, &cid_hash, &room);
            }
            let thread = if number / 5000 % 2 == 0 { one } else { other };
            thread.add(node, &cid_hash, &room);
        }
        let compact = NodeOutlines::of(threads.into(), cid_hash.clone(), &room).unwrap();
        assert!(compact.chunks.iter().filter(|chunk| !chunk.is_empty()).count() > 3);
        assert!(compact.check_outline(large.cid(), |_, _| true).is_none());
        for node in &nodes {
            let mut shown = Vec::new();
            let sound = compact.check_outline(node.cid(), |hash, _| {
                shown.push(hash);
                true
            });
            let entry = Node::decode(node.bytes()).unwrap().entries.remove(0);
            assert!(sound.is_some());
            assert_eq!(shown, [cid_hash.hash(node.cid()), cid_hash.hash(&entry.value)]);
        }
    }

    #[test]
    fn a_node_that_is_wrong_in_itself_is_not_kept() {
        let right = Node::decode(node(0).or_else(|| node(1)).unwrap().bytes()).unwrap();
        let mut wrong = vec![Node::default()];
        let below = Some(cid("below"));
        wrong.push(Node { left: below.clone(), ..right.clone() });
        for change in [
            |entry: &mut Entry| entry.right = Some(cid("below")),
            |entry: &mut Entry| entry.key = "no path".into(),
            |entry: &mut Entry| entry.key = "".into(),
        ] {
            let mut node = right.clone();
            node.entries.iter_mut().for_each(change);
            wrong.push(node);
        }
        let blocks: Vec<Block> = wrong.iter().map(|node| Block::dag_cbor(node.encode())).collect();
        let compact = gather(&blocks, &Budget::default()).unwrap();
        for block in &blocks {
            assert!(compact.check_outline(block.cid(), |_, _| true).is_none(), "{block:?}");
        }
    }
}

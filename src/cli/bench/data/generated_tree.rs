//! The tree of a generated repository: what is kept of each record and node is its digest, and its
//! bytes are made again when they are wanted. That is some 70 bytes a record.

use crate::cli::bench::data::records::{GeneratedRecords, RecordKind};
use crate::cli::io::progress::Bar;
use carrack::block::{Cid, Codec};
use carrack::tree::{Entry, Key, Node, layer};

pub(in crate::cli) struct GeneratedTree {
    records: GeneratedRecords,
    /// In path order.
    leaves: Vec<Leaf>,
    /// In streaming order: the root first, a node before those below it.
    nodes: Vec<Subtree>,
}

struct Leaf {
    number: u32,
    layer: u8,
    digest: [u8; 32],
}

struct Subtree {
    digest: [u8; 32],
    /// Its leaves, of all below it too.
    from: usize,
    to: usize,
    /// Its nodes, itself included.
    nodes: usize,
    height: u8,
}

/// What is in a node, from left to right.
enum NodePart {
    Node(usize),
    Leaf(usize),
}

impl GeneratedTree {
    /// The tree of this number of records.
    pub(in crate::cli) fn of(records: GeneratedRecords, count: u64) -> carrack::Result<Self> {
        let leaves = leaves(records, count)?;
        let height = leaves.iter().map(|leaf| leaf.layer).max().unwrap_or_default();
        let end = leaves.len();
        let mut made = Self { records, leaves, nodes: Vec::new() };
        made.grow(0, end, height)?;
        Ok(made)
    }

    /// The root.
    pub(in crate::cli) fn data(&self) -> Option<Cid> {
        self.node_cid(0)
    }

    /// The places of all blocks in streaming order: a node's is its own, a record's is behind those
    /// of all nodes.
    pub(in crate::cli) fn places(&self) -> Vec<u32> {
        let mut places = Vec::with_capacity(self.nodes.len() + self.leaves.len());
        self.visit(0, &mut places);
        places
    }

    /// The block at a place.
    pub(in crate::cli) fn bytes_at(&self, place: u32) -> carrack::Result<Vec<u8>> {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let leaf = place.checked_sub(self.nodes.len()).and_then(|leaf| self.leaves.get(leaf));
        match leaf {
            Some(leaf) => Ok(self.records.bytes(leaf.number.into())),
            None => self.node(place),
        }
    }

    /// Makes the subtree of these leaves, its nodes behind those that are there.
    fn grow(&mut self, from: usize, to: usize, height: u8) -> carrack::Result<()> {
        let place = self.nodes.len();
        self.nodes.push(Subtree { digest: [0; 32], from, to, nodes: 1, height });
        for (start, end) in self.gaps(from, to, height) {
            self.grow(start, end, height.saturating_sub(1))?;
        }
        let nodes = self.nodes.len() - place;
        if let Some(node) = self.nodes.get_mut(place) {
            node.nodes = nodes;
        }
        let cid = Cid::of(Codec::DagCbor, &self.node(place)?);
        if let (Some(node), Some((_, digest))) = (self.nodes.get_mut(place), cid.blessed()) {
            node.digest = *digest;
        }
        Ok(())
    }

    /// The leaves between those of this layer, where there are any.
    fn gaps(&self, from: usize, to: usize, height: u8) -> Vec<(usize, usize)> {
        let leaves = self.leaves.get(from..to).unwrap_or_default();
        let mut at = from;
        let gaps = leaves.split(|leaf| leaf.layer == height).map(|gap| {
            let start = at;
            at += gap.len() + 1;
            (start, start + gap.len())
        });
        gaps.filter(|(start, end)| start < end).collect()
    }

    /// What the node at `place` has, in order.
    fn parts(&self, place: usize) -> Vec<NodePart> {
        let Some(node) = self.nodes.get(place) else { return Vec::new() };
        let (mut at, mut child) = (node.from, place + 1);
        let mut parts = Vec::new();
        for (start, end) in self.gaps(node.from, node.to, node.height) {
            parts.extend((at..start).map(NodePart::Leaf));
            parts.push(NodePart::Node(child));
            child += self.nodes.get(child).map_or(1, |child| child.nodes);
            at = end;
        }
        parts.extend((at..node.to).map(NodePart::Leaf));
        parts
    }

    fn node(&self, place: usize) -> carrack::Result<Vec<u8>> {
        let mut node = Node::default();
        for part in self.parts(place) {
            match part {
                NodePart::Node(child) => match node.entries.last_mut() {
                    None => node.left = self.node_cid(child),
                    Some(entry) => entry.right = self.node_cid(child),
                },
                NodePart::Leaf(leaf) => node.entries.extend(self.entry(leaf)?),
            }
        }
        Ok(node.encode())
    }

    fn entry(&self, leaf: usize) -> carrack::Result<Option<Entry>> {
        let Some(leaf) = self.leaves.get(leaf) else { return Ok(None) };
        let key = Key::from(self.records.path(leaf.number.into())?.as_str());
        let value = Cid::from_digest(Codec::DagCbor, leaf.digest);
        Ok(Some(Entry { key, value, right: None }))
    }

    fn node_cid(&self, place: usize) -> Option<Cid> {
        self.nodes.get(place).map(|node| Cid::from_digest(Codec::DagCbor, node.digest))
    }

    fn visit(&self, place: usize, places: &mut Vec<u32>) {
        places.extend(u32::try_from(place));
        for part in self.parts(place) {
            match part {
                NodePart::Node(child) => self.visit(child, places),
                NodePart::Leaf(leaf) => places.extend(u32::try_from(self.nodes.len() + leaf)),
            }
        }
    }
}

/// Collections come in the order of their names, and the records of one in that of their numbers.
fn leaves(records: GeneratedRecords, count: u64) -> carrack::Result<Vec<Leaf>> {
    let bar = Bar::records_so_far("generating");
    let mut leaves = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    for kind in RecordKind::ALL {
        for number in (0..count).filter(|number| records.kind(*number) == kind) {
            let cid = Cid::of(Codec::DagCbor, &records.bytes(number));
            let digest = cid.blessed().map(|(_, digest)| *digest).unwrap_or_default();
            let layer = layer(records.path(number)?.as_bytes());
            leaves.push(Leaf { number: u32::try_from(number).unwrap_or(u32::MAX), layer, digest });
            bar.set(leaves.len() as u64);
        }
    }
    Ok(leaves)
}

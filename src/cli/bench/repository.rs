//! Repositories of any size, made from a number: what is kept of each record is its digest, and
//! its bytes are made again when they are written.

use super::records::{Dice, Kind, Records};
use crate::cli::bar::Bar;
use carrack::block::{Block, Cid, Codec};
use carrack::car::Writer;
use carrack::commit::{Commit, UnsignedCommit};
use carrack::ident::Did;
use carrack::key::{Curve, SigningKey};
use carrack::tree::{Entry, Key, Node, layer};
use std::io::Write;

/// The order of a file's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As the tree asks for them.
    Streaming,
    /// As chance will have it, the commit first.
    Shuffled,
}

impl Order {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Streaming => "streaming",
            Self::Shuffled => "shuffled",
        }
    }
}

/// A signed repository.
pub(super) struct Repository {
    records: Records,
    /// In path order.
    leaves: Vec<Leaf>,
    /// In streaming order: the root first, a node before those below it.
    nodes: Vec<Subtree>,
    commit: Commit,
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
enum Part {
    Node(usize),
    Leaf(usize),
}

/// The key that all generated accounts sign with.
pub(super) fn signing_key() -> carrack::Result<SigningKey> {
    SigningKey::from_bytes(Curve::K256, &[0x5a; 32])
}

impl Repository {
    /// The repository of account number `seed` with so many records.
    pub(super) fn generate(seed: u64, count: u64) -> carrack::Result<Self> {
        let records = Records::of(seed);
        let leaves = leaves(records, count)?;
        let height = leaves.iter().map(|leaf| leaf.layer).max().unwrap_or_default();
        let did = records.did()?;
        let rev = Records::rev(count)?;
        let key = signing_key()?;
        // The commit can only be made when the tree is: until then it names an empty one.
        let empty = Cid::of(Codec::DagCbor, &Node::default().encode());
        let unsigned = |data| UnsignedCommit { did: did.clone(), data, rev };
        let commit = unsigned(empty).sign(&key)?;
        let end = leaves.len();
        let mut made = Self { records, leaves, nodes: Vec::new(), commit };
        made.grow(0, end, height)?;
        let data = made.node_cid(0).unwrap_or_else(|| made.commit.data().clone());
        made.commit = unsigned(data).sign(&key)?;
        Ok(made)
    }

    /// The account.
    pub(super) fn did(&self) -> &Did {
        self.commit.did()
    }

    /// Writes it as a CAR, and gives the number of its bytes.
    pub(super) fn write(&self, order: Order, output: impl Write) -> carrack::Result<u64> {
        let mut car = Writer::new(output, std::slice::from_ref(self.commit.cid()))?;
        car.write(self.commit.cid(), self.commit.block().bytes())?;
        let mut places = Vec::with_capacity(self.nodes.len() + self.leaves.len());
        self.visit(0, &mut places);
        if order == Order::Shuffled {
            shuffle(&mut places);
        }
        for place in places {
            let block = Block::dag_cbor(self.bytes_at(place)?);
            car.write(block.cid(), block.bytes())?;
        }
        let bytes = car.bytes_written();
        car.finish()?;
        Ok(bytes)
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
    fn parts(&self, place: usize) -> Vec<Part> {
        let Some(node) = self.nodes.get(place) else { return Vec::new() };
        let (mut at, mut child) = (node.from, place + 1);
        let mut parts = Vec::new();
        for (start, end) in self.gaps(node.from, node.to, node.height) {
            parts.extend((at..start).map(Part::Leaf));
            parts.push(Part::Node(child));
            child += self.nodes.get(child).map_or(1, |child| child.nodes);
            at = end;
        }
        parts.extend((at..node.to).map(Part::Leaf));
        parts
    }

    fn node(&self, place: usize) -> carrack::Result<Vec<u8>> {
        let mut node = Node::default();
        for part in self.parts(place) {
            match part {
                Part::Node(child) => match node.entries.last_mut() {
                    None => node.left = self.node_cid(child),
                    Some(entry) => entry.right = self.node_cid(child),
                },
                Part::Leaf(leaf) => node.entries.extend(self.entry(leaf)?),
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

    /// Puts down the places of a subtree's blocks in streaming order: a node's is its own, a
    /// leaf's is behind those of all nodes.
    fn visit(&self, place: usize, places: &mut Vec<u32>) {
        places.extend(u32::try_from(place));
        for part in self.parts(place) {
            match part {
                Part::Node(child) => self.visit(child, places),
                Part::Leaf(leaf) => places.extend(u32::try_from(self.nodes.len() + leaf)),
            }
        }
    }

    fn bytes_at(&self, place: u32) -> carrack::Result<Vec<u8>> {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let leaf = place.checked_sub(self.nodes.len()).and_then(|leaf| self.leaves.get(leaf));
        match leaf {
            Some(leaf) => Ok(self.records.bytes(leaf.number.into())),
            None => self.node(place),
        }
    }
}

/// Collections come in the order of their names, and the records of one in that of their numbers.
fn leaves(records: Records, count: u64) -> carrack::Result<Vec<Leaf>> {
    let bar = Bar::records_so_far("generating");
    let mut leaves = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    for kind in Kind::ALL {
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

fn shuffle(places: &mut [u32]) {
    let mut dice = Dice(7);
    for end in (1..places.len()).rev() {
        let other = usize::try_from(dice.roll(end as u64 + 1)).unwrap_or_default();
        places.swap(end, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrack::ident::SystemClock;
    use carrack::verify::{self, Expect, Input, Nothing, verify_file};

    #[test]
    fn both_orders_are_valid_and_the_same_repository() {
        let expect = |did: &Did| Expect {
            did: Some(did.clone()),
            keys: vec![signing_key().unwrap().verifying_key()],
        };
        for count in [1, 2, 700] {
            let made = Repository::generate(5, count).unwrap();
            let mut seen = Vec::new();
            for order in [Order::Streaming, Order::Shuffled] {
                let mut bytes = Vec::new();
                let length = made.write(order, &mut bytes).unwrap();
                assert_eq!(length, bytes.len() as u64);
                let input = Input::spill(&bytes[..], "a test").unwrap();
                let report =
                    verify_file(&input, &expect(made.did()), &SystemClock, &mut Nothing).unwrap();
                assert!(report.is_valid(), "{:?}", report.problems);
                assert_eq!(report.records, Some(count));
                assert_eq!(report.unreferenced_blocks, Some(0));
                let streaming = report.order == Some(verify::Order::Streaming);
                assert!(count < 700 || streaming == (order == Order::Streaming));
                seen.push((report.data, length));
            }
            assert_eq!(seen[0], seen[1]);
        }
    }
}

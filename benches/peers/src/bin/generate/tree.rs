//! A tree over sorted keys, from the top, and the order in which a stream wants its blocks.

use crate::record::record;
use carrack::block::{Block, Cid};
use carrack::tree::{Entry, Key, Node, layer};

/// The tree as the protocol wants it, or with one fault in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Right,
    /// Two neighbours within a node are the wrong way round.
    TwoKeysSwapped,
    /// One key of the bottom layer is one layer higher.
    OneKeyTooHigh,
}

#[derive(Clone, Copy)]
pub enum Item {
    Node(usize),
    Record(u64),
}

pub struct Tree {
    nodes: Vec<Option<Block>>,
    order: Vec<Item>,
}

struct Leaf {
    key: Key,
    layer: u8,
    record: u64,
    cid: Cid,
}

impl Tree {
    pub fn of(records: u64, shape: Shape) -> Self {
        let mut leaves: Vec<Leaf> = (0..records).map(leaf).collect();
        leaves.sort_by(|one, other| one.key.cmp(&other.key));
        if shape == Shape::OneKeyTooHigh {
            let middle = leaves.len() / 2;
            let low = leaves[middle..].iter_mut().find(|leaf| leaf.layer == 0);
            low.expect("a key of the bottom layer").layer = 1;
        }
        let mut growth = Growth { nodes: Vec::new(), order: Vec::new(), swap: None };
        if shape == Shape::TwoKeysSwapped {
            growth.swap = Some(leaves.len() / 2);
        }
        let height = leaves.iter().map(|leaf| leaf.layer).max().unwrap_or(0);
        growth.grow(&leaves, 0, height);
        Self { nodes: growth.nodes, order: growth.order }
    }

    pub fn root(&self) -> &Cid {
        self.node(0).cid()
    }

    pub fn node(&self, id: usize) -> &Block {
        self.nodes[id].as_ref().expect("every node was grown")
    }

    pub fn order(&self) -> &[Item] {
        &self.order
    }

    pub fn order_mut(&mut self) -> &mut [Item] {
        &mut self.order
    }
}

fn leaf(number: u64) -> Leaf {
    let (path, bytes) = record(number);
    let layer = layer(path.as_bytes());
    Leaf {
        key: Key::from(path.as_str()),
        layer,
        record: number,
        cid: Block::dag_cbor(bytes).cid().clone(),
    }
}

struct Growth {
    nodes: Vec<Option<Block>>,
    order: Vec<Item>,
    /// In the first node of two entries at or after this leaf they are to be swapped.
    swap: Option<usize>,
}

impl Growth {
    /// The node of these leaves, of which the first is number `first` of all: node, then each
    /// entry's record and what is right of it.
    fn grow(&mut self, leaves: &[Leaf], first: usize, height: u8) -> Cid {
        let id = self.nodes.len();
        self.nodes.push(None);
        self.order.push(Item::Node(id));
        let mut parts = leaves.split(|leaf| leaf.layer == height);
        let mut at = parts.next().map_or(0, <[Leaf]>::len);
        let left = self.grow_below(&leaves[..at], first, height);
        let mut entries = Vec::new();
        for part in parts {
            let leaf = &leaves[at];
            self.order.push(Item::Record(leaf.record));
            let right = self.grow_below(part, first + at + 1, height);
            entries.push(Entry { key: leaf.key.clone(), value: leaf.cid.clone(), right });
            at += 1 + part.len();
        }
        if entries.len() > 1 && self.swap.take_if(|from| *from <= first).is_some() {
            entries.swap(0, 1);
        }
        let block = Block::dag_cbor(Node { left, entries }.encode());
        let cid = block.cid().clone();
        self.nodes[id] = Some(block);
        cid
    }

    fn grow_below(&mut self, leaves: &[Leaf], first: usize, height: u8) -> Option<Cid> {
        (!leaves.is_empty()).then(|| self.grow(leaves, first, height - 1))
    }
}

//! The walk in streaming order (preorder): node by node, with every structural rule checked, and
//! one path in memory.

use crate::block::{Block, Cid};
use crate::limits::LAYER_MAX;
use crate::problem::{Code, Problem};
use crate::tree::Entry;
use crate::tree::Key;
use crate::tree::Node;
use crate::tree::rules::NodePlace;

/// A walk over a whole tree in pre-order, each record at its entry.
///
/// [`Walk::next`] returns the next step. Answer a wanted node with [`Walk::enter`], or call
/// [`Walk::next`] again to skip its subtree.
///
/// ```
/// use carrack::block::Block;
/// use carrack::tree::Node;
/// use carrack::parts::tree::{Walk, Want};
///
/// let root = Block::dag_cbor(Node::default().encode());
/// let mut walk = Walk::new(root.cid().clone());
/// let Want::Node(_) = walk.next() else { panic!() };
/// assert!(walk.enter(&root).is_empty());
/// assert!(matches!(walk.next(), Want::Leave { height: 0 }));
/// assert!(matches!(walk.next(), Want::End));
/// ```
#[derive(Debug)]
pub struct Walk {
    stack: Vec<OpenNode>,
    wanted: Option<NodeWant>,
}

/// The next step of a walk.
#[derive(Clone, Debug)]
pub enum Want {
    /// A node to enter.
    Node(NodeWant),
    /// A record.
    Record(RecordWant),
    /// The last entered node is complete.
    Leave {
        /// Its height.
        height: u8,
    },
    /// The walk is over.
    End,
}

/// A node on the walk.
#[derive(Clone, Debug)]
pub struct NodeWant {
    /// The CID that its parent names.
    pub cid: Cid,
    /// The key left of it.
    pub left: Key,
    /// The first key to its right; `None` at the right edge.
    pub end: Option<Key>,
    /// Its height; `None` for the root, whose keys determine it.
    pub height: Option<u8>,
}

/// A record on the walk.
#[derive(Clone, Debug)]
pub struct RecordWant {
    /// Its path.
    pub key: Key,
    /// The CID in its entry.
    pub cid: Cid,
}

#[derive(Debug)]
struct OpenNode {
    height: u8,
    end: Option<Key>,
    left: Option<NodeWant>,
    entries: std::vec::IntoIter<Entry>,
    /// The subtree right of the entry that was given out last.
    right: Option<NodeWant>,
}

impl Walk {
    /// A walk from this root.
    pub fn new(root: Cid) -> Self {
        let wanted = NodeWant { cid: root, left: Key::edge(), end: None, height: None };
        let top = OpenNode {
            height: LAYER_MAX,
            end: None,
            left: Some(wanted),
            entries: Vec::new().into_iter(),
            right: None,
        };
        Self { stack: vec![top], wanted: None }
    }

    /// Returns the next step.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Want {
        self.wanted = None;
        let is_top = self.stack.len() == 1;
        let Some(level) = self.stack.last_mut() else { return Want::End };
        if let Some(node) = level.left.take().or_else(|| level.right.take()) {
            self.wanted = Some(node.clone());
            return Want::Node(node);
        }
        if let Some(Entry { key, value, right }) = level.entries.next() {
            if let Some(cid) = right {
                let next = level.entries.as_slice().first().map(|entry| entry.key.clone());
                level.right = Some(NodeWant {
                    cid,
                    left: key.clone(),
                    end: next.or_else(|| level.end.clone()),
                    height: level.height.checked_sub(1),
                });
            }
            return Want::Record(RecordWant { key, cid: value });
        }
        let height = level.height;
        self.stack.pop();
        if is_top { Want::End } else { Want::Leave { height } }
    }

    /// Enters the node that was wanted last, and returns its problems. A node that is malformed or
    /// in the wrong place is not entered: its subtree is skipped.
    ///
    /// A node other than the one wanted is a `MissingNode`.
    pub fn enter(&mut self, block: &Block) -> Vec<Problem> {
        let Some(want) = self.wanted.take().filter(|want| want.cid == *block.cid()) else {
            return vec![Problem::new(Code::MissingNode, "not the wanted node").cid(block.cid())];
        };
        let left = want.left.clone();
        let placed = |problem: Problem| problem.cid(block.cid()).path(&left);
        let node = match Node::decode(block.bytes()) {
            Ok(node) => node,
            Err(problem) => return vec![placed(problem)],
        };
        let place = NodePlace { left: &want.left, end: want.end.as_ref(), height: want.height };
        let (height, problems) = place.check(&node);
        if problems.is_empty() {
            self.descend(want, node, height);
        }
        problems.into_iter().map(placed).collect()
    }

    fn descend(&mut self, want: NodeWant, node: Node, height: u8) {
        let first = node.entries.first().map(|entry| entry.key.clone());
        let left = node.left.map(|cid| NodeWant {
            cid,
            left: want.left,
            end: first.or_else(|| want.end.clone()),
            height: height.checked_sub(1),
        });
        let entries = node.entries.into_iter();
        self.stack.push(OpenNode { height, end: want.end, left, entries, right: None });
    }

    /// The number of nodes that are entered and not complete.
    pub fn depth(&self) -> u64 {
        self.stack.len().saturating_sub(1) as u64
    }

    /// The height of the last entered node that is not complete.
    pub fn height(&self) -> Option<u8> {
        if self.stack.len() < 2 { None } else { self.stack.last().map(|level| level.height) }
    }
}

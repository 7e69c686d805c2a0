use crate::block::{Block, Cid};
use crate::error::{Error, Result};
use crate::problem::{Code, Problem};
use crate::tree::Entry;
use crate::tree::Key;
use crate::tree::Node;
use crate::tree::rules::NodePlace;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// A source of a tree's nodes: a store, or the blocks of a partial CAR.
pub trait NodeSource {
    /// Returns the block of a node that is not in memory.
    ///
    /// # Errors
    /// The source's error if it does not have the node. A result is never guessed.
    fn load(&mut self, gap: &Gap) -> Result<Block>;
}

/// Blocks in memory, for example of a partial CAR; a missing one is a `MissingNode`.
impl<S: BuildHasher> NodeSource for HashMap<Cid, Block, S> {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        self.get(&gap.cid).cloned().ok_or_else(|| {
            let message = "a tree node that is needed is not there";
            Problem::new(Code::MissingNode, message).cid(&gap.cid).path(&gap.left).into()
        })
    }
}

/// A tree of which only the touched part is in memory; the rest is [`Gap`]s, loaded on touch.
///
/// ```
/// use carrack::block::{Cid, Codec};
/// use carrack::tree::Key;
/// use carrack::parts::tree::Tree;
/// use std::collections::HashMap;
///
/// let mut source = HashMap::new();
/// let (key, record) = (Key::from("com.example.post/1"), Cid::of(Codec::DagCbor, b"record"));
/// let mut tree = Tree::empty();
/// tree.insert(&key, record.clone(), &mut source)?;
/// let root = tree.seal();
/// assert_eq!(tree.find(&key, &mut source)?, Some(record));
///
/// // The same tree with nothing of it in memory, and nowhere to load it from.
/// assert!(Tree::at(root, None).find(&key, &mut source).is_err());
///
/// tree.remove(&key, &mut source)?;
/// assert_eq!(tree.seal(), Tree::empty().seal());
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tree {
    pub(in crate::tree) root: Child,
}

/// A subtree: a gap, or in memory.
#[derive(Clone, Debug)]
pub enum Child {
    /// Not in memory.
    Gap(Gap),
    /// In memory.
    Held(Box<Held>),
}

/// A subtree that is not in memory: its root's CID and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The CID of the subtree's root.
    pub cid: Cid,
    /// The key left of the subtree in its source.
    pub left: Key,
    /// The first key to the right of the subtree there; `None` at the right edge.
    pub end: Option<Key>,
    /// Its height; `None` if it is not known, as for some roots.
    pub height: Option<u8>,
}

/// A node in memory.
#[derive(Clone, Debug)]
pub struct Held {
    /// The layer of its keys.
    pub height: u8,
    /// The subtree left of the first entry.
    pub left: Option<Child>,
    /// The entries.
    pub entries: Vec<HeldEntry>,
    /// Its block; `None` while an edit has not been sealed.
    pub block: Option<Block>,
    /// The key left of it where it was loaded from; `None` if it was built here.
    pub origin: Option<Key>,
}

/// An entry of a node in memory.
#[derive(Clone, Debug)]
pub struct HeldEntry {
    /// The key.
    pub key: Key,
    /// The record.
    pub value: Cid,
    /// The subtree right of it.
    pub right: Option<Child>,
}

impl Tree {
    /// The tree without records.
    pub fn empty() -> Self {
        let mut root = Held::new(0);
        root.seal();
        Self { root: Child::Held(Box::new(root)) }
    }

    /// The tree with this root, with no node in memory. `height` is the root's height if known.
    pub fn at(root: Cid, height: Option<u8>) -> Self {
        Self { root: Child::Gap(Gap { cid: root, left: Key::edge(), end: None, height }) }
    }

    /// The root.
    pub fn root(&self) -> &Child {
        &self.root
    }

    /// The root's block, if it is in memory and sealed.
    pub fn root_block(&self) -> Option<&Block> {
        match &self.root {
            Child::Held(held) => held.block.as_ref(),
            Child::Gap(_) => None,
        }
    }

    /// The root, to load parts of it.
    pub fn root_mut(&mut self) -> &mut Child {
        &mut self.root
    }

    /// Encodes and hashes what edits have changed, and gives the root's CID.
    pub fn seal(&mut self) -> Cid {
        self.root.seal()
    }
}

impl Child {
    /// The node, loaded from `source` if it is not in memory.
    ///
    /// # Errors
    /// The source's errors, and the problem of an invalid node.
    pub fn hold(&mut self, source: &mut dyn NodeSource) -> Result<&mut Held> {
        if let Self::Gap(gap) = self {
            let block = source.load(gap)?;
            let held = Held::from_block(gap, block)?;
            *self = Self::Held(Box::new(held));
        }
        match self {
            Self::Held(held) => Ok(held),
            Self::Gap(gap) => Err(Error::Corrupt(format!("node {} was not held", gap.cid))),
        }
    }

    /// The CID of its root; `None` while an edit has not been sealed.
    pub fn cid(&self) -> Option<&Cid> {
        match self {
            Self::Gap(gap) => Some(&gap.cid),
            Self::Held(held) => held.block.as_ref().map(Block::cid),
        }
    }

    /// Its height, where known.
    pub fn height(&self) -> Option<u8> {
        match self {
            Self::Gap(gap) => gap.height,
            Self::Held(held) => Some(held.height),
        }
    }

    // Recursion here and in the edits goes down one layer a call, 129 at most.
    fn seal(&mut self) -> Cid {
        match self {
            Self::Gap(gap) => gap.cid.clone(),
            Self::Held(held) => held.seal().cid().clone(),
        }
    }
}

impl From<Held> for Child {
    fn from(held: Held) -> Self {
        Self::Held(Box::new(held))
    }
}

impl Held {
    /// A node without anything in it yet.
    pub(in crate::tree) fn new(height: u8) -> Self {
        Self { height, left: None, entries: Vec::new(), block: None, origin: None }
    }

    /// The node that `block` holds, in the place that `gap` names.
    fn from_block(gap: &Gap, block: Block) -> Result<Self> {
        let node = Node::decode(block.bytes()).map_err(|problem| problem.cid(block.cid()))?;
        let place = NodePlace { left: &gap.left, end: gap.end.as_ref(), height: gap.height };
        let (height, problems) = place.check(&node);
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem.cid(block.cid()).path(&gap.left).into());
        }
        let Node { left, entries } = node;
        let below = height.checked_sub(1);
        let child = |cid: Option<Cid>, left: &Key, next: Option<&Entry>| {
            let end = next.map(|entry| entry.key.clone()).or_else(|| gap.end.clone());
            cid.map(|cid| Child::Gap(Gap { cid, left: left.clone(), end, height: below }))
        };
        let left = child(left, &gap.left, entries.first());
        let mut held = Vec::with_capacity(entries.len());
        let mut rest = entries.into_iter();
        while let Some(Entry { key, value, right }) = rest.next() {
            let right = child(right, &key, rest.as_slice().first());
            held.push(HeldEntry { key, value, right });
        }
        let entries = held;
        Ok(Self { height, left, entries, block: Some(block), origin: Some(gap.left.clone()) })
    }

    /// Whether it has neither entries nor a subtree.
    pub(in crate::tree) fn is_bare(&self) -> bool {
        self.entries.is_empty() && self.left.is_none()
    }

    /// The number of entries that come before `key`, and whether the next one has it.
    pub(in crate::tree) fn search(&self, key: &Key) -> (usize, bool) {
        match self.entries.binary_search_by(|entry| entry.key.cmp(key)) {
            Ok(index) => (index, true),
            Err(index) => (index, false),
        }
    }

    /// The subtree left of entry `index`.
    pub(in crate::tree) fn slot(&mut self, index: usize) -> Option<&mut Option<Child>> {
        match index.checked_sub(1) {
            None => Some(&mut self.left),
            Some(before) => self.entries.get_mut(before).map(|entry| &mut entry.right),
        }
    }

    /// To be called before any change.
    pub(in crate::tree) fn touch(&mut self) {
        self.block = None;
        self.origin = None;
    }

    fn seal(&mut self) -> &Block {
        // Taken out and put back: `get_or_insert_with` would borrow all of `self` in its closure.
        let block = match self.block.take() {
            Some(block) => block,
            None => Block::dag_cbor(self.encode()),
        };
        self.block.insert(block)
    }

    fn encode(&mut self) -> Vec<u8> {
        let left = self.left.as_mut().map(Child::seal);
        let entries = self
            .entries
            .iter_mut()
            .map(|entry| Entry {
                key: entry.key.clone(),
                value: entry.value.clone(),
                right: entry.right.as_mut().map(Child::seal),
            })
            .collect();
        Node { left, entries }.encode()
    }
}

//! Nodes that have been read and hashed, by their CIDs. A node never changes, so what is said of one
//! here is right for any account and any revision that names it.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::limits::{KEPT_NODE_BYTES_MAX, KEPT_NODES_PART};
use crate::store::read_table::ReadBytes;
use crate::store::rows::row::{Place, RawRow, misplaced, node_key};
use crate::store::rows::run::read_node;
use crate::tree::{Key, Node};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Nodes above layer 0, on the way from the root to a record. Reads that come one after the other
/// share most of the way.
#[derive(Debug)]
pub(crate) struct Nodes {
    kept: RwLock<Kept>,
    /// How many bytes they may take, about.
    bytes_max: usize,
}

/// Those that came last, and those that came before them, which go next.
#[derive(Debug, Default)]
struct Kept {
    young: HashMap<Cid, Arc<Node>>,
    young_bytes: usize,
    old: HashMap<Cid, Arc<Node>>,
}

/// Where a node hangs, and what it has to be.
#[derive(Clone, Debug)]
pub(crate) struct NodeAt {
    pub(crate) cid: Cid,
    pub(crate) left: Key,
    pub(crate) height: u8,
}

impl NodeAt {
    /// The place of a subtree that hangs on it, right of `left`.
    pub(crate) fn below(&self, cid: &Cid, left: &Key) -> Result<Self> {
        let height = self.height.checked_sub(1);
        let height = height.ok_or_else(|| Error::Corrupt(format!("{cid} hangs below layer 0")))?;
        Ok(Self { cid: cid.clone(), left: left.clone(), height })
    }

    pub(crate) fn place(&self) -> Place {
        Place::Node { left: self.left.as_bytes().to_vec(), height: self.height }
    }
}

impl Nodes {
    /// Keeps nodes in a part of the memory that a database has for its pages.
    pub(crate) fn new(cache_bytes: usize) -> Self {
        Self { kept: RwLock::default(), bytes_max: cache_bytes / KEPT_NODES_PART }
    }

    /// The node at a place: kept from before, or read from its row and compared with the CID that
    /// its parent names.
    pub(crate) fn node<T: ReadBytes>(&self, rows: &T, tree: u64, at: &NodeAt) -> Result<Arc<Node>> {
        if let Some(node) = self.get(&at.cid) {
            return Ok(node);
        }
        let found = rows.get(&node_key(tree, at.left.as_bytes(), at.height)[..])?;
        let found = found.ok_or_else(|| misplaced(&at.cid, &at.place()))?;
        let row = RawRow::decode(found.value())?;
        let node = Arc::new(node_of(&row, at)?);
        self.keep(&at.cid, &node, row.sections.len());
        Ok(node)
    }

    fn get(&self, cid: &Cid) -> Option<Arc<Node>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = kept.young.get(cid) {
            return Some(Arc::clone(node));
        }
        let node = Arc::clone(kept.old.get(cid)?);
        drop(kept);
        self.keep(cid, &node, node.entries.len() * ENTRY_BYTES);
        Some(node)
    }

    fn keep(&self, cid: &Cid, node: &Arc<Node>, section_bytes: usize) {
        let bytes = section_bytes + (node.entries.len() + 1) * ENTRY_BYTES;
        if bytes > KEPT_NODE_BYTES_MAX {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.young_bytes + bytes > self.bytes_max / 2 {
            kept.old = std::mem::take(&mut kept.young);
            kept.young_bytes = 0;
        }
        if kept.young.insert(cid.clone(), Arc::clone(node)).is_none() {
            kept.young_bytes += bytes;
        }
    }
}

/// About what an entry takes in memory, its key left out.
const ENTRY_BYTES: usize = 160;

/// The node that begins a row, hashed, if it is the one that belongs there.
pub(crate) fn node_of(row: &RawRow<'_>, at: &NodeAt) -> Result<Node> {
    let section = row.each().next().transpose()?;
    let section = section.ok_or_else(|| misplaced(&at.cid, &at.place()))?;
    if section.cid != at.cid {
        return Err(misplaced(&at.cid, &at.place()));
    }
    read_node(&section)
}

/// The subtree of a node that may hold a path, or what the node says of it.
pub(crate) enum Way {
    /// It has an entry for it: the record.
    Here(Cid),
    /// It goes on below.
    Below(NodeAt),
    /// There is no such path in the tree.
    Absent,
}

/// Where a node, which hangs at `at`, sends a path.
pub(crate) fn way(node: &Node, at: &NodeAt, path: &[u8]) -> Result<Way> {
    let after = node.entries.partition_point(|entry| entry.key.as_bytes() <= path);
    let before = after.checked_sub(1).and_then(|place| node.entries.get(place));
    Ok(match before {
        Some(entry) if entry.key.as_bytes() == path => Way::Here(entry.value.clone()),
        Some(entry) => below(at, entry.right.as_ref(), &entry.key)?,
        None => below(at, node.left.as_ref(), &at.left)?,
    })
}

fn below(at: &NodeAt, cid: Option<&Cid>, left: &Key) -> Result<Way> {
    Ok(match cid {
        Some(cid) => Way::Below(at.below(cid, left)?),
        None => Way::Absent,
    })
}

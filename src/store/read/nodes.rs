//! Reads nodes above layer 0, and descends to a path.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::store::account::Head;
use crate::store::read::node_cache::NodeCache;
use crate::store::read_table::ReadBytes;
use crate::store::rows::key::{RowPlace, misplaced, node_key};
use crate::store::rows::run::{compact_node, read_node};
use crate::store::rows::value::{RawRow, RawSection};
use crate::tree::{CompactNode, Key, Node, Sought};
use std::sync::Arc;

/// The place of a node, and its CID.
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

    pub(crate) fn place(&self) -> RowPlace {
        RowPlace::Node { left: self.left.as_bytes().to_vec(), height: self.height }
    }
}

/// The node at a place: kept from before, or read from its row and compared with the CID that its
/// parent names.
pub(crate) fn node_at<T: ReadBytes>(
    cache: &NodeCache,
    rows: &T,
    tree: u64,
    at: &NodeAt,
) -> Result<Node> {
    let node = compact_at(cache, rows, tree, &at.cid, at.height, || Ok(at.left.clone()))?;
    Ok(node.to_node())
}

/// The same in its cached form. Its place is needed only if it is not cached.
fn compact_at<T: ReadBytes>(
    cache: &NodeCache,
    rows: &T,
    tree: u64,
    cid: &Cid,
    height: u8,
    left: impl FnOnce() -> Result<Key>,
) -> Result<Arc<CompactNode>> {
    if let Some(node) = cache.get(cid) {
        return Ok(node);
    }
    let at = NodeAt { cid: cid.clone(), left: left()?, height };
    let found = rows.get(&node_key(tree, at.left.as_bytes(), height)[..])?;
    let found = found.ok_or_else(|| misplaced(cid, &at.place()))?;
    let section = node_section(&RawRow::decode(found.value())?, &at)?;
    let node = Arc::new(compact_node(&section)?);
    cache.keep(cid, &node);
    Ok(node)
}

/// The descent from the root of a tree to a path.
pub(crate) struct Descent<'a, T> {
    rows: &'a T,
    nodes: &'a NodeCache,
    tree: u64,
    path: &'a [u8],
    cid: Cid,
    height: u8,
    /// The last node on the way that has an entry left of the path, and which entry: that is where
    /// the node at hand hangs. `None`: it is on the left edge of the tree.
    left: Option<LeftEntry>,
}

/// An entry of a node.
type LeftEntry = (Arc<CompactNode>, usize);

/// The end of a descent.
pub(crate) enum End {
    /// The path's record, which a node above layer 0 names.
    Record(Cid),
    /// A node of layer 0, which alone can hold the path.
    Bottom(NodeAt),
    /// There is no such path in the tree.
    Absent,
}

impl<'a, T: ReadBytes> Descent<'a, T> {
    pub(crate) fn new(rows: &'a T, nodes: &'a NodeCache, head: &Head, path: &'a [u8]) -> Self {
        let (cid, height) = (head.data.clone(), head.height);
        Self { rows, nodes, tree: head.tree, path, cid, height, left: None }
    }

    /// Follows the nodes: at most one look-up per level; most nodes are cached.
    pub(crate) fn end(mut self) -> Result<End> {
        while self.height > 0 {
            let left = || left_key(self.left.as_ref());
            let node = compact_at(self.nodes, self.rows, self.tree, &self.cid, self.height, left)?;
            match node.seek(self.path) {
                Sought::Here(record) => return Ok(End::Record(record)),
                Sought::Absent => return Ok(End::Absent),
                Sought::Below(cid, after) => self.go_below(cid, after.map(|index| (node, index))),
            }
        }
        let left = left_key(self.left.as_ref())?;
        Ok(End::Bottom(NodeAt { cid: self.cid, left, height: 0 }))
    }

    fn go_below(&mut self, cid: Cid, left: Option<LeftEntry>) {
        self.cid = cid;
        self.height -= 1;
        self.left = left.or_else(|| self.left.take());
    }
}

fn left_key(left: Option<&LeftEntry>) -> Result<Key> {
    let Some((node, index)) = left else { return Ok(Key::edge()) };
    node.key(*index).ok_or_else(|| Error::Corrupt("a kept node lacks an entry".to_owned()))
}

/// The node that begins a row, hashed, if it is the one that belongs there.
pub(crate) fn node_of(row: &RawRow<'_>, at: &NodeAt) -> Result<Node> {
    read_node(&node_section(row, at)?)
}

/// Its section, if it claims to be the one that belongs there: not hashed yet.
pub(crate) fn node_section<'r>(row: &RawRow<'r>, at: &NodeAt) -> Result<RawSection<'r>> {
    let section = row.each().next().transpose()?.filter(|node| node.cid == at.cid);
    section.ok_or_else(|| misplaced(&at.cid, &at.place()))
}

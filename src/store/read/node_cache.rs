//! Nodes that have been read and hashed, by their CIDs. A node never changes, so what is said of one
//! here is right for any account and any revision that names it.

use crate::block::Cid;
use crate::limits::{KEPT_NODE_BYTES_MAX, KEPT_NODES_PART};
use crate::store::read::confirmed::ConfirmedRows;
use crate::tree::CompactNode;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::fmt;
use std::sync::Arc;

/// Nodes above layer 0, on the way from the root to a record. Reads that come one after
/// the other share most of the way. The cache lets go first what was read once: a walk through a
/// large tree does not drive out its upper levels.
pub(crate) struct NodeCache {
    kept: Cache<Cid, Arc<CompactNode>, BytesOfNode>,
    /// Rows that they have led to.
    pub(crate) confirmed: ConfirmedRows,
}

#[derive(Clone)]
struct BytesOfNode;

/// About what a node takes in memory beside its bytes.
const NODE_OVERHEAD_BYTES: u64 = 120;

impl Weighter<Cid, Arc<CompactNode>> for BytesOfNode {
    fn weight(&self, _: &Cid, node: &Arc<CompactNode>) -> u64 {
        node.bytes() as u64 + NODE_OVERHEAD_BYTES
    }
}

impl NodeCache {
    /// Keeps nodes in a part of the memory that a database has for its pages.
    pub(crate) fn new(cache_bytes: usize) -> Self {
        let bytes_max = cache_bytes / KEPT_NODES_PART;
        let nodes = bytes_max / USUAL_NODE_BYTES;
        Self {
            kept: Cache::with_weighter(nodes, bytes_max as u64, BytesOfNode),
            confirmed: ConfirmedRows::new(cache_bytes),
        }
    }

    /// The node, if it is kept.
    pub(in crate::store) fn get(&self, cid: &Cid) -> Option<Arc<CompactNode>> {
        self.kept.get(cid)
    }

    /// Keeps a node, unless it is very large.
    pub(in crate::store) fn keep(&self, cid: &Cid, node: &Arc<CompactNode>) {
        if node.bytes() <= KEPT_NODE_BYTES_MAX {
            self.kept.insert(cid.clone(), Arc::clone(node));
        }
    }
}

impl fmt::Debug for NodeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCache").field("bytes", &self.kept.weight()).finish_non_exhaustive()
    }
}

/// What a node of an ordinary tree takes in memory, for a guess at how many there will be.
const USUAL_NODE_BYTES: usize = 400;

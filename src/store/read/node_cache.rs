//! A cache of hashed nodes by CID. A node never changes, so an entry is valid for any account and
//! any revision that references it.

use crate::block::Cid;
use crate::limits::{KEPT_NODE_BYTES_MAX, KEPT_NODES_PART};
use crate::store::read::confirmed::ConfirmedRows;
use crate::tree::CompactNode;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::fmt;
use std::sync::Arc;

/// A cache of nodes above layer 0. Successive reads share most of their path. Nodes that were read
/// only once are evicted first, so a walk through a large tree does not evict its upper levels.
pub(crate) struct NodeCache {
    kept: Cache<Cid, Arc<CompactNode>, BytesOfNode>,
    /// Rows that were found by following these nodes.
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

/// The typical memory of a node, to estimate the capacity.
const USUAL_NODE_BYTES: usize = 400;

//! The blocks of a `#commit` event: those that prove the operations and those that their inversion
//! reads.

use crate::block::{Block, Cid};
use crate::car::car_of;
use crate::commit::Commit;
use crate::error::{Error, Result};
use crate::event::{RepoOp, invert};
use crate::limits::EVENT_BLOCKS_BYTES_MAX;
use crate::store::account::Head;
use crate::store::read_table::ReadBytes;
use crate::store::write::working_set::{RecordChange, WorkingSet};
use crate::tree::{Child, Gap, Key, NodeSource, Tree};
use bytes::Bytes;
use std::collections::{HashMap, HashSet};

/// The CAR for the event of a commit: commit, new nodes, further nodes that the inversion reads,
/// new records, each once. `None` if it exceeds the limit although it holds only deletions or one
/// update: such a commit is announced by `#sync`.
///
/// Followers undo the operations in different orders, so the CAR holds the nodes that any order
/// reads: around each operation, the nodes up to the neighbouring keys (see [`Tree::cover`]). Any
/// other node lies between two keys that stay, and no inversion passes those. The path to an
/// updated record is all new. One inversion is carried out here, so an event that would not verify
/// is never made.
pub(in crate::engine) fn commit_slice<T>(
    working_set: &mut WorkingSet<'_, T>,
    old: &Head,
    tree: &Tree,
    commit: &Commit,
    ops: &[RepoOp],
    created: Vec<Block>,
    changes: &[RecordChange],
) -> Result<Option<Bytes>>
where
    T: ReadBytes,
{
    let mut source = Recorder { held: HashMap::new(), working_set, read: Vec::new() };
    hold(tree.root(), &mut source.held);
    let mut covered = Tree::at(commit.data().clone(), None);
    for op in ops.iter().filter(|op| !matches!(op, RepoOp::Update { .. })) {
        covered.cover(&Key::from(op.path().as_bytes()), &mut source)?;
    }
    if !ops.is_empty() && invert(commit.data(), ops, &mut source)? != old.data {
        return Err(Error::Corrupt("undoing a commit does not give the tree before it".to_owned()));
    }
    let mut seen: HashSet<Cid> = HashSet::new();
    let records = changes.iter().filter_map(|change| change.block.clone());
    let blocks: Vec<Block> = created
        .into_iter()
        .chain(source.read)
        .chain(records)
        .filter(|block| seen.insert(block.cid().clone()))
        .collect();
    let car = car_of(commit.block(), &blocks);
    if car.len() <= EVENT_BLOCKS_BYTES_MAX {
        return Ok(Some(car));
    }
    // These cannot be split into smaller commits: nodes of mined keys may have any length.
    let is_one_update = matches!(ops, [RepoOp::Update { .. }]);
    if is_one_update || ops.iter().all(|op| matches!(op, RepoOp::Delete { .. })) {
        return Ok(None);
    }
    Err(Error::Limit {
        what: "bytes of blocks in one commit's event; put the changes into several commits",
        limit: EVENT_BLOCKS_BYTES_MAX as u64,
        got: car.len() as u64,
    })
}

/// A source of nodes of the new tree that records which were read.
struct Recorder<'r, 'a, T> {
    /// Nodes that the edit holds in memory, moved ones included.
    held: HashMap<Cid, Block>,
    /// The others, which are stored where they were.
    working_set: &'r mut WorkingSet<'a, T>,
    read: Vec<Block>,
}

impl<T: ReadBytes> NodeSource for Recorder<'_, '_, T> {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        let block = match self.held.get(&gap.cid) {
            Some(block) => block.clone(),
            None => self.working_set.load(gap)?,
        };
        self.read.push(block.clone());
        Ok(block)
    }
}

fn hold(child: &Child, held: &mut HashMap<Cid, Block>) {
    let Child::Held(node) = child else { return };
    if let Some(block) = &node.block {
        held.insert(block.cid().clone(), block.clone());
    }
    let entries = node.entries.iter().filter_map(|entry| entry.right.as_ref());
    node.left.iter().chain(entries).for_each(|child| hold(child, held));
}

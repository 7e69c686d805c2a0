//! The blocks of a `#commit` event: what proves the ops, and what undoing them takes.

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

/// The CAR for the event of a commit: commit, new nodes, further nodes that inversion reads, new
/// records, each once. `None` if it is over the limit although nothing but deletes or one update is
/// in it: then a `#sync` says what there is to say.
///
/// Followers undo the ops in orders of their own, so there is what any order reads: around each
/// op, the nodes as far as the keys next to it (see [`Tree::cover`]). Any other node lies between
/// two keys that stay, and no undoing comes past those. The way to an updated record is all new.
/// One inversion is carried out, so an event that would not verify is never made.
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
    // What cannot be said in smaller commits: nodes of mined keys may be as long as they are.
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

/// Gives nodes of the new tree, and notes which were asked for.
struct Recorder<'r, 'a, T> {
    /// Nodes that the edit has in memory, those included whose place has changed.
    held: HashMap<Cid, Block>,
    /// The others: they are where they were.
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

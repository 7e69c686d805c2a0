//! Prepares a commit on the caller's thread: the edited tree, the signature, the changed rows.

use crate::block::{Block, Cid, blob_refs};
use crate::commit::{Commit, UnsignedCommit};
use crate::engine::blobs::writable_refs;
use crate::engine::write::event_slice::commit_slice;
use crate::engine::write::op::{Op, swapped, too_wide};
use crate::engine::write::record::Record;
use crate::error::{Entity, Error, Result};
use crate::event::RepoOp;
use crate::ident::{Did, RepoPath, Rev};
use crate::key::{Signer, VerifyingKey};
use crate::limits::{NODE_BYTES_MAX, NODE_ENTRIES_MAX};
use crate::store::account::Head;
use crate::store::needed_blobs::BlobChanges;
use crate::store::needed_blobs::blob_key;
use crate::store::read_table::ReadBytes;
use crate::store::write::working_set::{RecordChange, RowChanges, WorkingSet};
use crate::tree::{Key, Tree};
use bytes::Bytes;

/// A prepared commit, ready to be stored.
pub(in crate::engine) struct Prepared {
    pub(in crate::engine) head: Head,
    pub(in crate::engine) commit: Commit,
    pub(in crate::engine) ops: Vec<RepoOp>,
    /// The blocks of its event; `None` for a commit that must be announced by `#sync`.
    pub(in crate::engine) slice: Option<Bytes>,
    pub(in crate::engine) rows: RowChanges,
    pub(in crate::engine) blobs: BlobChanges,
}

/// Edits of one tree that are not signed yet.
pub(in crate::engine) struct CommitDraft<'a, T> {
    working_set: WorkingSet<'a, T>,
    tree: Tree,
    old: &'a Head,
    ops: Vec<RepoOp>,
    changes: Vec<RecordChange>,
    blobs: BlobChanges,
}

impl<'a, T: ReadBytes> CommitDraft<'a, T> {
    pub(in crate::engine) fn new(rows: &'a T, old: &'a Head) -> Self {
        Self {
            working_set: WorkingSet::new(rows, old.tree),
            tree: Tree::at(old.data.clone(), Some(old.height)),
            old,
            ops: Vec::new(),
            changes: Vec::new(),
            blobs: BlobChanges::default(),
        }
    }

    /// The changes so far.
    pub(in crate::engine) fn ops(&self) -> &[RepoOp] {
        &self.ops
    }

    /// Applies one operation to the tree in memory. An update to the record that is already there
    /// changes nothing.
    pub(in crate::engine) fn apply(&mut self, op: &Op) -> Result<()> {
        let path = op.path();
        let key = Key::from(path.as_bytes());
        let record = op.record();
        let found = self.tree.find(&key, &mut self.working_set)?;
        check_found(op, found.as_ref())?;
        if record.is_some() && found.as_ref() == record.map(Record::cid) {
            return Ok(());
        }
        if let Some(old) = &found {
            self.forget_blobs(&key, old)?;
        }
        match record {
            Some(record) => self.put(path, &key, record.block())?,
            None => {
                self.tree.remove(&key, &mut self.working_set)?;
            }
        }
        let cid = record.map(|record| record.cid().clone());
        let block = record.map(|record| record.block().clone());
        self.changes.push(RecordChange { key, block });
        self.ops.extend(carried_out(path.clone(), cid, found));
        Ok(())
    }

    fn put(&mut self, path: &RepoPath, key: &Key, block: &Block) -> Result<()> {
        let (was, entries) = self.tree.insert(key, block.cid().clone(), &mut self.working_set)?;
        if was.is_none() && entries > NODE_ENTRIES_MAX {
            return Err(too_wide(path, entries));
        }
        for blob in writable_refs(path, block.bytes())? {
            self.blobs.puts.push(blob_key(self.old.tree, &blob.cid, key));
        }
        Ok(())
    }

    /// Removes the old record's blobs, and finds its rows.
    fn forget_blobs(&mut self, key: &Key, old: &Cid) -> Result<()> {
        let stored = self.working_set.stored_record(key)?;
        if stored.section.cid != *old {
            return Err(Error::Corrupt(format!("the row of {key} holds another record")));
        }
        for blob in blob_refs(stored.section.bytes()) {
            self.blobs.deletes.push(blob_key(self.old.tree, &blob.cid, key));
        }
        Ok(())
    }

    /// Signs the tree and computes the changed rows.
    pub(in crate::engine) fn sign(
        mut self,
        did: &Did,
        rev: Rev,
        signer: &dyn Signer,
        key: &VerifyingKey,
    ) -> Result<Prepared> {
        let data = self.tree.seal();
        let unsigned = UnsignedCommit { did: did.clone(), data, rev };
        let commit = unsigned.sign_as(signer, key)?;
        let height = self.tree.root().height().unwrap_or(0);
        let block = commit.block();
        let (rows, nodes) =
            self.working_set.write_back(&mut self.tree, &self.changes, block, rev)?;
        check_nodes(&nodes)?;
        let was = self.old;
        let slice = commit_slice(
            &mut self.working_set,
            was,
            &self.tree,
            &commit,
            &self.ops,
            nodes,
            &self.changes,
        )?;
        let created = self.ops.iter().filter(|op| op.prev().is_none()).count() as u64;
        let deleted = self.ops.iter().filter(|op| op.cid().is_none()).count() as u64;
        let records = (was.records + created).saturating_sub(deleted);
        let head = rows.next_head(was, &commit, rev, height, records);
        Ok(Prepared { head, commit, ops: self.ops, slice, rows, blobs: self.blobs })
    }
}

/// Merging two nodes of mined keys could give a node that readers refuse.
fn check_nodes(nodes: &[Block]) -> Result<()> {
    match nodes.iter().map(|node| node.bytes().len()).max() {
        Some(longest) if longest > NODE_BYTES_MAX => Err(Error::Limit {
            what: "bytes of a tree node",
            limit: NODE_BYTES_MAX as u64,
            got: longest as u64,
        }),
        _ => Ok(()),
    }
}

fn carried_out(path: RepoPath, cid: Option<Cid>, prev: Option<Cid>) -> Option<RepoOp> {
    match (cid, prev) {
        (Some(cid), None) => Some(RepoOp::Create { path, cid }),
        (Some(cid), Some(prev)) => Some(RepoOp::Update { path, cid, prev }),
        (None, Some(prev)) => Some(RepoOp::Delete { path, prev }),
        (None, None) => None,
    }
}

fn check_found(op: &Op, found: Option<&Cid>) -> Result<()> {
    let path = op.path();
    if let Some(expected) = op.expected().filter(|expected| Some(*expected) != found) {
        return Err(swapped(path, expected, found));
    }
    let record = || Entity::Record(path.clone());
    match (op, found) {
        (Op::Create { .. }, Some(_)) => Err(Error::Exists(record())),
        (Op::Update { .. } | Op::Delete { .. }, None) => Err(Error::NotFound(record())),
        _ => Ok(()),
    }
}

//! The records that a diff changes, and where their blocks are.

use crate::block::{Block, Cid, blob_refs, data_model};
use crate::engine::blobs::IndexedBlobs;
use crate::engine::diff::blocks::{DiffBlocks, check_limit};
use crate::engine::diff::merge_tree::{MergedTree, TreeEntries};
use crate::error::{Error, Result};
use crate::ident::RepoPath;
use crate::limits::{DIFF_BYTES_MAX, IMPORTED_RECORD_BYTES_MAX};
use crate::problem::Problems;
use crate::problem::{Code, Problem};
use crate::store::account::Head;
use crate::store::needed_blobs::BlobChanges;
use crate::store::needed_blobs::blob_key;
use crate::store::read::listing::{Records, Span};
use crate::store::read::record::find;
use crate::store::read_table::ByteTable;
use crate::store::rows::value::StoredBlock;
use crate::store::tables::View;
use crate::store::write::working_set::{RecordChange, WorkingSet};
use crate::tree::Key;
use std::collections::{HashMap, HashSet};
use std::ops::Bound;

type Rows = ByteTable;

/// The paths whose records differ between the stored tree and the new one.
pub(in crate::engine) struct RecordDiff {
    /// Paths and their new records.
    puts: Vec<(Key, Cid)>,
    gone: Vec<Key>,
    found: HashMap<Cid, Block>,
    pub(in crate::engine) changes: Vec<RecordChange>,
    pub(in crate::engine) blobs: BlobChanges,
    pub(in crate::engine) warnings: Problems,
    pub(in crate::engine) created: u64,
    pub(in crate::engine) updated: u64,
    pub(in crate::engine) deleted: u64,
}

impl RecordDiff {
    pub(in crate::engine) fn new(merged: &MergedTree) -> Self {
        let MergedTree { new, old, .. } = merged;
        let differs = |(key, cid): &(&Key, &Cid)| old.get(*key) != Some(*cid);
        let owned = |(key, cid): (&Key, &Cid)| (key.clone(), cid.clone());
        let puts: Vec<_> = new.iter().filter(differs).map(owned).collect();
        let gone: Vec<_> = old.keys().filter(|key| !new.contains_key(*key)).cloned().collect();
        let updated = puts.iter().filter(|(key, _)| old.contains_key(key)).count() as u64;
        Self {
            created: puts.len() as u64 - updated,
            updated,
            deleted: gone.len() as u64,
            puts,
            gone,
            found: HashMap::new(),
            changes: Vec::new(),
            blobs: BlobChanges::default(),
            warnings: Problems::default(),
        }
    }

    /// Finds the blocks of new records in the diff. Other servers leave out records that the
    /// repository held before at any path: those are taken from a stored record with the same CID.
    pub(in crate::engine) fn find_blocks(
        &mut self,
        diff: &DiffBlocks,
        view: &View,
        head: &Head,
        old: &TreeEntries,
    ) -> Result<()> {
        let (rows, nodes) = (view.rows()?, view.nodes());
        let mut missing: HashSet<&Cid> = HashSet::new();
        for (_, cid) in &self.puts {
            match diff.blocks.by_cid.get(cid) {
                Some(block) => drop(self.found.insert(cid.clone(), block.clone())),
                None => drop(missing.insert(cid)),
            }
        }
        for (path, cid) in old {
            if missing.remove(cid)
                && let Some(stored) = find(rows, nodes, head, path.as_bytes())?
            {
                self.found.insert(cid.clone(), stored.block()?);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let span = Span { from: Bound::Unbounded, to: Bound::Unbounded };
        for stored in Records::new(rows, nodes, head, span, false) {
            let (_, stored): (_, StoredBlock) = stored?;
            if missing.remove(&stored.section.cid) {
                let block = stored.block()?;
                self.found.insert(block.cid().clone(), block);
                if missing.is_empty() {
                    break;
                }
            }
        }
        match self.puts.iter().find(|(_, cid)| missing.contains(cid)) {
            None => Ok(()),
            Some((path, cid)) => {
                let message = "a record is neither in the diff nor held";
                Err(Problem::new(Code::MissingRecord, message).cid(cid).path(path).into())
            }
        }
    }

    /// Checks new records as an import does, and collects their blobs.
    pub(in crate::engine) fn check_new(&mut self, tree: u64) -> Result<()> {
        for (key, cid) in std::mem::take(&mut self.puts) {
            let here = |code, message: String| Problem::new(code, message).path(&key).cid(&cid);
            if let Err(reason) = RepoPath::check(key.as_bytes()) {
                let message = format!("a key is not a repository path: {reason}");
                return Err(here(Code::BadPath, message).into());
            }
            let Some(block) = self.found.get(&cid) else { continue };
            let length = block.bytes().len();
            if length > IMPORTED_RECORD_BYTES_MAX {
                let message =
                    format!("a record of {length} bytes; {IMPORTED_RECORD_BYTES_MAX} at most");
                return Err(here(Code::TooLarge, message).into());
            }
            if let Some(warning) = data_model::warning(block.bytes()) {
                self.warnings.push(warning.path(&key).cid(&cid));
            }
            let blobs = IndexedBlobs::of(block.bytes());
            if let Some(warning) = blobs.warning(&cid, &key) {
                self.warnings.push(warning);
            }
            for blob in blobs.refs {
                self.blobs.puts.push(blob_key(tree, &blob.cid, &key));
            }
            self.changes.push(RecordChange { block: Some(block.clone()), key });
        }
        Ok(())
    }

    /// Reads the removed records: their rows and their blobs.
    pub(in crate::engine) fn forget_old(
        &mut self,
        working_set: &mut WorkingSet<'_, Rows>,
        tree: u64,
        old: &TreeEntries,
    ) -> Result<()> {
        let gone = std::mem::take(&mut self.gone);
        self.changes.extend(gone.into_iter().map(|key| RecordChange { key, block: None }));
        for RecordChange { key, .. } in &self.changes {
            let Some(cid) = old.get(key) else { continue };
            let stored = working_set.stored_record(key)?;
            if stored.section.cid != *cid {
                return Err(Error::Corrupt(format!("the row of {key} holds another record")));
            }
            for blob in blob_refs(stored.section.bytes()) {
                self.blobs.deletes.push(blob_key(tree, &blob.cid, key));
            }
            let loaded = working_set.loaded_bytes() as u64;
            check_limit("bytes of rows that differ", DIFF_BYTES_MAX, loaded)?;
        }
        Ok(())
    }
}

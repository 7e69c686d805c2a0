//! The rows of a tree that one commit touches: loaded, edited, written back.

use crate::block::{Block, Cid};
use crate::car::section_of;
use crate::commit::Commit;
use crate::error::{Error, Result};
use crate::ident::Rev;
use crate::limits::RUN_BYTES_MAX;
use crate::store::account::Head;
use crate::store::read_table::ReadBytes;
use crate::store::rows::build::{RecordSource, RowBuilder, RowOut};
use crate::store::rows::key::{RowPlace, misplaced, node_key, parse_key, part_key, record_key};
use crate::store::rows::parts::join_record;
use crate::store::rows::run::{RunEntry, run_entries};
use crate::store::rows::value::{Row, RowStats, StoredBlock, encode_row};
use crate::store::tables::Tables;
use crate::tree::{Child, Gap, Held, Key, NodeSource, Tree};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Loaded rows, the blocks in them, and the rows that replace them.
pub(crate) struct WorkingSet<'a, T> {
    rows: &'a T,
    tree: u64,
    /// The rows that the edit has read, as they are stored.
    loaded: BTreeMap<Vec<u8>, Bytes>,
    loaded_bytes: usize,
    nodes: HashMap<(Key, u8), Block>,
    /// The same nodes by CID: a node that is built anew with old content keeps its stamp.
    node_stamps: HashMap<Cid, Rev>,
    /// Sections of records that share a row with others.
    records: HashMap<Key, StoredBlock>,
}

/// The changes of the stored rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowChanges {
    pub(crate) puts: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) deletes: Vec<Vec<u8>>,
    /// The counts of the old rows of the working set, and of the new ones.
    pub(crate) was: RowStats,
    pub(crate) is: RowStats,
}

impl RowChanges {
    /// Stores them.
    pub(crate) fn store(&self, tables: &mut Tables<'_>) -> Result<()> {
        for key in &self.deletes {
            tables.rows.remove(&key[..])?;
        }
        for (key, value) in &self.puts {
            tables.rows.insert(&key[..], &value[..])?;
        }
        Ok(())
    }

    /// The head that these changes lead to from `old`.
    pub(crate) fn next_head(
        &self,
        old: &Head,
        commit: &Commit,
        rev: Rev,
        height: u8,
        records: u64,
    ) -> Head {
        Head {
            tree: old.tree,
            commit: commit.cid().clone(),
            data: commit.data().clone(),
            rev,
            height,
            records,
            blocks: (old.blocks + self.is.blocks).saturating_sub(self.was.blocks),
            bytes: (old.bytes + self.is.bytes).saturating_sub(self.was.bytes),
        }
    }
}

/// The replacement of a record.
pub(crate) struct RecordChange {
    pub(crate) key: Key,
    /// `None`: deleted.
    pub(crate) block: Option<Block>,
}

impl<'a, T: ReadBytes> WorkingSet<'a, T> {
    pub(crate) fn new(rows: &'a T, tree: u64) -> Self {
        Self {
            rows,
            tree,
            loaded: BTreeMap::new(),
            loaded_bytes: 0,
            nodes: HashMap::new(),
            node_stamps: HashMap::new(),
            records: HashMap::new(),
        }
    }

    /// Bytes of the rows that were read so far.
    pub(crate) fn loaded_bytes(&self) -> usize {
        self.loaded_bytes
    }

    /// The stored record at `key`. Its node must be loaded.
    pub(crate) fn stored_record(&mut self, key: &Key) -> Result<StoredBlock> {
        if let Some(record) = self.records.get(key) {
            return Ok(record.clone());
        }
        let missing = || Error::Corrupt(format!("the record at {key} has no row"));
        let place = record_key(self.tree, key.as_bytes());
        let row = self.load_row(&place)?.ok_or_else(missing)?;
        let tree = self.tree;
        join_record(&row, key.as_bytes(), |part| {
            self.load_value(&part_key(tree, key.as_bytes(), part))
        })
    }

    /// Writes the edited tree, its changed records and the commit back, and gives the nodes that
    /// the old tree lacked. `tree` has to be sealed.
    pub(crate) fn write_back(
        &mut self,
        tree: &mut Tree,
        changes: &[RecordChange],
        commit: &Block,
        rev: Rev,
    ) -> Result<(RowChanges, Vec<Block>)> {
        self.load_row(&record_key(self.tree, b""))?
            .ok_or_else(|| Error::Corrupt("a tree without the row of its commit".to_owned()))?;
        let changed: HashMap<&Key, &RecordChange> =
            changes.iter().map(|change| (&change.key, change)).collect();
        let builder = RowBuilder::new(self.tree);
        let mut back =
            WriteBack { rev, changed, builder, out: Emitted::default(), created: Vec::new() };
        back.builder.commit(&section_of(commit), rev, &mut back.out);
        back.child(self, tree.root_mut(), &Key::edge())?;
        for change in changes {
            back.high_record(change);
        }
        Ok((self.settle(back.out)?, back.created))
    }

    fn settle(&self, out: Emitted) -> Result<RowChanges> {
        let mut changes = RowChanges::default();
        for (key, old) in &self.loaded {
            if out.kept(key) {
                continue;
            }
            changes.was.add(row_tally(key, old)?);
            if !out.puts.contains_key(key) {
                changes.deletes.push(key.clone());
            }
        }
        for (key, value) in out.puts {
            changes.is.add(row_tally(&key, &value)?);
            if self.loaded.get(&key).is_none_or(|old| **old != *value) {
                changes.puts.push((key, value));
            }
        }
        Ok(changes)
    }

    fn load_value(&mut self, key: &[u8]) -> Result<Option<Bytes>> {
        if let Some(value) = self.loaded.get(key) {
            return Ok(Some(value.clone()));
        }
        let Some(guard) = self.rows.get(key)? else { return Ok(None) };
        let value = Bytes::copy_from_slice(guard.value());
        self.loaded_bytes += value.len();
        self.loaded.insert(key.to_vec(), value.clone());
        Ok(Some(value))
    }

    fn load_row(&mut self, key: &[u8]) -> Result<Option<Row>> {
        self.load_value(key)?.map(|value| Row::decode(&value)).transpose()
    }

    /// Reads the row of a node and remembers every block in it.
    fn load_node_row(&mut self, left: &Key, height: u8) -> Result<()> {
        let key = node_key(self.tree, left.as_bytes(), height);
        let Some(row) = self.load_row(&key)? else {
            return Err(Error::Corrupt(format!(
                "the node of height {height} at {left} has no row"
            )));
        };
        let place = RowPlace::Node { left: left.as_bytes().to_vec(), height };
        for RunEntry { path, block: stored } in run_entries(&place, &row)? {
            if let Some(path) = path {
                self.records.insert(path, stored);
                continue;
            }
            let block = stored.block()?;
            self.node_stamps.insert(block.cid().clone(), stored.stamp);
            self.nodes.insert((left.clone(), height), block);
        }
        Ok(())
    }
}

impl<T: ReadBytes> NodeSource for WorkingSet<'_, T> {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        let height = gap
            .height
            .ok_or_else(|| Error::Corrupt(format!("node {} without a height", gap.cid)))?;
        let place = (gap.left.clone(), height);
        if !self.nodes.contains_key(&place) {
            self.load_node_row(&gap.left, height)?;
        }
        match self.nodes.get(&place) {
            Some(block) if *block.cid() == gap.cid => Ok(block.clone()),
            _ => {
                let left = gap.left.as_bytes().to_vec();
                Err(misplaced(&gap.cid, &RowPlace::Node { left, height }))
            }
        }
    }
}

/// The walk over the edited tree that gives its rows.
struct WriteBack<'c> {
    rev: Rev,
    changed: HashMap<&'c Key, &'c RecordChange>,
    builder: RowBuilder,
    out: Emitted,
    created: Vec<Block>,
}

impl WriteBack<'_> {
    fn child<T: ReadBytes>(
        &mut self,
        working_set: &mut WorkingSet<'_, T>,
        child: &mut Child,
        left: &Key,
    ) -> Result<()> {
        let stays = match child {
            Child::Gap(gap) => gap.left == *left,
            Child::Held(held) => held.origin.as_ref() == Some(left),
        };
        if stays {
            self.keep(working_set.tree, child, left);
            return Ok(());
        }
        let node = child.hold(working_set)?;
        if node.height == 0 {
            return self.bottom(working_set, node, left);
        }
        let (section, stamp) = self.node_section(working_set, node)?;
        let key = node_key(working_set.tree, left.as_bytes(), node.height);
        self.out.put(key, encode_row(&[stamp], &section));
        if let Some(child) = &mut node.left {
            self.child(working_set, child, left)?;
        }
        for entry in &mut node.entries {
            if let Some(child) = &mut entry.right {
                self.child(working_set, child, &entry.key)?;
            }
        }
        Ok(())
    }

    /// Keeps the loaded rows of an unchanged subtree.
    fn keep(&mut self, tree: u64, child: &Child, left: &Key) {
        let Child::Held(node) = child else { return };
        self.out.keep(node_key(tree, left.as_bytes(), node.height));
        if let Some(child) = &node.left {
            self.keep(tree, child, left);
        }
        for entry in &node.entries {
            if let Some(child) = &entry.right {
                self.keep(tree, child, &entry.key);
            }
        }
    }

    /// A changed node of layer 0 with its records, through the builder.
    fn bottom<T: ReadBytes>(
        &mut self,
        working_set: &mut WorkingSet<'_, T>,
        node: &mut Held,
        left: &Key,
    ) -> Result<()> {
        let (section, stamp) = self.node_section(working_set, node)?;
        self.builder.enter(left, node.height, &section, stamp, &mut self.out);
        for entry in &node.entries {
            self.bottom_record(working_set, &entry.key, &entry.value)?;
        }
        self.builder.leave(&mut self.out);
        Ok(())
    }

    fn bottom_record<T: ReadBytes>(
        &mut self,
        working_set: &mut WorkingSet<'_, T>,
        key: &Key,
        value: &Cid,
    ) -> Result<()> {
        if let Some(RecordChange { block: Some(block), .. }) = self.changed.get(key) {
            let section = section_of(block);
            self.builder.record(key, RecordSource::Section(&section), self.rev, &mut self.out);
            return Ok(());
        }
        let place = record_key(working_set.tree, key.as_bytes());
        if !working_set.records.contains_key(key)
            && let Some(row) = working_set.load_row(&place)?
            && row.first_length()? > RUN_BYTES_MAX
        {
            let (length, stamp) = (row.first_length()?, row.stamp(0)?);
            self.builder.record(key, RecordSource::Kept(length), stamp, &mut self.out);
            return Ok(());
        }
        let stored = working_set.stored_record(key)?;
        if stored.section.cid != *value {
            let place = RowPlace::Record { path: key.as_bytes().to_vec(), part: 0 };
            return Err(misplaced(value, &place));
        }
        self.builder.record(
            key,
            RecordSource::Section(stored.section.whole()),
            stored.stamp,
            &mut self.out,
        );
        Ok(())
    }

    /// A changed record of a node above the runs.
    fn high_record(&mut self, change: &RecordChange) {
        if crate::tree::layer(change.key.as_bytes()) == 0 {
            return;
        }
        if let Some(block) = &change.block {
            let piece = section_of(block);
            self.builder.record(
                &change.key,
                RecordSource::Section(&piece),
                self.rev,
                &mut self.out,
            );
        }
    }

    fn node_section<'n, T>(
        &mut self,
        working_set: &WorkingSet<'_, T>,
        node: &'n Held,
    ) -> Result<(Cow<'n, [u8]>, Rev)> {
        let block = node
            .block
            .as_ref()
            .ok_or_else(|| Error::Corrupt("a tree was written before it was sealed".to_owned()))?;
        let stamp = working_set.node_stamps.get(block.cid()).copied();
        if stamp.is_none() {
            self.created.push(block.clone());
        }
        Ok((section_of(block), stamp.unwrap_or(self.rev)))
    }
}

#[derive(Default)]
struct Emitted {
    puts: BTreeMap<Vec<u8>, Vec<u8>>,
    keeps: BTreeSet<Vec<u8>>,
}

impl RowOut for Emitted {
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.puts.insert(key, value);
    }

    fn keep(&mut self, key: Vec<u8>) {
        self.keeps.insert(key);
    }
}

impl Emitted {
    /// Whether a loaded row stays: it is kept itself, or continues a record that is.
    fn kept(&self, key: &[u8]) -> bool {
        self.keeps.contains(key)
            || key.split_last().is_some_and(|(part, start)| *part > 0 && self.keeps.contains(start))
    }
}

fn row_tally(key: &[u8], value: &[u8]) -> Result<RowStats> {
    match parse_key(key)?.1 {
        RowPlace::Record { part, .. } if part > 0 => Ok(RowStats::default()),
        _ => RowStats::of(value),
    }
}

//! Groups the blocks of a tree, in streaming order, into rows.

use crate::ident::Rev;
use crate::limits::RUN_BYTES_MAX;
use crate::store::rows::key::{node_key, record_key};
use crate::store::rows::value::{RowStats, encode_row, encode_section_rows};
use crate::tree::Key;

/// A receiver of finished rows.
pub(crate) trait RowOut {
    /// A row to be stored.
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>);
    /// The rows of this record stay as they are.
    fn keep(&mut self, key: Vec<u8>);
}

/// The source of a record for its row.
#[derive(Clone, Copy)]
pub(crate) enum RecordSource<'a> {
    /// Its section.
    Section(&'a [u8]),
    /// It has rows of its own, is too long for any run, and has not changed; this is its length.
    Kept(usize),
}

/// Takes nodes and records in preorder and returns rows. Only the content decides where a row ends:
/// a node of layer 0 and its records are one row, a run, if their sections fit into
/// [`RUN_BYTES_MAX`]; any other block is a row of its own.
pub(crate) struct RowBuilder {
    tree: u64,
    stats: RowStats,
    run: Run,
}

/// The current node of layer 0 and its records, as long as they fit into a run. The memory is
/// reused for the next one.
#[derive(Default)]
struct Run {
    /// The key left of the node; `None` without a current node.
    left: Option<Key>,
    /// Of the node and of each record.
    stamps: Vec<Rev>,
    /// Of the node and of each record, back to back.
    sections: Vec<u8>,
    node_bytes: usize,
    /// Each record's path, and where its section ends.
    records: Vec<(Key, usize)>,
}

impl RowBuilder {
    pub(crate) fn new(tree: u64) -> Self {
        Self { tree, stats: RowStats::default(), run: Run::default() }
    }

    /// The counts so far.
    pub(crate) fn stats(&self) -> RowStats {
        self.stats
    }

    /// The commit.
    pub(crate) fn commit(&mut self, section: &[u8], stamp: Rev, out: &mut dyn RowOut) {
        self.count(section.len());
        emit_section(&record_key(self.tree, b""), stamp, section, out);
    }

    /// A node is entered.
    pub(crate) fn enter(
        &mut self,
        left: &Key,
        height: u8,
        section: &[u8],
        stamp: Rev,
        out: &mut dyn RowOut,
    ) {
        self.count(section.len());
        // No node hangs on one of layer 0.
        self.leave(out);
        if height > 0 || section.len() > RUN_BYTES_MAX {
            return out.put(self.node_key(left, height), encode_row(&[stamp], section));
        }
        self.run.begin(left, section, stamp);
    }

    /// A record at its entry.
    pub(crate) fn record(
        &mut self,
        path: &Key,
        source: RecordSource<'_>,
        stamp: Rev,
        out: &mut dyn RowOut,
    ) {
        let length = match source {
            RecordSource::Section(section) => section.len(),
            RecordSource::Kept(length) => length,
        };
        self.count(length);
        match source {
            RecordSource::Section(section) if self.run.has_room_for(length) => {
                return self.run.push(path, section, stamp);
            }
            _ => self.dissolve_run(out),
        }
        let key = record_key(self.tree, path.as_bytes());
        match source {
            RecordSource::Section(section) => emit_section(&key, stamp, section, out),
            RecordSource::Kept(_) => out.keep(key),
        }
    }

    /// The node that was entered last is complete.
    pub(crate) fn leave(&mut self, out: &mut dyn RowOut) {
        if let Some(left) = self.run.left.take() {
            out.put(self.node_key(&left, 0), encode_row(&self.run.stamps, &self.run.sections));
        }
    }

    /// What is too long for a run becomes rows of their own: the node, and each record.
    fn dissolve_run(&mut self, out: &mut dyn RowOut) {
        let Some(left) = self.run.left.take() else { return };
        let section = |from: usize, to: usize| self.run.sections.get(from..to).unwrap_or_default();
        let mut stamps = self.run.stamps.iter();
        if let Some(stamp) = stamps.next() {
            let node = section(0, self.run.node_bytes);
            out.put(self.node_key(&left, 0), encode_row(&[*stamp], node));
        }
        let mut from = self.run.node_bytes;
        for ((path, to), stamp) in self.run.records.iter().zip(stamps) {
            let key = record_key(self.tree, path.as_bytes());
            emit_section(&key, *stamp, section(from, *to), out);
            from = *to;
        }
    }

    fn count(&mut self, length: usize) {
        self.stats.add(RowStats { blocks: 1, bytes: length as u64 });
    }

    fn node_key(&self, left: &Key, height: u8) -> Vec<u8> {
        node_key(self.tree, left.as_bytes(), height)
    }
}

impl Run {
    fn begin(&mut self, left: &Key, section: &[u8], stamp: Rev) {
        self.left = Some(left.clone());
        self.stamps.clear();
        self.stamps.push(stamp);
        self.sections.clear();
        self.sections.extend_from_slice(section);
        self.node_bytes = section.len();
        self.records.clear();
    }

    fn has_room_for(&self, length: usize) -> bool {
        self.left.is_some() && self.sections.len() + length <= RUN_BYTES_MAX
    }

    fn push(&mut self, path: &Key, section: &[u8], stamp: Rev) {
        self.stamps.push(stamp);
        self.sections.extend_from_slice(section);
        self.records.push((path.clone(), self.sections.len()));
    }
}

fn emit_section(key: &[u8], stamp: Rev, section: &[u8], out: &mut dyn RowOut) {
    for (key, value) in encode_section_rows(key, stamp, section) {
        out.put(key, value);
    }
}

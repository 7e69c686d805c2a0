//! Cuts the blocks of a tree, as they come in streaming order, into rows.

use crate::ident::Rev;
use crate::limits::RUN_BYTES_MAX;
use crate::store::rows::key::{node_key, record_key};
use crate::store::rows::value::{RowStats, encode_row, encode_section_rows};
use crate::tree::Key;

/// Where finished rows go.
pub(crate) trait RowOut {
    /// A row to be stored.
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>);
    /// The rows of this record stay as they are.
    fn keep(&mut self, key: Vec<u8>);
}

/// A record on its way into rows.
#[derive(Clone, Copy)]
pub(crate) enum RecordSource<'a> {
    /// Its section.
    Section(&'a [u8]),
    /// It has rows of its own, is too long for any run, and has not changed; this is its length.
    Kept(usize),
}

/// Takes nodes and records in pre-order and gives rows. Nothing but the content decides where a
/// row ends: a node of layer 0 and its records are one row, if their sections fit into
/// [`RUN_BYTES_MAX`]; anything else is a row a block.
pub(crate) struct RowBuilder {
    tree: u64,
    tally: RowStats,
    /// How many nodes above the undecided subtree have been entered and not left.
    above: usize,
    /// The subtree that may yet become a run.
    undecided: Undecided,
}

#[derive(Default)]
struct Undecided {
    items: Vec<Item>,
    sections: Vec<u8>,
    /// Bytes of all sections, those included that are kept elsewhere.
    length: usize,
    /// The items of the nodes that have been entered and not left, outermost first.
    open: Vec<usize>,
}

struct Item {
    /// How many nodes of the undecided subtree were open when it came.
    depth: usize,
    key: Key,
    /// `None` for a record.
    height: Option<u8>,
    stamp: Rev,
    from: usize,
    to: usize,
    /// The length of a record that is kept where it is.
    kept: Option<usize>,
}

impl RowBuilder {
    pub(crate) fn new(tree: u64) -> Self {
        Self { tree, tally: RowStats::default(), above: 0, undecided: Undecided::default() }
    }

    /// What has gone through so far.
    pub(crate) fn tally(&self) -> RowStats {
        self.tally
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
        if height > 0 {
            self.above += 1;
            return out.put(self.node_key(left, height), encode_row(&[stamp], section));
        }
        let index = self.undecided.push(left, Some(height), stamp, RecordSource::Section(section));
        self.undecided.open.push(index);
        self.overflow(out);
    }

    /// A record at its entry.
    pub(crate) fn record(
        &mut self,
        path: &Key,
        piece: RecordSource<'_>,
        stamp: Rev,
        out: &mut dyn RowOut,
    ) {
        self.count(match &piece {
            RecordSource::Section(section) => section.len(),
            RecordSource::Kept(length) => *length,
        });
        if self.undecided.open.is_empty() {
            let key = record_key(self.tree, path.as_bytes());
            return match piece {
                RecordSource::Section(section) => emit_section(&key, stamp, section, out),
                RecordSource::Kept(_) => out.keep(key),
            };
        }
        self.undecided.push(path, None, stamp, piece);
        self.overflow(out);
    }

    /// The node that was entered last is complete.
    pub(crate) fn leave(&mut self, out: &mut dyn RowOut) {
        if self.undecided.open.pop().is_none() {
            self.above = self.above.saturating_sub(1);
        } else if self.undecided.open.is_empty() {
            let items = std::mem::take(&mut self.undecided.items);
            self.emit_run(&items, out);
            self.undecided.clear();
        }
    }

    fn count(&mut self, length: usize) {
        self.tally.add(RowStats { blocks: 1, bytes: length as u64 });
    }

    fn node_key(&self, left: &Key, height: u8) -> Vec<u8> {
        node_key(self.tree, left.as_bytes(), height)
    }

    /// While the undecided subtree is too long for a run: its root and that root's records become
    /// rows of their own, its finished subtrees runs, and the open one the undecided one.
    fn overflow(&mut self, out: &mut dyn RowOut) {
        while self.undecided.length > RUN_BYTES_MAX && !self.undecided.open.is_empty() {
            let items = std::mem::take(&mut self.undecided.items);
            self.undecided.open.remove(0);
            self.above += 1;
            let rest = self.undecided.open.first().copied().unwrap_or(items.len());
            let mut at = 0;
            while at < rest {
                let end = subtree_end(&items, at).min(rest);
                self.emit_subtree(items.get(at..end).unwrap_or_default(), at == 0, out);
                at = end;
            }
            self.undecided.keep_from(items, rest);
        }
    }

    fn emit_subtree(&self, items: &[Item], alone: bool, out: &mut dyn RowOut) {
        let Some(first) = items.first() else { return };
        match first.height {
            Some(height) if alone => {
                let section = self.undecided.section(first);
                out.put(self.node_key(&first.key, height), encode_row(&[first.stamp], section));
            }
            Some(_) => self.emit_run(items, out),
            None => {
                let key = record_key(self.tree, first.key.as_bytes());
                match first.kept {
                    Some(_) => out.keep(key),
                    None => emit_section(&key, first.stamp, self.undecided.section(first), out),
                }
            }
        }
    }

    fn emit_run(&self, items: &[Item], out: &mut dyn RowOut) {
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return };
        let Some(height) = first.height else { return };
        let stamps: Vec<Rev> = items.iter().map(|item| item.stamp).collect();
        let sections = self.undecided.sections.get(first.from..last.to).unwrap_or_default();
        out.put(self.node_key(&first.key, height), encode_row(&stamps, sections));
    }
}

impl Undecided {
    fn push(
        &mut self,
        key: &Key,
        height: Option<u8>,
        stamp: Rev,
        piece: RecordSource<'_>,
    ) -> usize {
        let from = self.sections.len();
        let kept = match piece {
            RecordSource::Section(section) => {
                self.sections.extend_from_slice(section);
                self.length += section.len();
                None
            }
            RecordSource::Kept(length) => {
                self.length += length;
                Some(length)
            }
        };
        let to = self.sections.len();
        let depth = self.open.len();
        self.items.push(Item { depth, key: key.clone(), height, stamp, from, to, kept });
        self.items.len() - 1
    }

    fn section(&self, item: &Item) -> &[u8] {
        self.sections.get(item.from..item.to).unwrap_or_default()
    }

    /// Goes on with the open subtree that begins at item `rest`.
    fn keep_from(&mut self, items: Vec<Item>, rest: usize) {
        let base = items.get(rest).map_or(self.sections.len(), |item| item.from);
        self.sections.drain(..base);
        self.items = items.into_iter().skip(rest).collect();
        for item in &mut self.items {
            item.depth -= 1;
            item.from -= base;
            item.to -= base;
        }
        for open in &mut self.open {
            *open -= rest;
        }
        let kept: usize = self.items.iter().filter_map(|item| item.kept).sum();
        self.length = self.sections.len() + kept;
    }

    fn clear(&mut self) {
        self.items.clear();
        self.sections.clear();
        self.length = 0;
    }
}

/// The end of the subtree (or of the one record) that begins at item `at`. The outermost node
/// stands for itself alone.
fn subtree_end(items: &[Item], at: usize) -> usize {
    let depth = items.get(at).map_or(0, |item| item.depth);
    if depth == 0 {
        return at + 1;
    }
    let rest = items.get(at + 1..).unwrap_or_default();
    at + 1 + rest.iter().take_while(|item| item.depth > depth).count()
}

fn emit_section(key: &[u8], stamp: Rev, section: &[u8], out: &mut dyn RowOut) {
    for (key, value) in encode_section_rows(key, stamp, section) {
        out.put(key, value);
    }
}

//! Lists records along the nodes that reference them.
//!
//! The rows of a tree are in the order in which its nodes are followed, so a scan returns them one
//! after the other. The nodes determine which row is next: any other row, because of a damaged key
//! or page, is an error.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::store::account::Head;
use crate::store::read::node_cache::NodeCache;
use crate::store::read::nodes::{NodeAt, node_at, node_of};
use crate::store::read::record::{record_in_row, record_place, root};
use crate::store::read_table::{ByteEntries, ReadBytes};
use crate::store::rows::key::{continues_record, misplaced, node_key, record_key, tree_range};
use crate::store::rows::value::{RawRow, RawSection, StoredBlock};
use crate::tree::{Key, Node};
use std::ops::Bound;

/// The result of a listing per record.
pub(crate) trait ListItem: Sized {
    /// Of a section in a run.
    fn in_run(row: &RawRow<'_>, section: &RawSection<'_>) -> Result<Self>;
    /// Of a row of its own, which may continue and has to hold `cid`.
    fn in_row<T>(rows: &T, tree: u64, path: &Key, value: &[u8], cid: Cid) -> Result<Self>
    where
        T: ReadBytes;
}

/// The record.
impl ListItem for StoredBlock {
    fn in_run(row: &RawRow<'_>, section: &RawSection<'_>) -> Result<Self> {
        row.stamped(section)
    }

    fn in_row<T>(rows: &T, tree: u64, path: &Key, value: &[u8], cid: Cid) -> Result<Self>
    where
        T: ReadBytes,
    {
        record_in_row(rows, tree, path.as_bytes(), &cid, value)
    }
}

/// Its CID alone.
impl ListItem for Cid {
    fn in_run(_: &RawRow<'_>, section: &RawSection<'_>) -> Result<Self> {
        Ok(section.cid.clone())
    }

    fn in_row<T>(_: &T, _: u64, path: &Key, value: &[u8], cid: Cid) -> Result<Self>
    where
        T: ReadBytes,
    {
        let found = RawRow::decode(value)?.first_cid()?;
        if found.as_ref() == Some(&cid) {
            Ok(cid)
        } else {
            Err(misplaced(&cid, &record_place(path.as_bytes())))
        }
    }
}

/// Paths between two bounds.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) from: Bound<Key>,
    pub(crate) to: Bound<Key>,
}

/// The records of a tree in path order, or against it. After an error there are no more.
pub(crate) struct Records<'a, T, L> {
    rows: &'a T,
    nodes: &'a NodeCache,
    head: &'a Head,
    span: Span,
    reverse: bool,
    /// The items that the nodes reference, the next one last.
    due: Vec<Due>,
    /// The rows from the first one that is wholly inside the span.
    scan: Option<ByteEntries<'a>>,
    /// A row that the scan has given too early: its node comes next.
    ahead: Option<(Vec<u8>, Vec<u8>)>,
    /// The records of the current run, the next one last.
    ready: Vec<(Key, L)>,
    listed: u64,
    bytes: u64,
    /// Nodes that were come to, if they are asked for.
    met: Option<Vec<NodeAt>>,
}

enum Due {
    /// A subtree, and the first key that is too far right for it.
    Node(NodeAt, Option<Key>),
    /// A record with a row of its own.
    Record(Key, Cid),
    /// The row of a node that was read before what hangs on it, which a scan backwards comes to
    /// afterwards.
    Passed(NodeAt),
}

impl<'a, T: ReadBytes, L: ListItem> Records<'a, T, L> {
    pub(crate) fn new(
        rows: &'a T,
        nodes: &'a NodeCache,
        head: &'a Head,
        span: Span,
        reverse: bool,
    ) -> Self {
        Self {
            rows,
            nodes,
            head,
            span,
            reverse,
            due: vec![Due::Node(root(head), None)],
            scan: None,
            ahead: None,
            ready: Vec::new(),
            listed: 0,
            bytes: 0,
            met: None,
        }
    }

    /// All records of a tree, and its nodes as they are come to: [`Records::take_met`].
    pub(crate) fn with_nodes(rows: &'a T, nodes: &'a NodeCache, head: &'a Head) -> Self {
        let span = Span { from: Bound::Unbounded, to: Bound::Unbounded };
        Self { met: Some(Vec::new()), ..Self::new(rows, nodes, head, span, false) }
    }

    /// The nodes that were come to since this was last asked.
    pub(crate) fn take_met(&mut self) -> Vec<NodeAt> {
        self.met.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Bytes of the rows that were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a listing of the whole tree has as many records as the head says.
    fn check_count(&self) -> Result<()> {
        let is_whole =
            matches!((&self.span.from, &self.span.to), (Bound::Unbounded, Bound::Unbounded));
        let (listed, held) = (self.listed, self.head.records);
        if is_whole && listed != held {
            return Err(Error::Corrupt(format!(
                "the tree has {listed} records, where the account's row says {held}"
            )));
        }
        Ok(())
    }

    fn take(&mut self, due: Due) -> Result<()> {
        match due {
            Due::Record(key, cid) => {
                let place = record_key(self.head.tree, key.as_bytes());
                let value =
                    self.scanned(&place, || misplaced(&cid, &record_place(key.as_bytes())))?;
                let record = L::in_row(self.rows, self.head.tree, &key, &value, cid)?;
                self.ready.push((key, record));
                Ok(())
            }
            Due::Node(at, end) => {
                if !self.span.overlaps(&at.left, end.as_ref()) {
                    return Ok(());
                }
                if let Some(met) = &mut self.met {
                    met.push(at.clone());
                }
                match (at.height, self.reverse) {
                    (0, false) => self.bottom(&at),
                    (0, true) => self.bottom_backwards(&at),
                    (_, false) => self.above(&at, end.as_ref()),
                    (_, true) => self.above_backwards(&at, end.as_ref()),
                }
            }
            Due::Passed(_) if self.scan.is_none() => Ok(()),
            Due::Passed(at) => {
                let missing = || misplaced(&at.cid, &at.place());
                self.scanned(&self.key_of(&at), missing).map(|_| ())
            }
        }
    }

    fn key_of(&self, at: &NodeAt) -> Vec<u8> {
        node_key(self.head.tree, at.left.as_bytes(), at.height)
    }

    /// Whether some of a subtree may lie before the span: its rows are looked up.
    fn begins_outside(&self, at: &NodeAt) -> bool {
        match &self.span.from {
            Bound::Unbounded => false,
            Bound::Included(from) | Bound::Excluded(from) => at.left < *from,
        }
    }

    fn above(&mut self, at: &NodeAt, end: Option<&Key>) -> Result<()> {
        if self.begins_outside(at) {
            let node = node_at(self.nodes, self.rows, self.head.tree, at)?;
            return self.push_below(at, end, &node);
        }
        let value = self.scanned(&self.key_of(at), || misplaced(&at.cid, &at.place()))?;
        let node = node_of(&RawRow::decode(&value)?, at)?;
        self.push_below(at, end, &node)
    }

    fn above_backwards(&mut self, at: &NodeAt, end: Option<&Key>) -> Result<()> {
        if !self.begins_outside(at) {
            self.due.push(Due::Passed(at.clone()));
        }
        let node = node_at(self.nodes, self.rows, self.head.tree, at)?;
        self.push_below(at, end, &node)
    }

    /// A node of layer 0, which is mostly a run.
    fn bottom(&mut self, at: &NodeAt) -> Result<()> {
        let key = self.key_of(at);
        let missing = || misplaced(&at.cid, &at.place());
        let value = if self.begins_outside(at) {
            self.looked_up(&key, missing)?
        } else {
            self.scanned(&key, missing)?
        };
        self.take_bottom(at, &value)
    }

    /// The same backwards: a run comes next in the scan. The row of a node whose records have rows
    /// of their own does not.
    fn bottom_backwards(&mut self, at: &NodeAt) -> Result<()> {
        let key = self.key_of(at);
        let missing = || misplaced(&at.cid, &at.place());
        if self.scan.is_none() {
            let value = self.looked_up(&key, missing)?;
            if RawRow::decode(&value)?.count > 1 {
                let (start, _) = tree_range(self.head.tree);
                self.scan = Some(self.rows.range(&start[..]..&key[..])?);
            }
            return self.take_bottom(at, &value);
        }
        let (found, value) = self.next_row()?.ok_or_else(missing)?;
        if found == key {
            return self.take_bottom(at, &value);
        }
        self.ahead = Some((found, value));
        let value = self.looked_up(&key, missing)?;
        if RawRow::decode(&value)?.count > 1 {
            return Err(missing());
        }
        self.take_bottom(at, &value)
    }

    fn take_bottom(&mut self, at: &NodeAt, value: &[u8]) -> Result<()> {
        let row = RawRow::decode(value)?;
        let node = node_of(&row, at)?;
        if row.count == 1 {
            if self.reverse && !node.entries.is_empty() && !self.begins_outside(at) {
                self.due.push(Due::Passed(at.clone()));
            }
            return self.push_below(at, None, &node);
        }
        self.take_run(&row, node)
    }

    /// The records of a run: its node names them in their order.
    fn take_run(&mut self, row: &RawRow<'_>, node: Node) -> Result<()> {
        let broken = || Error::Corrupt("a run does not hold what its node names".to_owned());
        let mut sections = row.each().skip(1);
        for entry in node.entries {
            let section = sections.next().ok_or_else(broken)??;
            if section.cid != entry.value {
                return Err(broken());
            }
            if self.span.contains(&entry.key) {
                self.ready.push((entry.key, L::in_run(row, &section)?));
            }
        }
        if sections.next().is_some() {
            return Err(broken());
        }
        if !self.reverse {
            self.ready.reverse();
        }
        Ok(())
    }

    /// Notes what hangs on a node as due.
    fn push_below(&mut self, at: &NodeAt, end: Option<&Key>, node: &Node) -> Result<()> {
        let first = self.due.len();
        let entries = &node.entries;
        let next = |index: usize| entries.get(index).map(|entry| &entry.key).or(end);
        if let Some(cid) = &node.left {
            self.due.push(Due::Node(at.below(cid, &at.left)?, next(0).cloned()));
        }
        for (entry, following) in entries.iter().zip(1..) {
            if self.span.contains(&entry.key) {
                self.due.push(Due::Record(entry.key.clone(), entry.value.clone()));
            }
            if let Some(cid) = &entry.right {
                self.due.push(Due::Node(at.below(cid, &entry.key)?, next(following).cloned()));
            }
        }
        if !self.reverse
            && let Some(below) = self.due.get_mut(first..)
        {
            below.reverse();
        }
        Ok(())
    }

    fn looked_up(&mut self, key: &[u8], missing: impl Fn() -> Error) -> Result<Vec<u8>> {
        let value = self.rows.get(key)?.ok_or_else(missing)?.value().to_vec();
        self.bytes += value.len() as u64;
        Ok(value)
    }

    /// The value of the next row, which has to have this key.
    fn scanned(&mut self, key: &[u8], missing: impl Fn() -> Error) -> Result<Vec<u8>> {
        if self.scan.is_none() {
            let (start, end) = tree_range(self.head.tree);
            self.scan = Some(if self.reverse {
                self.rows.range(&start[..]..=key)?
            } else {
                self.rows.range(key..&end[..])?
            });
        }
        match self.next_row()? {
            Some((found, value)) if found == key => Ok(value),
            _ => Err(missing()),
        }
    }

    /// The next row of the scan; rows that continue a record are left out.
    fn next_row(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        if let Some(row) = self.ahead.take() {
            return Ok(Some(row));
        }
        let Some(scan) = &mut self.scan else { return Ok(None) };
        loop {
            let next = if self.reverse { scan.next_back() } else { scan.next() };
            let Some((key, value)) = next.transpose()? else { return Ok(None) };
            if !continues_record(key.value()) {
                self.bytes += value.value().len() as u64;
                return Ok(Some((key.value().to_vec(), value.value().to_vec())));
            }
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.due.clear();
        self.ready.clear();
        // What is left is not the whole tree.
        self.listed = self.head.records;
        error
    }
}

impl Span {
    fn contains(&self, key: &Key) -> bool {
        let above = match &self.from {
            Bound::Unbounded => true,
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
        };
        let below = match &self.to {
            Bound::Unbounded => true,
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
        };
        above && below
    }

    /// Whether a subtree between these two keys, both exclusive, may have a key in it.
    fn overlaps(&self, left: &Key, end: Option<&Key>) -> bool {
        let begins = match &self.to {
            Bound::Unbounded => true,
            Bound::Included(to) | Bound::Excluded(to) => left < to,
        };
        let ends = match (&self.from, end) {
            (Bound::Unbounded, _) | (_, None) => true,
            (Bound::Included(from) | Bound::Excluded(from), Some(end)) => end > from,
        };
        begins && ends
    }
}

impl<T: ReadBytes, L: ListItem> Iterator for Records<'_, T, L> {
    type Item = Result<(Key, L)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop() {
                self.listed += 1;
                return Some(Ok(ready));
            }
            let Some(due) = self.due.pop() else {
                let counted = self.check_count();
                return counted.err().map(|error| Err(self.fail(error)));
            };
            if let Err(error) = self.take(due) {
                return Some(Err(self.fail(error)));
            }
        }
    }
}

//! The record at a path, by the nodes on the way to it.
//!
//! Each node is hashed and must be the one that its parent references, starting with the root in
//! the head. A row under a wrong key, of another tree, or an old one behind a damaged page is not,
//! and gives an error: never another record and never an absence.

use crate::block::{Block, Cid};
use crate::error::{Error, Result};
use crate::store::account::Head;
use crate::store::read::confirmed::ConfirmedRow;
use crate::store::read::node_cache::NodeCache;
use crate::store::read::nodes::{Descent, End, NodeAt, node_section};
use crate::store::read_table::{ByteEntry, ByteValue, ReadBytes};
use crate::store::rows::key::{
    RowPlace, is_leaf_key, misplaced, node_key, parse_key, record_key, tree_range,
};
use crate::store::rows::parts::whole_record;
use crate::store::rows::run::{run_entries, sought};
use crate::store::rows::value::{RawRow, Row, StoredBlock};
use crate::tree::{Key, Sought, seek};
use bytes::Bytes;

/// The place of a tree's root.
pub(crate) fn root(head: &Head) -> NodeAt {
    NodeAt { cid: head.data.clone(), left: Key::edge(), height: head.height }
}

/// The record at `path`, or `None` if the nodes on the way to it say that there is none.
///
/// A record in a row that was found before below the same root takes one look-up. Any other takes a
/// look-up a level at most; nodes above layer 0 are mostly kept in memory.
pub(crate) fn find<T>(
    rows: &T,
    nodes: &NodeCache,
    head: &Head,
    path: &[u8],
) -> Result<Option<StoredBlock>>
where
    T: ReadBytes,
{
    Lookup { rows, nodes, head, path }.record()
}

/// The head's commit.
pub(crate) fn commit_of<T: ReadBytes>(rows: &T, head: &Head) -> Result<StoredBlock> {
    let value = row_of(rows, head.tree, b"", &head.commit)?;
    record_in_row(rows, head.tree, b"", &head.commit, value.value())
}

/// The commit's block, hashed.
pub(crate) fn commit_block<T: ReadBytes>(rows: &T, head: &Head) -> Result<Block> {
    commit_of(rows, head)?.block()
}

/// A record that is looked for.
struct Lookup<'a, T> {
    rows: &'a T,
    nodes: &'a NodeCache,
    head: &'a Head,
    path: &'a [u8],
}

impl<T: ReadBytes> Lookup<'_, T> {
    fn record(&self) -> Result<Option<StoredBlock>> {
        // What goes wrong before the nodes are followed is left to them.
        let near = self.near().ok().flatten();
        if let Some(near) = &near
            && let Ok(Some(record)) = self.in_confirmed_row(near)
        {
            return Ok(Some(record));
        }
        match Descent::new(self.rows, self.nodes, self.head, self.path).end()? {
            End::Record(cid) => self.in_own_row(near.as_ref(), &cid).map(Some),
            End::Bottom(at) => self.at_bottom(near.as_ref(), &at),
            End::Absent => Ok(None),
        }
    }

    /// The last row that is not behind a record's: the one that has the record, if no page is
    /// damaged.
    fn near(&self) -> Result<Option<ByteEntry<'_>>> {
        let (start, _) = tree_range(self.head.tree);
        let end = record_key(self.head.tree, self.path);
        self.rows.range(&start[..]..=&end[..])?.next_back().transpose()
    }

    /// The record, if it is in a row to which the nodes below the head's root have led before.
    fn in_confirmed_row(&self, (key, value): &ByteEntry<'_>) -> Result<Option<StoredBlock>> {
        let row = RawRow::decode(value.value())?;
        if is_leaf_key(key.value()) {
            return self.in_confirmed_run(key.value(), value.value(), &row);
        }
        let Some(cid) = row.first_cid()? else { return Ok(None) };
        let confirmed = ConfirmedRow { path: self.path, cid: &cid, header: row.header() };
        if key.value() != record_key(self.head.tree, self.path) || !self.is_confirmed(confirmed) {
            return Ok(None);
        }
        let row = Row::decode_checked(&Bytes::copy_from_slice(value.value()))?;
        whole_record(self.rows, self.head.tree, self.path, &row).map(Some)
    }

    /// The record that the node of such a run names.
    fn in_confirmed_run(
        &self,
        key: &[u8],
        value: &[u8],
        row: &RawRow<'_>,
    ) -> Result<Option<StoredBlock>> {
        let Some(node) = row.each().next().transpose()? else { return Ok(None) };
        if row.count == 1 || !self.is_confirmed(leaf(row, &node.cid)) {
            return Ok(None);
        }
        // Most paths that are not here are absent: they are hashed only once, at the bottom.
        let Ok(Sought::Here(cid)) = seek(node.block, self.path) else { return Ok(None) };
        node.check()?;
        row.set_checked();
        let (_, place) = parse_key(key)?;
        record_in_run(row, value, &place, &cid, self.path).map(Some)
    }

    /// A record that has rows of its own, and is the one that its node names.
    fn in_own_row(&self, near: Option<&ByteEntry<'_>>, cid: &Cid) -> Result<StoredBlock> {
        let (tree, path) = (self.head.tree, self.path);
        let fetched;
        let value = if let Some(value) = value_in(near, &record_key(tree, path)) {
            value
        } else {
            fetched = row_of(self.rows, tree, path, cid)?;
            fetched.value()
        };
        let record = record_in_row(self.rows, tree, path, cid, value)?;
        let header = RawRow::decode(value)?.header();
        self.nodes.confirmed.note(&self.head.data, ConfirmedRow { path, cid, header });
        Ok(record)
    }

    /// The record at a path that only this node of layer 0 can hold.
    fn at_bottom(&self, near: Option<&ByteEntry<'_>>, at: &NodeAt) -> Result<Option<StoredBlock>> {
        let key = node_key(self.head.tree, at.left.as_bytes(), 0);
        let fetched;
        let value = if let Some(value) = value_in(near, &key) {
            value
        } else {
            let missing = || misplaced(&at.cid, &at.place());
            fetched = self.rows.get(&key[..])?.ok_or_else(missing)?;
            fetched.value()
        };
        let row = RawRow::decode(value)?;
        let cid = match sought(&node_section(&row, at)?, self.path)? {
            Sought::Absent => return Ok(None),
            Sought::Here(cid) => cid,
            Sought::Below(..) => return Err(lost(self.path)),
        };
        if row.count == 1 {
            return self.in_own_row(near, &cid).map(Some);
        }
        let record = record_in_run(&row, value, &at.place(), &cid, self.path)?;
        self.nodes.confirmed.note(&self.head.data, leaf(&row, &at.cid));
        Ok(Some(record))
    }

    fn is_confirmed(&self, row: ConfirmedRow<'_>) -> bool {
        self.nodes.confirmed.holds(&self.head.data, row)
    }
}

/// The value of the row with this key, if it is the current row.
fn value_in<'n>(near: Option<&'n ByteEntry<'_>>, key: &[u8]) -> Option<&'n [u8]> {
    near.filter(|(found, _)| found.value() == key).map(|(_, value)| value.value())
}

fn leaf<'a>(row: &RawRow<'a>, cid: &'a Cid) -> ConfirmedRow<'a> {
    ConfirmedRow { path: b"", cid, header: row.header() }
}

fn row_of<'r, T>(rows: &'r T, tree: u64, path: &[u8], cid: &Cid) -> Result<ByteValue<'r>>
where
    T: ReadBytes,
{
    rows.get(&record_key(tree, path)[..])?.ok_or_else(|| misplaced(cid, &record_place(path)))
}

/// The record in the rows that begin with this value, if it is the one that its node, or the head,
/// names.
pub(crate) fn record_in_row<T>(
    rows: &T,
    tree: u64,
    path: &[u8],
    cid: &Cid,
    value: &[u8],
) -> Result<StoredBlock>
where
    T: ReadBytes,
{
    let row = Row::decode(&Bytes::copy_from_slice(value))?;
    let record = whole_record(rows, tree, path, &row)?;
    if record.section.cid == *cid { Ok(record) } else { Err(misplaced(cid, &record_place(path))) }
}

pub(crate) fn record_place(path: &[u8]) -> RowPlace {
    RowPlace::Record { path: path.to_vec(), part: 0 }
}

/// The record that the node of a run names for a path: `value` is the run's row, at `place`.
fn record_in_run(
    row: &RawRow<'_>,
    value: &[u8],
    place: &RowPlace,
    cid: &Cid,
    path: &[u8],
) -> Result<StoredBlock> {
    let mut named = Vec::new();
    for section in row.each().skip(1) {
        let section = section?;
        if section.cid == *cid {
            named.push(section);
        }
    }
    match (named.pop(), named.is_empty()) {
        (None, _) => Err(lost(path)),
        (Some(record), true) => row.stamped(&record),
        // A record that is in it twice: places tell which is meant.
        (Some(_), false) => find_among_equals(place, value, path),
    }
}

fn find_among_equals(at: &RowPlace, value: &[u8], path: &[u8]) -> Result<StoredBlock> {
    let row = Row::decode(&Bytes::copy_from_slice(value))?;
    let is_it = |found: &Key| found.as_bytes() == path;
    let hit =
        run_entries(at, &row)?.into_iter().find(|entry| entry.path.as_ref().is_some_and(is_it));
    hit.map(|entry| entry.block).ok_or_else(|| lost(path))
}

fn lost(path: &[u8]) -> Error {
    let path = String::from_utf8_lossy(path);
    Error::Corrupt(format!("a block on the way to {path:?} is not in the store"))
}

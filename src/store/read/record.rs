//! The record at a path, by the nodes on the way to it.
//!
//! Each node is hashed and is the one that its parent names, beginning with the root that the head
//! names. A row that lies under a wrong key, belongs to another tree or is an old one that a damaged
//! page leads to is not what the node above it names: it gives an error, never another record and
//! never an absence.

use crate::block::{Block, Cid};
use crate::error::{Error, Result};
use crate::store::account::Head;
use crate::store::read::confirmed::Row as Confirmed;
use crate::store::read::nodes::{Descent, End, NodeAt, Nodes, node_section};
use crate::store::read_table::{ByteEntry, ByteValue, ReadBytes};
use crate::store::rows::key::{
    Place, is_leaf_key, misplaced, node_key, parse_key, record_key, tree_range,
};
use crate::store::rows::parts::whole_record;
use crate::store::rows::run::{RunPlace, run_entries, sought};
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
    nodes: &Nodes,
    head: &Head,
    path: &[u8],
) -> Result<Option<StoredBlock>>
where
    T: ReadBytes,
{
    let near = Near::find(rows, head.tree, path)?;
    if let Some(record) = near.confirmed(rows, nodes, head, path)? {
        return Ok(Some(record));
    }
    match Descent::new(rows, nodes, head, path).end()? {
        End::Record(cid) => record_on_the_way(rows, nodes, head, path, &cid).map(Some),
        End::Bottom(at) => find_at_bottom(rows, nodes, &near, head, &at, path),
        End::Absent => Ok(None),
    }
}

/// The last row that is not behind a record's: the one that has the record, if no page is damaged.
struct Near<'a>(Option<ByteEntry<'a>>);

impl<'a> Near<'a> {
    fn find<T: ReadBytes>(rows: &'a T, tree: u64, path: &[u8]) -> Result<Self> {
        let (start, _) = tree_range(tree);
        let mut before = rows.range(&start[..]..=&record_key(tree, path)[..])?;
        before.next_back().transpose().map(Self)
    }

    /// The value of the row with this key, if it is the one.
    fn value(&self, key: &[u8]) -> Option<&[u8]> {
        self.0.as_ref().filter(|(found, _)| found.value() == key).map(|(_, value)| value.value())
    }

    /// The record, if it is in a row to which the nodes below the head's root have led before. Any
    /// other answer is left to them.
    fn confirmed<T: ReadBytes>(
        &self,
        rows: &T,
        nodes: &Nodes,
        head: &Head,
        path: &[u8],
    ) -> Result<Option<StoredBlock>> {
        let Some((key, value)) = &self.0 else { return Ok(None) };
        let (key, value) = (key.value(), value.value());
        if key == record_key(head.tree, path) {
            return confirmed_record(rows, nodes, head, path, value);
        }
        if is_leaf_key(key) {
            return in_confirmed_run(nodes, head, path, key, value);
        }
        Ok(None)
    }
}

/// A record in a row of its own.
fn confirmed_record<T: ReadBytes>(
    rows: &T,
    nodes: &Nodes,
    head: &Head,
    path: &[u8],
    value: &[u8],
) -> Result<Option<StoredBlock>> {
    let row = RawRow::decode(value)?;
    let Some(cid) = row.first_cid()? else { return Ok(None) };
    if !nodes.confirmed.holds(&head.data, Confirmed { path, cid: &cid, header: row.header() }) {
        return Ok(None);
    }
    let row = Row::decode_checked(&Bytes::copy_from_slice(value))?;
    whole_record(rows, head.tree, path, &row).map(Some)
}

/// A record in a run, whose node names it.
fn in_confirmed_run(
    nodes: &Nodes,
    head: &Head,
    path: &[u8],
    key: &[u8],
    value: &[u8],
) -> Result<Option<StoredBlock>> {
    let row = RawRow::decode(value)?;
    if row.count == 1 {
        return Ok(None);
    }
    let Some(node) = row.each().next().transpose()? else { return Ok(None) };
    if !nodes.confirmed.holds(&head.data, leaf(&row, &node.cid)) {
        return Ok(None);
    }
    let Ok(Sought::Here(cid)) = seek(node.block, path) else { return Ok(None) };
    node.check()?;
    row.set_checked();
    let (_, place) = parse_key(key)?;
    record_in_run(&row, value, &place, &cid, path).map(Some)
}

fn leaf<'a>(row: &RawRow<'a>, cid: &'a Cid) -> Confirmed<'a> {
    Confirmed { path: b"", cid, header: row.header() }
}

/// The head's commit.
pub(crate) fn commit_of<T: ReadBytes>(rows: &T, head: &Head) -> Result<StoredBlock> {
    record_in_row(rows, head.tree, b"", &head.commit)
}

/// The commit's block, hashed.
pub(crate) fn commit_block<T: ReadBytes>(rows: &T, head: &Head) -> Result<Block> {
    commit_of(rows, head)?.block()
}

/// A record that has rows of its own, and is the one that its node, or the head, names.
fn record_in_row<T>(rows: &T, tree: u64, path: &[u8], cid: &Cid) -> Result<StoredBlock>
where
    T: ReadBytes,
{
    let value = row_of(rows, tree, path, cid)?;
    let row = Row::decode(&Bytes::copy_from_slice(value.value()))?;
    named_record(rows, tree, path, cid, &row)
}

/// The same, of a record that the nodes below the head's root have led to.
fn record_on_the_way<T>(
    rows: &T,
    nodes: &Nodes,
    head: &Head,
    path: &[u8],
    cid: &Cid,
) -> Result<StoredBlock>
where
    T: ReadBytes,
{
    let value = row_of(rows, head.tree, path, cid)?;
    let row = Row::decode(&Bytes::copy_from_slice(value.value()))?;
    let record = named_record(rows, head.tree, path, cid, &row)?;
    let header = RawRow::decode(value.value())?.header();
    nodes.confirmed.note(&head.data, Confirmed { path, cid, header });
    Ok(record)
}

fn row_of<'r, T>(rows: &'r T, tree: u64, path: &[u8], cid: &Cid) -> Result<ByteValue<'r>>
where
    T: ReadBytes,
{
    let missing = || misplaced(cid, &Place::Record { path: path.to_vec(), part: 0 });
    rows.get(&record_key(tree, path)[..])?.ok_or_else(missing)
}

fn named_record<T>(rows: &T, tree: u64, path: &[u8], cid: &Cid, row: &Row) -> Result<StoredBlock>
where
    T: ReadBytes,
{
    let record = whole_record(rows, tree, path, row)?;
    if record.frame.cid != *cid {
        return Err(misplaced(cid, &Place::Record { path: path.to_vec(), part: 0 }));
    }
    Ok(record)
}

/// The record at a path that only this node of layer 0 can hold.
fn find_at_bottom<T>(
    rows: &T,
    nodes: &Nodes,
    near: &Near<'_>,
    head: &Head,
    at: &NodeAt,
    path: &[u8],
) -> Result<Option<StoredBlock>>
where
    T: ReadBytes,
{
    let key = node_key(head.tree, at.left.as_bytes(), 0);
    let fetched;
    let value = if let Some(value) = near.value(&key) {
        value
    } else {
        fetched = rows.get(&key[..])?.ok_or_else(|| misplaced(&at.cid, &at.place()))?;
        fetched.value()
    };
    let row = RawRow::decode(value)?;
    let cid = match sought(&node_section(&row, at)?, path)? {
        Sought::Absent => return Ok(None),
        Sought::Here(cid) => cid,
        Sought::Below(..) => return Err(lost(path)),
    };
    if row.count == 1 {
        return record_on_the_way(rows, nodes, head, path, &cid).map(Some);
    }
    let record = record_in_run(&row, value, &at.place(), &cid, path)?;
    nodes.confirmed.note(&head.data, leaf(&row, &at.cid));
    Ok(Some(record))
}

/// The record that the node of a run names for a path: `value` is the run's row, at `place`.
fn record_in_run(
    row: &RawRow<'_>,
    value: &[u8],
    place: &Place,
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

fn find_among_equals(at: &Place, value: &[u8], path: &[u8]) -> Result<StoredBlock> {
    let row = Row::decode(&Bytes::copy_from_slice(value))?;
    let is_it = |place: &RunPlace| matches!(place, RunPlace::Record { path: found } if found.as_bytes() == path);
    let hit = run_entries(at, &row)?.into_iter().find(|block| is_it(&block.place));
    hit.map(|placed| placed.block).ok_or_else(|| lost(path))
}

fn lost(path: &[u8]) -> Error {
    let path = String::from_utf8_lossy(path);
    Error::Corrupt(format!("a block on the way to {path:?} is not in the store"))
}

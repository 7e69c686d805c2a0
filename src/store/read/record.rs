//! The record at a path, by the nodes on the way to it.
//!
//! Each node is hashed and is the one that its parent names, beginning with the root that the head
//! names. A row that lies under a wrong key, belongs to another tree or is an old one that a damaged
//! page leads to is not what the node above it names: it gives an error, never another record and
//! never an absence.

use crate::block::{Block, Cid};
use crate::error::{Error, Result};
use crate::store::account::Head;
use crate::store::read::nodes::{NodeAt, Nodes, Way, way};
use crate::store::read_table::ReadBytes;
use crate::store::rows::parts::whole_record;
use crate::store::rows::row::{Place, RawRow, Row, StoredBlock, misplaced, node_key, record_key};
use crate::store::rows::run::{RunPlace, run_entries};
use crate::tree::{Key, Sought};
use bytes::Bytes;

/// The place of a tree's root.
pub(crate) fn root(head: &Head) -> NodeAt {
    NodeAt { cid: head.data.clone(), left: Key::edge(), height: head.height }
}

/// The record at `path`, or `None` if the nodes on the way to it say that there is none. A look-up a
/// level at most; nodes above layer 0 are mostly kept in memory.
pub(crate) fn find<T>(
    rows: &T,
    nodes: &Nodes,
    head: &Head,
    path: &[u8],
) -> Result<Option<StoredBlock>>
where
    T: ReadBytes,
{
    let mut at = root(head);
    while at.height > 0 {
        let node = nodes.node(rows, head.tree, &at)?;
        match way(&node, &at, path)? {
            Way::Here(cid) => return record_in_row(rows, head.tree, path, &cid).map(Some),
            Way::Below(below) => at = below,
            Way::Absent => return Ok(None),
        }
    }
    find_at_bottom(rows, head.tree, &at, path)
}

/// The head's commit.
pub(crate) fn commit_of<T: ReadBytes>(rows: &T, head: &Head) -> Result<StoredBlock> {
    record_in_row(rows, head.tree, b"", &head.commit)
}

/// The commit's block, hashed.
pub(crate) fn commit_block<T: ReadBytes>(rows: &T, head: &Head) -> Result<Block> {
    commit_of(rows, head)?.block()
}

/// A record that has rows of its own, and is the one that its node names.
fn record_in_row<T>(rows: &T, tree: u64, path: &[u8], cid: &Cid) -> Result<StoredBlock>
where
    T: ReadBytes,
{
    let missing = || misplaced(cid, &Place::Record { path: path.to_vec(), part: 0 });
    let value = rows.get(&record_key(tree, path)[..])?.ok_or_else(missing)?;
    let row = Row::decode(&Bytes::copy_from_slice(value.value()))?;
    let record = whole_record(rows, tree, path, &row)?;
    if record.frame.cid == *cid { Ok(record) } else { Err(missing()) }
}

/// The record at a path that only this node of layer 0 can hold.
fn find_at_bottom<T>(rows: &T, tree: u64, at: &NodeAt, path: &[u8]) -> Result<Option<StoredBlock>>
where
    T: ReadBytes,
{
    let missing = || misplaced(&at.cid, &at.place());
    let value = rows.get(&node_key(tree, at.left.as_bytes(), 0)[..])?.ok_or_else(missing)?;
    let row = RawRow::decode(value.value())?;
    let node = row.each().next().transpose()?.filter(|node| node.cid == at.cid);
    let node = node.ok_or_else(missing)?;
    let cid = match crate::store::rows::run::sought(&node, path)? {
        Sought::Absent => return Ok(None),
        Sought::Here(cid) => cid,
        Sought::Below => return Err(lost(path)),
    };
    if row.count == 1 {
        return record_in_row(rows, tree, path, &cid).map(Some);
    }
    let mut named = Vec::new();
    for section in row.each().skip(1) {
        let section = section?;
        if section.cid == cid {
            named.push(section);
        }
    }
    match (named.pop(), named.is_empty()) {
        (None, _) => Err(lost(path)),
        (Some(record), true) => row.stamped(&record).map(Some),
        // A record that is in it twice: places tell which is meant.
        (Some(_), false) => find_among_equals(at, value.value(), path).map(Some),
    }
}

fn find_among_equals(at: &NodeAt, value: &[u8], path: &[u8]) -> Result<StoredBlock> {
    let row = Row::decode(&Bytes::copy_from_slice(value))?;
    let is_it = |place: &RunPlace| matches!(place, RunPlace::Record { path: found } if found.as_bytes() == path);
    let hit = run_entries(&at.place(), &row)?.into_iter().find(|block| is_it(&block.place));
    hit.map(|placed| placed.block).ok_or_else(|| lost(path))
}

fn lost(path: &[u8]) -> Error {
    let path = String::from_utf8_lossy(path);
    Error::Corrupt(format!("a block on the way to {path:?} is not in the store"))
}

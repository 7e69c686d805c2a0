//! The blocks of a row with their places in the tree.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::store::rows::key::RowPlace;
use crate::store::rows::value::{RawSection, Row, StoredBlock};
use crate::tree::{CompactNode, Key, Node, Sought, seek};

/// A block of a row, and where in the tree it sits.
pub(crate) struct RunEntry {
    /// The record's path; `None` for the node that the row begins with.
    pub(crate) path: Option<Key>,
    pub(crate) block: StoredBlock,
}

/// Gives the blocks of a row in order, each with its place. A row is a record (or the commit), a
/// node, or a run: a node of layer 0 and its records. In a run the node says what comes next, and is
/// hashed: a damaged one would give a record another path, or none.
pub(crate) fn run_entries(place: &RowPlace, row: &Row) -> Result<Vec<RunEntry>> {
    let mut blocks = row.blocks();
    let first = next(&mut blocks)?;
    if let RowPlace::Record { path, .. } = place {
        return Ok(vec![RunEntry { path: Some(Key::from(&path[..])), block: first }]);
    }
    let paths = if row.count() > 1 { paths_of_run(&first)? } else { Vec::new() };
    let mut out = Vec::with_capacity(row.count());
    out.push(RunEntry { path: None, block: first });
    for path in paths {
        out.push(RunEntry { path: Some(path), block: next(&mut blocks)? });
    }
    if blocks.next().is_some() || out.len() != row.count() {
        return Err(Error::Corrupt("a run holds blocks that its node does not name".to_owned()));
    }
    Ok(out)
}

/// The paths of the records that follow the node of a run.
fn paths_of_run(node: &StoredBlock) -> Result<Vec<Key>> {
    let node = decoded(node.block()?.bytes(), &node.section.cid)?;
    if node.left.is_some() || node.entries.iter().any(|entry| entry.right.is_some()) {
        return Err(Error::Corrupt("a run begins with a node above layer 0".to_owned()));
    }
    Ok(node.entries.into_iter().map(|entry| entry.key).collect())
}

/// Where a node says that a path is.
pub(crate) fn sought(node: &RawSection<'_>, path: &[u8]) -> Result<Sought> {
    node.check()?;
    seek(node.block, path).map_err(|problem| Error::Corrupt(problem.cid(&node.cid).to_string()))
}

/// A node of a row, hashed.
pub(crate) fn read_node(section: &RawSection<'_>) -> Result<Node> {
    section.check()?;
    decoded(section.block, &section.cid)
}

/// The same, as it is kept in memory.
pub(crate) fn compact_node(section: &RawSection<'_>) -> Result<CompactNode> {
    section.check()?;
    CompactNode::read(section.block)
        .map_err(|problem| Error::Corrupt(problem.cid(&section.cid).to_string()))
}

/// The node in bytes that have been hashed.
fn decoded(bytes: &[u8], cid: &Cid) -> Result<Node> {
    Node::decode(bytes).map_err(|problem| Error::Corrupt(problem.cid(cid).to_string()))
}

fn next(blocks: &mut impl Iterator<Item = Result<StoredBlock>>) -> Result<StoredBlock> {
    blocks.next().ok_or_else(|| Error::Corrupt("a row lacks a block".to_owned()))?
}

//! The blocks of a row with their places in the tree.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::store::rows::key::Place;
use crate::store::rows::value::{RawSection, Row, StoredBlock};
use crate::tree::{CompactNode, Key, Node, Sought, seek};

/// A block of a row, and where in the tree it sits.
pub(crate) struct RunEntry {
    pub(crate) place: RunPlace,
    pub(crate) block: StoredBlock,
}

/// Where a block of a run sits.
pub(crate) enum RunPlace {
    /// A node of this height, right of this key.
    Node { left: Key, height: u8 },
    /// The record at this path.
    Record { path: Key },
}

/// Gives the blocks of a row in order, each with its place. A row is a record (or the commit), a
/// node, or a run; in a run the nodes say what comes next, and are hashed: a damaged one would give
/// a record another path, or none.
pub(crate) fn run_entries(place: &Place, row: &Row) -> Result<Vec<RunEntry>> {
    let mut frames = row.frames();
    let (left, height) = match place {
        Place::Record { path, .. } => {
            let place = RunPlace::Record { path: Key::from(&path[..]) };
            return Ok(vec![RunEntry { place, block: next(&mut frames)? }]);
        }
        Place::Node { left, height } => (Key::from(&left[..]), *height),
    };
    let mut out = Vec::with_capacity(row.count());
    let mut due = vec![RunPlace::Node { left, height }];
    let is_run = row.count() > 1;
    while let Some(place) = due.pop() {
        let block = next(&mut frames)?;
        if let (RunPlace::Node { left, height }, true) = (&place, is_run) {
            push_children(&mut due, left, *height, &block)?;
        }
        out.push(RunEntry { place, block });
        if out.len() > row.count() {
            break;
        }
    }
    if frames.next().is_some() || out.len() != row.count() {
        return Err(Error::Corrupt("a run holds blocks that its nodes do not ask for".to_owned()));
    }
    Ok(out)
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

fn next(frames: &mut impl Iterator<Item = Result<StoredBlock>>) -> Result<StoredBlock> {
    frames.next().ok_or_else(|| Error::Corrupt("a row lacks a block".to_owned()))?
}

/// Puts what a node asks for on the stack, the first thing on top.
fn push_children(
    due: &mut Vec<RunPlace>,
    left: &Key,
    height: u8,
    block: &StoredBlock,
) -> Result<()> {
    let node = decoded(block.block()?.bytes(), &block.section.cid)?;
    let below = |left: &Key| {
        let height = height.checked_sub(1);
        height
            .map(|height| RunPlace::Node { left: left.clone(), height })
            .ok_or_else(|| Error::Corrupt("a subtree below layer 0".to_owned()))
    };
    for entry in node.entries.iter().rev() {
        if entry.right.is_some() {
            due.push(below(&entry.key)?);
        }
        due.push(RunPlace::Record { path: entry.key.clone() });
    }
    if node.left.is_some() {
        due.push(below(left)?);
    }
    Ok(())
}

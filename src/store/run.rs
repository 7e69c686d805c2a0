//! The blocks of a row with their places in the tree.

use super::row::{Place, Row, Stamped};
use crate::block::Cid;
use crate::error::{Error, Result};
use crate::limits::RUN_HEIGHT;
use crate::tree::{Key, Node};

/// A block of a row, and where in the tree it sits.
pub(crate) struct Placed {
    pub(crate) place: RunPlace,
    pub(crate) block: Stamped,
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
pub(crate) fn placed(place: &Place, row: &Row) -> Result<Vec<Placed>> {
    let mut frames = row.frames();
    let (left, height) = match place {
        Place::Record { path, .. } => {
            let place = RunPlace::Record { path: Key::from(&path[..]) };
            return Ok(vec![Placed { place, block: next(&mut frames)? }]);
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
        out.push(Placed { place, block });
        if out.len() > row.count() {
            break;
        }
    }
    if frames.next().is_some() || out.len() != row.count() {
        return Err(Error::Corrupt("a run holds blocks that its nodes do not ask for".to_owned()));
    }
    Ok(out)
}

/// The record at `path` in the row of a node or a run. Only the nodes on the way to it are hashed
/// and read; what they name is told by its CID.
pub(crate) fn search(place: &Place, row: &Row, path: &[u8]) -> Result<Option<Stamped>> {
    let frames = row.frames().collect::<Result<Vec<_>>>()?;
    let Some(mut node) = frames.first() else { return Ok(None) };
    for _ in 0..=RUN_HEIGHT {
        let found = match scan_for(node, path)? {
            Sought::Here(cid) => named(&frames, &cid).map(|record| (record, true)),
            Sought::Below(cid) => named(&frames, &cid).map(|node| (node, false)),
            Sought::Absent => return Ok(None),
        };
        match found {
            Ok((record, true)) => return Ok(Some(record.clone())),
            Ok((below, false)) => node = below,
            // Were it in a row of its own, that row would have been found.
            Err(0) => return Err(lost(path)),
            // A block that is in it twice: places tell which is meant.
            Err(_) => return search_all(place, row, path),
        }
    }
    search_all(place, row, path)
}

fn lost(path: &[u8]) -> Error {
    let path = String::from_utf8_lossy(path);
    Error::Corrupt(format!("a block on the way to {path:?} is not in the store"))
}

/// The only block with this CID, or how many there are.
fn named<'a>(frames: &'a [Stamped], cid: &Cid) -> Result<&'a Stamped, usize> {
    let mut named = frames.iter().filter(|stamped| stamped.frame.cid == *cid);
    match (named.next(), named.count()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(0),
        (Some(_), more) => Err(1 + more),
    }
}

fn search_all(place: &Place, row: &Row, path: &[u8]) -> Result<Option<Stamped>> {
    let hit = placed(place, row)?.into_iter().find(
        |block| matches!(&block.place, RunPlace::Record { path: found } if found.as_bytes() == path),
    );
    Ok(hit.map(|placed| placed.block))
}

/// Where a node says that a path is.
enum Sought {
    Here(Cid),
    Below(Cid),
    Absent,
}

fn scan_for(stamped: &Stamped, path: &[u8]) -> Result<Sought> {
    let node = read_node(stamped)?;
    let after = node.entries.partition_point(|entry| entry.key.as_bytes() <= path);
    let before = after.checked_sub(1).and_then(|at| node.entries.get(at));
    Ok(match before {
        Some(entry) if entry.key.as_bytes() == path => Sought::Here(entry.value.clone()),
        Some(entry) => entry.right.clone().map_or(Sought::Absent, Sought::Below),
        None => node.left.map_or(Sought::Absent, Sought::Below),
    })
}

fn read_node(stamped: &Stamped) -> Result<Node> {
    Node::decode(stamped.block()?.bytes())
        .map_err(|problem| Error::Corrupt(problem.cid(&stamped.frame.cid).to_string()))
}

fn next(frames: &mut impl Iterator<Item = Result<Stamped>>) -> Result<Stamped> {
    frames.next().ok_or_else(|| Error::Corrupt("a row lacks a block".to_owned()))?
}

/// Puts what a node asks for on the stack, the first thing on top.
fn push_children(due: &mut Vec<RunPlace>, left: &Key, height: u8, block: &Stamped) -> Result<()> {
    let node = read_node(block)?;
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

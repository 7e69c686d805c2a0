//! The blocks of a row with their places in the tree.

use super::row::{Place, Row, Stamped};
use crate::error::{Error, Result};
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

fn next(frames: &mut impl Iterator<Item = Result<Stamped>>) -> Result<Stamped> {
    frames.next().ok_or_else(|| Error::Corrupt("a row lacks a block".to_owned()))?
}

/// Puts what a node asks for on the stack, the first thing on top.
fn push_children(due: &mut Vec<RunPlace>, left: &Key, height: u8, block: &Stamped) -> Result<()> {
    let node = Node::decode(block.block()?.bytes())
        .map_err(|problem| Error::Corrupt(problem.cid(&block.frame.cid).to_string()))?;
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

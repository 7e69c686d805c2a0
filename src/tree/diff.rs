//! The difference of two trees, without a visit to what they share.

use crate::block::{Block, Cid};
use crate::error::Result;
use crate::tree::Child;
use crate::tree::HeldEntry;
use crate::tree::Key;
use crate::tree::NodeSource;
use crate::tree::Tree;
use crate::tree::step::{DiffSide, DiffStep, Facing, next_step};
use std::collections::BTreeMap;

/// The difference of two trees.
#[derive(Clone, Debug, Default)]
pub struct Diff {
    /// Nodes of the new tree that the old one lacks.
    pub created: BTreeMap<Cid, Block>,
    /// Nodes of the old tree that the new one lacks.
    pub deleted: BTreeMap<Cid, Block>,
    /// Records that differ, in the order of their paths.
    pub changes: Vec<Change>,
}

/// A path whose record differs between two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path.
    pub key: Key,
    /// Its record in the old tree; `None` if there is none.
    pub old: Option<Cid>,
    /// Its record in the new tree; `None` if there is none.
    pub new: Option<Cid>,
}

/// Compares two trees. Subtrees that both have are not loaded, except on the way down beside a
/// record that only one has.
///
/// ```
/// use carrack::block::{Cid, Codec};
/// use carrack::parts::tree::{Tree, diff};
/// use std::collections::HashMap;
///
/// let mut new = Tree::empty();
/// let record = Cid::of(Codec::DagCbor, b"record");
/// new.insert(&"com.example.post/1".into(), record.clone(), &mut HashMap::new())?;
/// let mut old = Tree::empty();
/// let found = diff(&mut old, &mut HashMap::new(), &mut new, &mut HashMap::new())?;
/// assert_eq!((found.created.len(), found.deleted.len()), (1, 1));
/// assert_eq!((&found.changes[0].old, &found.changes[0].new), (&None, &Some(record)));
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// The sources' errors, if a node that differs cannot be loaded.
pub fn diff(
    old: &mut Tree,
    old_source: &mut dyn NodeSource,
    new: &mut Tree,
    new_source: &mut dyn NodeSource,
) -> Result<Diff> {
    old.seal();
    new.seal();
    let mut a = DiffCursor::new(old.root.clone());
    let mut b = DiffCursor::new(new.root.clone());
    let mut changes = Vec::new();
    loop {
        match next_step(a.facing(), b.facing()) {
            DiffStep::Done => break,
            DiffStep::SkipBoth => {
                a.stack.pop();
                b.stack.pop();
            }
            DiffStep::Open(DiffSide::Old) => a.open(old_source)?,
            DiffStep::Open(DiffSide::New) => b.open(new_source)?,
            DiffStep::Take { old, new } => {
                let was = if old { a.take() } else { None };
                let is = if new { b.take() } else { None };
                push_change(&mut changes, was, is);
            }
        }
    }
    let created = b.opened.iter().filter(|(cid, _)| !a.opened.contains_key(cid));
    let deleted = a.opened.iter().filter(|(cid, _)| !b.opened.contains_key(cid));
    let owned = |(cid, block): (&Cid, &Block)| (cid.clone(), block.clone());
    Ok(Diff {
        created: created.map(owned).collect(),
        deleted: deleted.map(owned).collect(),
        changes,
    })
}

enum Item {
    Subtree(Child),
    Record { key: Key, value: Cid },
}

fn push_change(changes: &mut Vec<Change>, old: Option<(Key, Cid)>, new: Option<(Key, Cid)>) {
    let (key, old, new) = match (old, new) {
        (Some((key, old)), Some((_, new))) => (key, Some(old), Some(new)),
        (Some((key, old)), None) => (key, Some(old), None),
        (None, Some((key, new))) => (key, None, Some(new)),
        (None, None) => return,
    };
    if old != new {
        changes.push(Change { key, old, new });
    }
}

/// The remaining items of one tree, the next one on top.
struct DiffCursor {
    stack: Vec<Item>,
    opened: BTreeMap<Cid, Block>,
}

impl DiffCursor {
    fn new(root: Child) -> Self {
        Self { stack: vec![Item::Subtree(root)], opened: BTreeMap::new() }
    }

    fn facing(&self) -> Option<Facing<'_>> {
        Some(match self.stack.last()? {
            Item::Subtree(child) => Facing::Subtree { cid: child.cid(), height: child.height() },
            Item::Record { key, .. } => Facing::Record(key),
        })
    }

    fn open(&mut self, source: &mut dyn NodeSource) -> Result<()> {
        let Some(Item::Subtree(mut child)) = self.stack.pop() else { return Ok(()) };
        let node = child.hold(source)?;
        if let Some(block) = &node.block {
            self.opened.insert(block.cid().clone(), block.clone());
        }
        for HeldEntry { key, value, right } in node.entries.drain(..).rev() {
            self.stack.extend(right.map(Item::Subtree));
            self.stack.push(Item::Record { key, value });
        }
        self.stack.extend(node.left.take().map(Item::Subtree));
        Ok(())
    }

    fn take(&mut self) -> Option<(Key, Cid)> {
        match self.stack.pop() {
            Some(Item::Record { key, value }) => Some((key, value)),
            _ => None,
        }
    }
}

//! Insertion with its split; updates.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::tree::Child;
use crate::tree::Held;
use crate::tree::HeldEntry;
use crate::tree::Key;
use crate::tree::NodeSource;
use crate::tree::Tree;
use crate::tree::layer;

impl Tree {
    /// Sets the record of `key`. Returns the previous one, and the number of entries of the node.
    ///
    /// # Errors
    /// The source's errors, if a node on the path cannot be loaded. The tree must not be used
    /// afterwards.
    pub fn insert(
        &mut self,
        key: &Key,
        value: Cid,
        source: &mut dyn NodeSource,
    ) -> Result<(Option<Cid>, usize)> {
        let target = layer(key.as_bytes());
        let root = self.root.hold(source)?;
        if root.is_bare() {
            root.height = target;
        }
        if target > root.height {
            self.raise_root(key, value, target, source)?;
            return Ok((None, 1));
        }
        insert_below(root, key, value, target, source)
    }

    /// Inserts a key above the root: the old tree is split at the key, and the halves become its
    /// left and right subtrees.
    fn raise_root(
        &mut self,
        key: &Key,
        value: Cid,
        target: u8,
        source: &mut dyn NodeSource,
    ) -> Result<()> {
        let empty = Child::from(Held::new(target));
        let mut old = std::mem::replace(&mut self.root, empty);
        let height = old.hold(source)?.height;
        let (left, right) = split(old, key, source)?;
        let mut root = Held::new(target);
        root.left = left.map(|child| raise(child, height, target - 1));
        let right = right.map(|child| raise(child, height, target - 1));
        root.entries.push(HeldEntry { key: key.clone(), value, right });
        self.root = root.into();
        Ok(())
    }
}

fn insert_below(
    node: &mut Held,
    key: &Key,
    value: Cid,
    target: u8,
    source: &mut dyn NodeSource,
) -> Result<(Option<Cid>, usize)> {
    let (index, found) = node.search(key);
    node.touch();
    if found {
        let count = node.entries.len();
        let Some(entry) = node.entries.get_mut(index) else { return Err(lost(key)) };
        return Ok((Some(std::mem::replace(&mut entry.value, value)), count));
    }
    let height = node.height;
    let Some(slot) = node.slot(index) else { return Err(lost(key)) };
    if target < height {
        if let Some(child) = slot {
            return insert_below(child.hold(source)?, key, value, target, source);
        }
        let mut leaf = Held::new(target);
        leaf.entries.push(HeldEntry { key: key.clone(), value, right: None });
        *slot = Some(raise(leaf.into(), target, height - 1));
        return Ok((None, 1));
    }
    let (left, right) = match slot.take() {
        Some(child) => split(child, key, source)?,
        None => (None, None),
    };
    *slot = left;
    node.entries.insert(index, HeldEntry { key: key.clone(), value, right });
    Ok((None, node.entries.len()))
}

/// Splits a subtree at a key that it does not hold. A half that gets everything stays as it is.
fn split(
    mut child: Child,
    key: &Key,
    source: &mut dyn NodeSource,
) -> Result<(Option<Child>, Option<Child>)> {
    let node = child.hold(source)?;
    let (index, _) = node.search(key);
    let count = node.entries.len();
    let middle = match node.slot(index) {
        Some(slot) => slot.take(),
        None => return Err(lost(key)),
    };
    let (low, high) = match middle {
        Some(middle) => split(middle, key, source)?,
        None => (None, None),
    };
    let all_right = index == 0 && low.is_none();
    let all_left = index == count && high.is_none();
    if all_right || all_left {
        if let Some(slot) = node.slot(index) {
            *slot = low.or(high);
        }
        return Ok(if all_right { (None, Some(child)) } else { (Some(child), None) });
    }
    let mut right = Held::new(node.height);
    right.entries = node.entries.split_off(index);
    right.left = high;
    node.touch();
    if let Some(slot) = node.slot(index) {
        *slot = low;
    }
    // Neither half is bare: it has entries, or its part of the middle.
    Ok((Some(child), Some(right.into())))
}

/// Adds entry-less nodes above a subtree of height `from`, up to height `to`.
fn raise(mut child: Child, from: u8, to: u8) -> Child {
    for height in from..to {
        let mut above = Held::new(height + 1);
        above.left = Some(child);
        child = above.into();
    }
    child
}

pub(in crate::tree) fn lost(key: &Key) -> Error {
    Error::Corrupt(format!("the tree lost its place at {key}"))
}

//! Removal with its merge and trim.

use crate::block::Cid;
use crate::error::Result;
use crate::tree::Child;
use crate::tree::Held;
use crate::tree::Key;
use crate::tree::NodeSource;
use crate::tree::Tree;
use crate::tree::insert::lost;
use crate::tree::layer;

impl Tree {
    /// Removes `key`; returns its record if it existed.
    ///
    /// # Errors
    /// The source's errors, if a node on the path cannot be loaded. The tree must not be used
    /// afterwards.
    pub fn remove(&mut self, key: &Key, source: &mut dyn NodeSource) -> Result<Option<Cid>> {
        let target = layer(key.as_bytes());
        let root = self.root.hold(source)?;
        let removed = remove_below(root, key, target, source)?;
        if removed.is_some() {
            self.trim(source)?;
        }
        Ok(removed)
    }

    /// Removes entry-less nodes from the top.
    fn trim(&mut self, source: &mut dyn NodeSource) -> Result<()> {
        loop {
            let root = self.root.hold(source)?;
            if !root.entries.is_empty() {
                return Ok(());
            }
            let Some(child) = root.left.take() else {
                self.root = Held::new(0).into();
                return Ok(());
            };
            self.root = child;
        }
    }
}

fn remove_below(
    node: &mut Held,
    key: &Key,
    target: u8,
    source: &mut dyn NodeSource,
) -> Result<Option<Cid>> {
    let (index, found) = node.search(key);
    if !found {
        // Further down are only keys of lower layers.
        if target >= node.height {
            return Ok(None);
        }
        let Some(slot) = node.slot(index) else { return Err(lost(key)) };
        let Some(child) = slot else { return Ok(None) };
        let removed = remove_below(child.hold(source)?, key, target, source)?;
        if removed.is_some() {
            *slot = slot.take().and_then(child_or_none);
            node.touch();
        }
        return Ok(removed);
    }
    node.touch();
    let removed = node.entries.remove(index);
    let Some(slot) = node.slot(index) else { return Err(lost(key)) };
    *slot = merge(slot.take(), removed.right, source)?;
    Ok(Some(removed.value))
}

/// Joins two neighbouring subtrees of the same height.
fn merge(
    left: Option<Child>,
    right: Option<Child>,
    source: &mut dyn NodeSource,
) -> Result<Option<Child>> {
    let (mut left, mut right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (one, other) => return Ok(one.or(other)),
    };
    let a = left.hold(source)?;
    let b = right.hold(source)?;
    let last = a.entries.len();
    a.touch();
    let first = b.left.take();
    if let Some(slot) = a.slot(last) {
        *slot = merge(slot.take(), first, source)?;
    }
    a.entries.append(&mut b.entries);
    Ok(Some(left))
}

/// A node with neither entries nor a subtree is no node.
fn child_or_none(child: Child) -> Option<Child> {
    match child {
        Child::Held(held) if held.is_bare() => None,
        child => Some(child),
    }
}

//! Search, and the nodes that prove its outcome.

use crate::block::{Block, Cid};
use crate::error::Result;
use crate::tree::Child;
use crate::tree::Key;
use crate::tree::NodeSource;
use crate::tree::Tree;

impl Tree {
    /// The record at `key`, or `None` if the tree proves that there is none.
    ///
    /// # Errors
    /// The source's, where a node on the way cannot be loaded: a gap is not an absence.
    pub fn find(&mut self, key: &Key, source: &mut dyn NodeSource) -> Result<Option<Cid>> {
        self.search_path(key, source, &mut |_| ())
    }

    /// The nodes from the root to where `key` is or would be, as far down as any reader looks;
    /// and the record at `key`.
    ///
    /// # Errors
    /// The source's.
    pub fn proof(
        &mut self,
        key: &Key,
        source: &mut dyn NodeSource,
    ) -> Result<(Option<Cid>, Vec<Block>)> {
        self.seal();
        let mut path = Vec::new();
        let found = self.search_path(key, source, &mut |block| path.push(block.clone()))?;
        Ok((found, path))
    }

    /// Holds the nodes on the way to `key` and, if it is there, those between it and the keys on
    /// either side of it: what undoing a change of `key` reads, whatever else is undone before it.
    ///
    /// # Errors
    /// The source's.
    pub(crate) fn cover(&mut self, key: &Key, source: &mut dyn NodeSource) -> Result<()> {
        let mut at: &mut Child = &mut self.root;
        loop {
            let node = at.hold(source)?;
            let (index, found) = node.search(key);
            if found {
                hold_edge(node.slot(index), Edge::Right, source)?;
                return hold_edge(node.slot(index + 1), Edge::Left, source);
            }
            match node.slot(index) {
                Some(Some(child)) => at = child,
                _ => return Ok(()),
            }
        }
    }

    fn search_path(
        &mut self,
        key: &Key,
        source: &mut dyn NodeSource,
        visit: &mut dyn FnMut(&Block),
    ) -> Result<Option<Cid>> {
        let mut at: &mut Child = &mut self.root;
        loop {
            let node = at.hold(source)?;
            if let Some(block) = &node.block {
                visit(block);
            }
            let (index, found) = node.search(key);
            if found {
                return Ok(node.entries.get(index).map(|entry| entry.value.clone()));
            }
            match node.slot(index) {
                Some(Some(child)) => at = child,
                _ => return Ok(None),
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Edge {
    Left,
    Right,
}

/// Holds the nodes along one side of a subtree.
fn hold_edge(
    mut slot: Option<&mut Option<Child>>,
    side: Edge,
    source: &mut dyn NodeSource,
) -> Result<()> {
    while let Some(Some(child)) = slot {
        let node = child.hold(source)?;
        slot = match side {
            Edge::Left => node.slot(0),
            Edge::Right => node.slot(node.entries.len()),
        };
    }
    Ok(())
}

//! Search, and the nodes that prove its result.

use crate::block::{Block, Cid};
use crate::error::Result;
use crate::tree::Child;
use crate::tree::Key;
use crate::tree::NodeSource;
use crate::tree::Tree;

impl Tree {
    /// The record at `key`; `None` if the tree proves that there is none.
    ///
    /// # Errors
    /// The source's errors, if a node on the path cannot be loaded: a gap is not an absence.
    pub fn find(&mut self, key: &Key, source: &mut dyn NodeSource) -> Result<Option<Cid>> {
        self.search_path(key, source, &mut |_| ())
    }

    /// The nodes on the path to `key`, or to where it would be, and the record at `key`.
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

    /// Loads the nodes on the path to `key` and, if it exists, those between it and its neighbours:
    /// what the inversion of a change of `key` reads, in any order of operations.
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

/// Loads the nodes along one side of a subtree.
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

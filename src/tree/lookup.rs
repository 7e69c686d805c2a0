//! Search, and the nodes that prove its outcome.

use super::{Child, Key, NodeSource, Tree};
use crate::block::{Block, Cid};
use crate::error::Result;

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

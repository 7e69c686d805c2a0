//! A snapshot's tree, node by node.

use crate::block::{Block, Cid};
use crate::engine::read::snapshot::Snapshot;
use crate::error::Result;
use crate::store::rows::key::{RowPlace, misplaced};
use crate::store::rows::parts::node;
use crate::tree::{NodeWant, TreeReader};

impl TreeReader for Snapshot {
    fn root(&self) -> &Cid {
        self.data()
    }

    fn node(&self, want: &NodeWant) -> Result<Block> {
        self.check_age()?;
        let height = want.height.unwrap_or(self.head.height);
        let stored = node(self.view.rows()?, self.head.tree, &want.left, height)?;
        let block = stored.map(|stored| stored.block()).transpose()?;
        block.filter(|block| *block.cid() == want.cid).ok_or_else(|| {
            let left = want.left.as_bytes().to_vec();
            misplaced(&want.cid, &RowPlace::Node { left, height })
        })
    }
}

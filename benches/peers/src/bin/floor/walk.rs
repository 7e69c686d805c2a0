//! Down the tree from its root, key by key.

use super::Result;
use crate::car::{Blocks, Cid};
use crate::cbor;
use sha2::{Digest, Sha256};

/// Every record under `root` is there, in order and on its layer; how many there are.
pub fn records(blocks: &Blocks, root: Cid) -> Result<u64> {
    let mut walk = Walk { blocks, last: Vec::new(), records: 0 };
    walk.node(&root, None)?;
    Ok(walk.records)
}

struct Walk<'b, 'f> {
    blocks: &'b Blocks<'f>,
    last: Vec<u8>,
    records: u64,
}

impl Walk<'_, '_> {
    /// `layer` is the one that the node has to be on; the root is on its first key's.
    fn node(&mut self, cid: &Cid, layer: Option<u32>) -> Result<()> {
        let bytes = self.blocks.get(cid).ok_or("a node is missing")?;
        let (left, entries) = cbor::node(bytes).ok_or("this is no node")?;
        let layer = match (layer, entries.first()) {
            (Some(layer), _) => layer,
            (None, Some(first)) => layer_of(first.suffix),
            (None, None) if left.is_none() => 0,
            (None, None) => return Err("a root without keys above a subtree".into()),
        };
        if let Some(left) = left {
            self.below(&left, layer)?;
        }
        let mut key = Vec::with_capacity(64);
        for entry in entries {
            if entry.shared > key.len() {
                return Err("a prefix longer than the key before".into());
            }
            key.truncate(entry.shared);
            key.extend_from_slice(entry.suffix);
            self.record(&key, &entry.value, layer)?;
            if let Some(right) = entry.right {
                self.below(&right, layer)?;
            }
        }
        Ok(())
    }

    fn below(&mut self, cid: &Cid, layer: u32) -> Result<()> {
        let layer = layer.checked_sub(1).ok_or("a subtree below the bottom")?;
        self.node(cid, Some(layer))
    }

    fn record(&mut self, key: &[u8], cid: &Cid, layer: u32) -> Result<()> {
        if key <= &self.last[..] {
            return Err("the keys are out of order".into());
        }
        if layer_of(key) != layer {
            return Err("a key is on another's layer".into());
        }
        if self.blocks.get(cid).is_none_or(|record| record.is_empty()) {
            return Err("a record is missing".into());
        }
        self.last.clear();
        self.last.extend_from_slice(key);
        self.records += 1;
        Ok(())
    }
}

/// Pairs of leading zero bits of the key's hash.
fn layer_of(key: &[u8]) -> u32 {
    let digest = Sha256::digest(key);
    let zeros = digest.iter().position(|byte| *byte != 0).unwrap_or(digest.len());
    let rest = digest.get(zeros).map_or(0, |byte| byte.leading_zeros());
    (u32::try_from(zeros).unwrap_or(u32::MAX) * 8 + rest) / 2
}

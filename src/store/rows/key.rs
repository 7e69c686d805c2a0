//! Row keys, which are positions in a tree. `manual::format` describes them.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::limits::LAYER_MAX;

/// The position of a row in its tree. Encoded keys sort in streaming order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowPlace {
    /// A record (or, at the path "", the commit); `part` counts the rows that continue it.
    Record { path: Vec<u8>, part: u8 },
    /// A node, or the run that it is the root of.
    Node { left: Vec<u8>, height: u8 },
}

/// The key of a record's row. With an empty path: the key of the commit.
pub(crate) fn record_key(tree: u64, path: &[u8]) -> Vec<u8> {
    position(tree, path, 0)
}

/// The key of the row that continues a record for the `part`th time.
pub(crate) fn part_key(tree: u64, path: &[u8], part: u8) -> Vec<u8> {
    let mut key = position(tree, path, 0);
    key.push(part);
    key
}

/// The key of the row of a node with this height, right of `left`.
pub(crate) fn node_key(tree: u64, left: &[u8], height: u8) -> Vec<u8> {
    position(tree, left, LAYER_MAX.saturating_sub(height) + 1)
}

/// The first key of a tree, and the first key behind it.
pub(crate) fn tree_range(tree: u64) -> (Vec<u8>, Vec<u8>) {
    (tree.to_be_bytes().to_vec(), tree.saturating_add(1).to_be_bytes().to_vec())
}

fn position(tree: u64, left: &[u8], rank: u8) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + left.len() + 3);
    key.extend_from_slice(&tree.to_be_bytes());
    key.extend_from_slice(left);
    key.extend_from_slice(&[0, rank]);
    key
}

/// Reads a key back: the tree and the place in it.
pub(crate) fn parse_key(key: &[u8]) -> Result<(u64, RowPlace)> {
    let broken = || Error::Corrupt(format!("a row key that cannot be read: {key:02x?}"));
    let (tree, rest) = key.split_first_chunk::<8>().ok_or_else(broken)?;
    let end = rest.iter().position(|byte| *byte == 0).ok_or_else(broken)?;
    let (path, tail) = rest.split_at(end);
    let place = match tail {
        [0, 0] => RowPlace::Record { path: path.to_vec(), part: 0 },
        [0, 0, part] if *part > 0 => RowPlace::Record { path: path.to_vec(), part: *part },
        [0, rank] if *rank > 0 && *rank <= LAYER_MAX + 1 => {
            RowPlace::Node { left: path.to_vec(), height: LAYER_MAX + 1 - rank }
        }
        _ => return Err(broken()),
    };
    Ok((u64::from_be_bytes(*tree), place))
}

/// Whether a key is that of a row that continues a record.
pub(crate) fn continues_record(key: &[u8]) -> bool {
    let place = key.get(8..).unwrap_or_default();
    matches!(place, [.., 0, 0, part] if *part > 0)
}

/// Whether a key is that of the row of a node of layer 0.
pub(crate) fn is_leaf_key(key: &[u8]) -> bool {
    key.ends_with(&[0, LAYER_MAX + 1]) && !continues_record(key)
}

/// Names a block in a message.
pub(crate) fn misplaced(cid: &Cid, place: &RowPlace) -> Error {
    Error::Corrupt(format!("block {cid} is not what its row should hold ({place:?})"))
}

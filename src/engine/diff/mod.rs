//! Diffs on their way in: the blocks, the tree that they change, the records.

pub(super) mod apply;
pub(super) mod blocks;
pub(super) mod merge_tree;
pub(super) mod records;

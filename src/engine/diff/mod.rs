//! Received diffs: their blocks, the merged tree, the changed records.

pub(super) mod apply;
pub(super) mod blocks;
pub(super) mod merge_tree;
pub(super) mod records;

//! Received diffs: their blocks, the merged tree, the changed records.

pub(super) mod apply;
pub(super) mod blocks;
pub(super) mod head_key;
pub(super) mod merge_tree;
pub(super) mod nothing_new;
pub(super) mod records;

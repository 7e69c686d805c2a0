//! Numbers of trees. Each is used once.

use crate::error::Result;
use crate::store::facts::count_up;
use crate::store::tables::Tables;
use std::ops::Range;

const NEXT_TREE: &str = "next_tree";

/// A tree number that was never used before.
pub(crate) fn next_tree(tables: &mut Tables<'_>) -> Result<u64> {
    count_up(tables, NEXT_TREE, 1)
}

/// `count` tree numbers that were never used before.
pub(crate) fn reserve_trees(tables: &mut Tables<'_>, count: u64) -> Result<Range<u64>> {
    let first = count_up(tables, NEXT_TREE, count)?;
    Ok(first..first.saturating_add(count))
}

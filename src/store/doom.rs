//! Trees that nobody names any more, and their removal in small turns.

use super::row::tree_range;
use super::tables::Tables;
use crate::error::Result;
use redb::{ReadableTable, ReadableTableMetadata};

/// Rows removed in one turn of the writer: some milliseconds, so that commits are not held up.
const ROWS_A_TURN: usize = 2000;

/// Removes some rows of the first doomed tree, and says how many things it removed.
pub(crate) fn remove_some(tables: &mut Tables<'_>) -> Result<usize> {
    if tables.doomed.is_empty()? {
        return Ok(0);
    }
    let Some(tree) = tables.doomed.first()?.map(|(tree, _)| tree.value()) else { return Ok(0) };
    let (start, end) = tree_range(tree);
    let (start, end) = (&start[..], &end[..]);
    let mut removed = 0;
    for row in tables.rows.extract_from_if(start..end, |_, _| true)?.take(ROWS_A_TURN) {
        row?;
        removed += 1;
    }
    if removed < ROWS_A_TURN {
        for row in tables.blobs.extract_from_if(start..end, |_, ()| true)?.take(ROWS_A_TURN) {
            row?;
            removed += 1;
        }
    }
    if removed < ROWS_A_TURN {
        tables.doomed.remove(tree)?;
        removed += 1;
    }
    Ok(removed)
}

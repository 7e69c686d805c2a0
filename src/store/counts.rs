//! Counts of each tree, so that a status reads none of what is counted. They change in the
//! transaction that changes what they count. A tree of format 1 has none until it is counted in the
//! background; a count that is not there is never taken for 0.

use crate::error::{Error, Result};
use crate::store::facts::{number, set_number};
use crate::store::read_table::ReadTable;
use crate::store::sealed::COUNTS;
use crate::store::tables::{Tables, View};

/// Whether every account's tree has its counts: 1 once that is so.
const COUNTED: &str = "counted";

/// How many distinct blobs a tree's records need; `None` if that is not stored.
pub(crate) fn blobs_counted(
    counts: &impl ReadTable<u64, &'static [u8]>,
    tree: u64,
) -> Result<Option<u64>> {
    let Some(stored) = counts.get(tree)? else { return Ok(None) };
    let payload = COUNTS.open(&tree.to_le_bytes(), stored.value())?;
    let broken = |_| Error::Corrupt(format!("the counts of tree {tree} cannot be read"));
    payload.try_into().map(|blobs| Some(u64::from_be_bytes(blobs))).map_err(broken)
}

/// Stores how many distinct blobs a tree's records need.
pub(crate) fn set_blobs(tables: &mut Tables<'_>, tree: u64, blobs: u64) -> Result<()> {
    let value = COUNTS.seal(&tree.to_le_bytes(), &blobs.to_be_bytes());
    tables.counts.insert(tree, &value[..])?;
    Ok(())
}

/// Says that every account's tree has its counts.
pub(crate) fn say_counted(tables: &mut Tables<'_>) -> Result<()> {
    set_number(tables, COUNTED, 1)
}

/// Whether every account's tree has its counts.
pub(crate) fn are_counted(view: &View) -> Result<bool> {
    Ok(number(view.facts()?, COUNTED)?.is_some())
}

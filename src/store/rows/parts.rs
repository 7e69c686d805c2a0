//! Reading blocks out of rows.

use crate::error::{Error, Result};
use crate::store::read_table::ReadBytes;
use crate::store::rows::key::{Place, node_key, parse_key, part_key, tree_range};
use crate::store::rows::run::{RunPlace, run_entries};
use crate::store::rows::value::{Row, StoredBlock, stamped};
use crate::tree::Key;
use bytes::Bytes;

/// The node of this height right of `left`, wherever it is kept: it begins the last row at or
/// before its place, or it is in the run that does.
pub(crate) fn node<T>(rows: &T, tree: u64, left: &Key, height: u8) -> Result<Option<StoredBlock>>
where
    T: ReadBytes,
{
    let (start, _) = tree_range(tree);
    let target = node_key(tree, left.as_bytes(), height);
    let Some(found) = rows.range(&start[..]..=&target[..])?.next_back() else { return Ok(None) };
    let (key, value) = found?;
    let (_, place) = parse_key(key.value())?;
    if matches!(place, Place::Record { .. }) {
        return Ok(None);
    }
    let row = Row::decode(&Bytes::copy_from_slice(value.value()))?;
    let is_here = |at: &RunPlace| matches!(at, RunPlace::Node { left: l, height: h } if l == left && *h == height);
    let hit = run_entries(&place, &row)?.into_iter().find(|block| is_here(&block.place));
    Ok(hit.map(|placed| placed.block))
}

/// Puts a record together that may continue in further rows.
pub(crate) fn whole_record<T>(rows: &T, tree: u64, path: &[u8], row: &Row) -> Result<StoredBlock>
where
    T: ReadBytes,
{
    let length = row.first_length()?;
    if row.sections().len() >= length {
        return stamped(row.sections().clone(), row.stamp(0)?);
    }
    let mut section = row.sections().to_vec();
    for part in 1..=u8::MAX {
        if section.len() >= length {
            break;
        }
        let Some(value) = rows.get(&part_key(tree, path, part)[..])? else { break };
        section.extend_from_slice(value.value());
    }
    if section.len() != length {
        let path = String::from_utf8_lossy(path);
        return Err(Error::Corrupt(format!("the rows of {path:?} do not add up to its length")));
    }
    stamped(section.into(), row.stamp(0)?)
}

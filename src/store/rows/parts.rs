//! Reading single blocks out of rows.

use crate::error::{Error, Result};
use crate::store::read_table::ReadBytes;
use crate::store::rows::key::{node_key, part_key};
use crate::store::rows::value::{Row, StoredBlock, stamped};
use crate::tree::Key;
use bytes::Bytes;

/// The node of this height right of `left`, which begins a row.
pub(crate) fn node<T>(rows: &T, tree: u64, left: &Key, height: u8) -> Result<Option<StoredBlock>>
where
    T: ReadBytes,
{
    let Some(value) = rows.get(&node_key(tree, left.as_bytes(), height)[..])? else {
        return Ok(None);
    };
    Row::decode(&Bytes::copy_from_slice(value.value()))?.blocks().next().transpose()
}

/// Puts a record together that may continue in further rows.
pub(crate) fn whole_record<T>(rows: &T, tree: u64, path: &[u8], row: &Row) -> Result<StoredBlock>
where
    T: ReadBytes,
{
    join_record(row, path, |part| {
        let value = rows.get(&part_key(tree, path, part)[..])?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    })
}

/// The same with a way of the caller's to the further rows, by their numbers.
pub(crate) fn join_record(
    row: &Row,
    path: &[u8],
    mut further: impl FnMut(u8) -> Result<Option<Bytes>>,
) -> Result<StoredBlock> {
    let length = row.first_length()?;
    if row.sections().len() >= length {
        return stamped(row.sections().clone(), row.stamp(0)?);
    }
    let mut section = row.sections().to_vec();
    for part in 1..=u8::MAX {
        if section.len() >= length {
            break;
        }
        let Some(value) = further(part)? else { break };
        section.extend_from_slice(&value);
    }
    if section.len() != length {
        let path = String::from_utf8_lossy(path);
        return Err(Error::Corrupt(format!("the rows of {path:?} do not add up to its length")));
    }
    stamped(section.into(), row.stamp(0)?)
}

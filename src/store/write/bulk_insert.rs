//! Inserts many rows in the order of their keys, through a cursor that need not search for each
//! place.

use crate::error::Result;
use redb::{CursorError, Table};
use std::ops::Bound;

/// Inserts rows into a table. It is fast if their keys ascend and the table has no key between
/// them, and correct in any case.
pub(crate) fn insert_all<'a>(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    rows: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<()> {
    let mut rows = rows.into_iter().peekable();
    while let Some((first, _)) = rows.peek() {
        let mut cursor = table.lower_bound_mut(Bound::Included(*first))?;
        let mut stopped = None;
        for (key, value) in rows.by_ref() {
            match cursor.insert_before(key, value) {
                Ok(()) => {}
                // The cursor refuses it: the key exists, or is not the next one.
                Err(CursorError::UnorderedKey) => {
                    stopped = Some((key, value));
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        cursor.close()?;
        if let Some((key, value)) = stopped {
            table.insert(key, value)?;
        }
    }
    Ok(())
}

//! Reads what a removal will touch, in a read transaction: the database panics on a damaged page,
//! and in a write transaction that would cost the transaction.

use crate::error::Result;
use crate::store::read_table::ReadTable;
use redb::{Key, Value};

/// Bytes of entries on each side of a removal that are read first. A leaf has 4 KiB unless one
/// entry alone is longer, and a removal joins its leaf with the one beside it.
const BYTES_BESIDE: usize = 8 << 10;
/// Entries on each side that are read first: one of them may be longer than a leaf.
const ENTRIES_BESIDE: usize = 3;

/// Reads the entries beside those from `first` to `last`.
pub(crate) fn probe_beside<K: Key + 'static, V: Value + 'static>(
    table: &impl ReadTable<K, V>,
    first: &K::SelfType<'_>,
    last: &K::SelfType<'_>,
) -> Result<()> {
    let (first, last) = (K::as_bytes(first).as_ref().to_vec(), K::as_bytes(last).as_ref().to_vec());
    let before = table.range::<K::SelfType<'_>>(..=K::from_bytes(&first))?;
    read_some(before.rev())?;
    read_some(table.range::<K::SelfType<'_>>(K::from_bytes(&last)..)?)
}

/// Reads until it has a page's worth of entries after the first.
fn read_some<'a, K: Key + 'static, V: Value + 'static>(
    entries: impl Iterator<Item = Result<crate::store::read_table::TableEntry<'a, K, V>>>,
) -> Result<()> {
    let mut bytes = 0;
    for (entry, number) in entries.zip(0..) {
        let (key, value) = entry?;
        bytes += K::as_bytes(&key.value()).as_ref().len();
        bytes += V::as_bytes(&value.value()).as_ref().len();
        if bytes > BYTES_BESIDE && number >= ENTRIES_BESIDE {
            return Ok(());
        }
    }
    Ok(())
}

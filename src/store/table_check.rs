//! Looks at all entries of all tables: their order, their seals, their number, and whether each is
//! found by its key.

use crate::error::{Error, Result};
use crate::store::read_table::ReadTable;
use crate::store::sealed::{
    BLOBS, COUNTS, EVENTS, FACTS, InOrder, JOURNAL, PURGES, REMOVALS, REVS, Seal,
};
use crate::store::tables::View;
use redb::{Key, Value};

/// Checks one table of a snapshot; what is wrong is `Corrupt`, with the table's name.
pub(crate) type TableCheck = fn(&View) -> Result<()>;

/// One for each table.
pub(crate) const TABLE_CHECKS: [TableCheck; 11] = [
    |view| sealed("facts", view.facts()?, FACTS),
    |view| sealed("revs", view.revs()?, REVS),
    |view| sealed("blobs", view.blobs()?, BLOBS),
    |view| sealed("counts", view.counts()?, COUNTS),
    |view| sealed("events", view.events()?, EVENTS),
    |view| sealed("purges", view.purges()?, PURGES),
    |view| sealed("journal", view.journal()?, JOURNAL),
    |view| sealed("doomed", view.removals()?, REMOVALS),
    |view| entries("accounts", view.accounts()?, |_, _| Ok(())),
    |view| entries("blobs of format 1", view.old_blobs()?, |_, ()| Ok(())),
    |view| entries("rows", view.rows()?, |_, _| Ok(())),
];

fn sealed<K: Key + 'static>(
    name: &str,
    table: &impl ReadTable<K, &'static [u8]>,
    seal: Seal,
) -> Result<()> {
    entries(name, table, |key, value| seal.open(key, value).map(|_| ()))
}

fn entries<K: Key + 'static, V: Value + 'static>(
    name: &str,
    table: &impl ReadTable<K, V>,
    open: impl Fn(&[u8], &V::SelfType<'_>) -> Result<()>,
) -> Result<()> {
    let mut order = InOrder::default();
    let mut check = || {
        for entry in table.entries()? {
            let (key, value) = entry?;
            let key = K::as_bytes(&key.value()).as_ref().to_vec();
            order.next::<K>(&key)?;
            open(&key, &value.value())?;
            // A changed key above the leaves hides entries that an iteration comes to.
            if table.get(K::from_bytes(&key))?.is_none() {
                let key = String::from_utf8_lossy(&key).into_owned();
                return Err(Error::Corrupt(format!("the entry {key:?} is not found by its key")));
            }
        }
        order.end(table.len()?)
    };
    check().map_err(|error| match error {
        Error::Corrupt(why) => Error::Corrupt(format!("table {name}: {why}")),
        error => error,
    })
}

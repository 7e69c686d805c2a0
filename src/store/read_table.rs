//! Reads of the database. It may panic over a damaged page: here, and nowhere above, a panic
//! becomes an error that names the table.

use crate::error::Result;
use crate::store::panics::of_panic;
use crate::store::session::Session;
use redb::{
    AccessGuard, Key, Range, ReadOnlyTable, ReadableTable, ReadableTableMetadata, Table,
    TableHandle, Value,
};
use std::borrow::Borrow;
use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A table that can be read: of a read transaction or of a write transaction.
pub(crate) trait ReadTable<K: Key + 'static, V: Value + 'static> {
    /// The value of a key.
    fn get<'a>(&self, key: impl Borrow<K::SelfType<'a>>) -> Result<Option<AccessGuard<'_, V>>>;

    /// The entries between two keys.
    fn range<'a, KR>(&self, range: impl RangeBounds<KR> + 'a) -> Result<Entries<'_, K, V>>
    where
        KR: Borrow<K::SelfType<'a>> + 'a;

    /// All entries.
    fn entries(&self) -> Result<Entries<'_, K, V>>;

    /// How many entries there are.
    fn len(&self) -> Result<u64>;

    /// Whether there is none.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The entry with the lowest key.
    fn first(&self) -> Result<Option<TableEntry<'_, K, V>>> {
        self.entries()?.next().transpose()
    }
}

/// A table of bytes, as most are.
pub(crate) trait ReadBytes: ReadTable<&'static [u8], &'static [u8]> {}

impl<T: ReadTable<&'static [u8], &'static [u8]>> ReadBytes for T {}

/// A key and its value.
pub(crate) type TableEntry<'a, K, V> = (AccessGuard<'a, K>, AccessGuard<'a, V>);

/// A value of a table of bytes.
pub(crate) type ByteValue<'a> = AccessGuard<'a, &'static [u8]>;

/// An entry of a table of bytes.
pub(crate) type ByteEntry<'a> = TableEntry<'a, &'static [u8], &'static [u8]>;

/// Entries of a table of bytes.
pub(crate) type ByteEntries<'a> = Entries<'a, &'static [u8], &'static [u8]>;

/// A table of bytes of a read transaction.
pub(crate) type ByteTable = ViewTable<&'static [u8], &'static [u8]>;

/// A table of a read transaction.
pub(crate) struct ViewTable<K: Key + 'static, V: Value + 'static> {
    /// `None` for one that stores of an older format lack: it reads as empty.
    table: Option<ReadOnlyTable<K, V>>,
    session: Arc<Session>,
}

impl<K: Key + 'static, V: Value + 'static> ViewTable<K, V> {
    pub(in crate::store) fn new(table: Option<ReadOnlyTable<K, V>>, session: Arc<Session>) -> Self {
        Self { table, session }
    }
}

/// Entries in the order of their keys, or against it. After an error there are no more.
pub(crate) struct Entries<'a, K: Key + 'static, V: Value + 'static> {
    range: Option<Range<'a, K, V>>,
    table: String,
    session: Option<&'a Session>,
    ended: bool,
}

impl<K: Key + 'static, V: Value + 'static> ReadTable<K, V> for ViewTable<K, V> {
    fn get<'a>(&self, key: impl Borrow<K::SelfType<'a>>) -> Result<Option<AccessGuard<'_, V>>> {
        self.session.check()?;
        let Some(table) = &self.table else { return Ok(None) };
        get(table, key, Some(&self.session))
    }

    fn range<'a, KR>(&self, range: impl RangeBounds<KR> + 'a) -> Result<Entries<'_, K, V>>
    where
        KR: Borrow<K::SelfType<'a>> + 'a,
    {
        self.session.check()?;
        let session = Some(&*self.session);
        match &self.table {
            Some(table) => entries(table, range, session),
            None => Ok(Entries { range: None, table: String::new(), session, ended: true }),
        }
    }

    fn entries(&self) -> Result<Entries<'_, K, V>> {
        self.range::<K::SelfType<'_>>(..)
    }

    fn len(&self) -> Result<u64> {
        self.session.check()?;
        self.table.as_ref().map_or(Ok(0), |table| length(table, Some(&self.session)))
    }
}

impl<K: Key + 'static, V: Value + 'static> ReadTable<K, V> for Table<'_, K, V> {
    fn get<'a>(&self, key: impl Borrow<K::SelfType<'a>>) -> Result<Option<AccessGuard<'_, V>>> {
        get(self, key, None)
    }

    fn range<'a, KR>(&self, range: impl RangeBounds<KR> + 'a) -> Result<Entries<'_, K, V>>
    where
        KR: Borrow<K::SelfType<'a>> + 'a,
    {
        entries(self, range, None)
    }

    fn entries(&self) -> Result<Entries<'_, K, V>> {
        ReadTable::range::<K::SelfType<'_>>(self, ..)
    }

    fn len(&self) -> Result<u64> {
        length(self, None)
    }
}

fn get<'t, 'a, K: Key + 'static, V: Value + 'static>(
    table: &'t (impl ReadableTable<K, V> + TableHandle),
    key: impl Borrow<K::SelfType<'a>>,
    session: Option<&Session>,
) -> Result<Option<AccessGuard<'t, V>>> {
    caught(table.name(), session, || {
        let found = table.get(key)?;
        // A value that lies outside its page panics when it is looked at: do it here.
        found.as_ref().map(AccessGuard::value);
        Ok(found)
    })
}

fn entries<'t, 'a, K: Key + 'static, V: Value + 'static, KR>(
    table: &'t (impl ReadableTable<K, V> + TableHandle),
    range: impl RangeBounds<KR> + 'a,
    session: Option<&'t Session>,
) -> Result<Entries<'t, K, V>>
where
    KR: Borrow<K::SelfType<'a>> + 'a,
{
    let name = table.name();
    let range = caught(name, session, || Ok(table.range(range)?))?;
    Ok(Entries { range: Some(range), table: name.to_owned(), session, ended: false })
}

fn length(
    table: &(impl ReadableTableMetadata + TableHandle),
    session: Option<&Session>,
) -> Result<u64> {
    caught(table.name(), session, || Ok(table.len()?))
}

impl<'a, K: Key + 'static, V: Value + 'static> Entries<'a, K, V> {
    fn step(
        &mut self,
        step: impl FnOnce(&mut Range<'a, K, V>) -> Option<redb::Result<TableEntry<'a, K, V>>>,
    ) -> Option<Result<TableEntry<'a, K, V>>> {
        if self.ended {
            return None;
        }
        let range = self.range.as_mut()?;
        let found = caught(&self.table, self.session, || {
            let Some(entry) = step(range).transpose()? else { return Ok(None) };
            // As in `get`.
            let _ = (entry.0.value(), entry.1.value());
            Ok(Some(entry))
        });
        self.ended = found.is_err();
        found.transpose()
    }
}

impl<'a, K: Key + 'static, V: Value + 'static> Iterator for Entries<'a, K, V> {
    type Item = Result<TableEntry<'a, K, V>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Range::next)
    }
}

impl<K: Key + 'static, V: Value + 'static> DoubleEndedIterator for Entries<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(Range::next_back)
    }
}

/// Runs a read; a panic becomes an error. A read transaction holds nothing that could be half
/// done.
pub(in crate::store) fn caught<R>(
    table: &str,
    session: Option<&Session>,
    read: impl FnOnce() -> Result<R>,
) -> Result<R> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(match session {
            Some(session) => session.explain(error),
            None => error,
        }),
        Err(panic) => Err(of_panic(table, &*panic)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_read_is_an_error() {
        let read: Result<()> = caught("rows", None, || panic!("a page"));
        assert!(matches!(read, Err(crate::Error::Corrupt(_))));
    }
}

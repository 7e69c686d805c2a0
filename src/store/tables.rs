//! The one file that names redb tables.

use crate::error::Result;
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableDatabase, Table, TableDefinition, TableError,
    WriteTransaction,
};
use std::sync::OnceLock;

type Bytes = &'static [u8];

/// Rows of all trees: position to sections. See [`super::row`].
const ROWS: TableDefinition<Bytes, Bytes> = TableDefinition::new("carrack.rows.1");
/// DID to account.
const ACCOUNTS: TableDefinition<Bytes, Bytes> = TableDefinition::new("carrack.accounts.1");
/// Trees that are being written (by an import or a migration): tree to what for.
const JOURNAL: TableDefinition<u64, Bytes> = TableDefinition::new("carrack.journal.1");
/// Trees whose rows are to be removed.
const DOOMED: TableDefinition<u64, ()> = TableDefinition::new("carrack.doomed.1");
/// Revisions that this engine itself held: DID, 0x00, revision to commit CID.
const REVS: TableDefinition<Bytes, Bytes> = TableDefinition::new("carrack.revs.1");
/// Which record needs which blob: tree, blob CID, path to nothing.
const BLOBS: TableDefinition<Bytes, ()> = TableDefinition::new("carrack.blobs.1");
/// The event log: sequence number to event.
const EVENTS: TableDefinition<u64, Bytes> = TableDefinition::new("carrack.events.1");
/// Deleted accounts whose events are to be removed: DID to the range of numbers.
const PURGES: TableDefinition<Bytes, Bytes> = TableDefinition::new("carrack.purges.1");
/// Facts about the whole store, by name.
const FACTS: TableDefinition<&str, Bytes> = TableDefinition::new("carrack.facts.1");

/// A fact about a store whose other tables may not be the ones that are known here.
pub(crate) fn fact(database: &impl ReadableDatabase, name: &str) -> Result<Option<Vec<u8>>> {
    match database.begin_read()?.open_table(FACTS) {
        Ok(facts) => Ok(facts.get(name)?.map(|value| value.value().to_vec())),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

macro_rules! rooms {
    ($($(#[$doc:meta])* $field:ident : $name:ident, $key:ty, $value:ty;)*) => {
        /// The tables of a write transaction.
        pub(crate) struct Tables<'txn> {
            $($(#[$doc])* pub(crate) $field: Table<'txn, $key, $value>,)*
        }

        impl<'txn> Tables<'txn> {
            /// Opens all of them, and creates what is not there yet.
            pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self> {
                Ok(Self { $($field: txn.open_table($name)?,)* })
            }
        }

        /// A read transaction: a snapshot. Each of its tables is opened when it is first asked for,
        /// since opening all of them costs more than a read does.
        pub(crate) struct View {
            txn: ReadTransaction,
            $($field: OnceLock<ReadOnlyTable<$key, $value>>,)*
        }

        impl View {
            /// Begins a read transaction.
            pub(crate) fn of(database: &impl ReadableDatabase) -> Result<Self> {
                Ok(Self { txn: database.begin_read()?, $($field: OnceLock::new(),)* })
            }

            $(
                $(#[$doc])*
                pub(crate) fn $field(&self) -> Result<&ReadOnlyTable<$key, $value>> {
                    if let Some(table) = self.$field.get() {
                        return Ok(table);
                    }
                    let table = self.txn.open_table($name)?;
                    Ok(self.$field.get_or_init(|| table))
                }
            )*
        }
    };
}

rooms! {
    /// Rows of all trees.
    rows: ROWS, Bytes, Bytes;
    /// Accounts by DID.
    accounts: ACCOUNTS, Bytes, Bytes;
    /// Trees that are being written.
    journal: JOURNAL, u64, Bytes;
    /// Trees to be removed.
    doomed: DOOMED, u64, ();
    /// Revisions that were held here.
    #[allow(dead_code, reason = "what reads them is diffs since a revision")]
    revs: REVS, Bytes, Bytes;
    /// Blobs needed.
    blobs: BLOBS, Bytes, ();
    /// The event log.
    events: EVENTS, u64, Bytes;
    /// Events to be removed.
    purges: PURGES, Bytes, Bytes;
    /// Facts about the store.
    facts: FACTS, &'static str, Bytes;
}

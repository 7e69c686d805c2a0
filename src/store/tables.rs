//! The one file that names redb tables.

use crate::error::{Error, Result};
use crate::store::read::node_cache::NodeCache;
use crate::store::read_table::{ReadTable, ViewTable, caught};
use crate::store::session::Session;
use redb::{ReadTransaction, Table, TableDefinition, TableError, TableHandle, WriteTransaction};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

type Bytes = &'static [u8];

/// Rows of all trees: position to sections. See [`crate::store::rows::value`].
const ROWS: TableDefinition<Bytes, Bytes> = TableDefinition::new("carrack.rows.1");
/// DID to account.
const ACCOUNTS: TableDefinition<Bytes, Bytes> = TableDefinition::new("carrack.accounts.1");
/// Trees that are being written (by an import or a migration): tree to what for.
const JOURNAL: TableDefinition<u64, Bytes> = TableDefinition::new("carrack.journal.1");
/// Trees whose rows are to be removed: tree to a seal.
const REMOVALS: TableDefinition<u64, Bytes> = TableDefinition::new("carrack.doomed.2");
/// Those of format 1.
const OLD_REMOVALS: TableDefinition<u64, ()> = TableDefinition::new("carrack.doomed.1");
/// Revisions that this engine itself held: DID, 0x00, revision to commit CID.
const REVS: TableDefinition<Bytes, Bytes> = TableDefinition::new("carrack.revs.1");
/// Which record needs which blob: tree, blob CID, path to a seal.
const BLOBS: TableDefinition<Bytes, Bytes> = TableDefinition::new("carrack.blobs.2");
/// Those of format 1.
const OLD_BLOBS: TableDefinition<Bytes, ()> = TableDefinition::new("carrack.blobs.1");
/// Counts of a tree: tree to how many distinct blobs its records need.
const COUNTS: TableDefinition<u64, Bytes> = TableDefinition::new("carrack.counts.2");
/// The event log: sequence number to event.
const EVENTS: TableDefinition<u64, Bytes> = TableDefinition::new("carrack.events.1");
/// Deleted accounts whose events are to be removed: DID to the range of numbers.
const PURGES: TableDefinition<Bytes, Bytes> = TableDefinition::new("carrack.purges.1");
/// Facts about the whole store, by name.
const FACTS: TableDefinition<&str, Bytes> = TableDefinition::new("carrack.facts.1");

/// A fact about a store whose other tables may not be the ones that are known here.
pub(crate) fn fact(session: &Arc<Session>, name: &str) -> Result<Option<Vec<u8>>> {
    let txn = session.begin_read()?;
    let facts = caught(FACTS.name(), Some(session), || match txn.open_table(FACTS) {
        Ok(facts) => Ok(Some(facts)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    })?;
    let Some(facts) = facts else { return Ok(None) };
    let facts = ViewTable::new(Some(facts), Arc::clone(session));
    Ok(facts.get(name)?.map(|value| value.value().to_vec()))
}

/// The names of all tables, in order.
pub(crate) fn table_names(session: &Session) -> Result<Vec<String>> {
    let txn = session.begin_read()?;
    let mut names: Vec<String> = caught("of tables", Some(session), || {
        Ok(txn.list_tables()?.map(|table| table.name().to_owned()).collect())
    })?;
    names.sort();
    Ok(names)
}

macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident : $name:ident, $key:ty, $value:ty;)*) => {
        /// The name of a table that is not among these; all of them, if there are none.
        pub(crate) fn missing_table(names: &[String]) -> Option<&'static str> {
            let all = [$($name.name()),*];
            all.into_iter().find(|known| !names.iter().any(|name| name == known))
        }

        /// The tables of a write transaction.
        pub(crate) struct Tables<'txn> {
            $($(#[$doc])* pub(crate) $field: Table<'txn, $key, $value>,)*
        }

        impl<'txn> Tables<'txn> {
            /// Opens all tables, and creates missing ones.
            pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self> {
                Ok(Self { $($field: txn.open_table($name)?,)* })
            }
        }

        /// A read transaction: a snapshot. Each table is opened at its first use, because opening
        /// all of them costs more than a read.
        pub(crate) struct View {
            $($field: OnceLock<ViewTable<$key, $value>>,)*
            txn: Option<ReadTransaction>,
            session: Arc<Session>,
        }

        impl View {
            /// Begins a read transaction.
            pub(crate) fn of(session: &Arc<Session>) -> Result<Self> {
                Ok(Self {
                    $($field: OnceLock::new(),)*
                    txn: Some(session.begin_read()?),
                    session: Arc::clone(session),
                })
            }

            /// Nodes that were read in this session.
            pub(crate) fn nodes(&self) -> &NodeCache {
                self.session.nodes()
            }

            /// Refuses once the session has ended.
            pub(crate) fn check(&self) -> Result<()> {
                self.session.check()
            }

            $(
                $(#[$doc])*
                pub(crate) fn $field(&self) -> Result<&ViewTable<$key, $value>> {
                    if let Some(table) = self.$field.get() {
                        return Ok(table);
                    }
                    let ended = || Error::Stale("the read transaction has ended".to_owned());
                    let txn = self.txn.as_ref().ok_or_else(ended)?;
                    let open = || match txn.open_table($name) {
                        // Format 1 has none of the others.
                        Err(TableError::TableDoesNotExist(name)) if !name.ends_with(".1") => {
                            Ok(None)
                        }
                        opened => Ok(Some(opened?)),
                    };
                    let table = caught($name.name(), Some(&self.session), open)?;
                    let table = ViewTable::new(table, Arc::clone(&self.session));
                    Ok(self.$field.get_or_init(|| table))
                }
            )*
        }

        impl Drop for View {
            /// The end of a read transaction takes locks that an earlier panic may have poisoned.
            fn drop(&mut self) {
                let txn = self.txn.take();
                let tables = ($(self.$field.take(),)*);
                // The data was returned already, so there is no caller for an error.
                let _ = catch_unwind(AssertUnwindSafe(move || drop((tables, txn))));
            }
        }
    };
}

tables! {
    /// Rows of all trees.
    rows: ROWS, Bytes, Bytes;
    /// Accounts by DID.
    accounts: ACCOUNTS, Bytes, Bytes;
    /// Trees that are being written.
    journal: JOURNAL, u64, Bytes;
    /// Trees to be removed.
    removals: REMOVALS, u64, Bytes;
    /// Trees to be removed, as format 1 notes them.
    old_removals: OLD_REMOVALS, u64, ();
    /// Revisions that were held here.
    #[allow(dead_code, reason = "what reads them is diffs since a revision")]
    revs: REVS, Bytes, Bytes;
    /// Blobs needed.
    blobs: BLOBS, Bytes, Bytes;
    /// Blobs needed, as format 1 notes them.
    old_blobs: OLD_BLOBS, Bytes, ();
    /// Counts of trees.
    counts: COUNTS, u64, Bytes;
    /// The event log.
    events: EVENTS, u64, Bytes;
    /// Events to be removed.
    purges: PURGES, Bytes, Bytes;
    /// Facts about the store.
    facts: FACTS, &'static str, Bytes;
}

//! The rows of a store, past the engine: to damage them.

use super::Disk;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("carrack.rows.1");

fn raw(disk: &Disk) -> Database {
    Database::builder().create_with_backend(disk.clone()).unwrap()
}

/// All rows, in order.
pub fn rows(disk: &Disk) -> Vec<(Vec<u8>, Vec<u8>)> {
    let database = raw(disk);
    let txn = database.begin_read().unwrap();
    let table = txn.open_table(ROWS).unwrap();
    let rows = table.iter().unwrap();
    rows.map(|row| row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).unwrap())
        .collect()
}

/// Stores rows, or takes them out.
pub fn put(disk: &Disk, changes: &[(&[u8], Option<&[u8]>)]) {
    let database = raw(disk);
    let txn = database.begin_write().unwrap();
    {
        let mut table = txn.open_table(ROWS).unwrap();
        for (key, value) in changes {
            match value {
                Some(value) => table.insert(key, value).unwrap(),
                None => table.remove(key).unwrap(),
            };
        }
    }
    txn.commit().unwrap();
}

//! The pages of a store's file, past the engine: to damage them.

use super::Disk;
use redb::{
    Database, Key, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, Value,
};
use std::io;
use std::sync::{Arc, Mutex};

/// What the database reads at once, unless an entry is longer.
pub const PAGE: usize = 4096;

/// A disk that notes where it is read.
#[derive(Clone, Debug, Default)]
struct Noted {
    disk: Disk,
    reads: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl StorageBackend for Noted {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.reads.lock().unwrap().push((offset as usize, out.len()));
        self.disk.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.write(offset, data)
    }
}

/// The pages that hold a table of bytes: their places and lengths.
pub fn pages_of_bytes(disk: &Disk, table: &str) -> Vec<(usize, usize)> {
    pages_of::<&[u8], &[u8]>(disk, table)
}

/// The same of the event log.
pub fn pages_of_events(disk: &Disk) -> Vec<(usize, usize)> {
    pages_of::<u64, &[u8]>(disk, "carrack.events.1")
}

fn pages_of<K: Key + 'static, V: Value + 'static>(disk: &Disk, table: &str) -> Vec<(usize, usize)> {
    let noted = Noted { disk: Disk::holding(disk.image()), ..Noted::default() };
    let database = Database::builder().create_with_backend(noted.clone()).unwrap();
    let txn = database.begin_read().unwrap();
    let table = txn.open_table(TableDefinition::<K, V>::new(table)).unwrap();
    let opened = std::mem::take(&mut *noted.reads.lock().unwrap());
    assert!(table.iter().unwrap().all(|entry| entry.is_ok()));
    let mut pages = std::mem::take(&mut *noted.reads.lock().unwrap());
    pages.retain(|page| !opened.contains(page));
    pages.sort_unstable();
    pages.dedup();
    pages
}

/// Those of the pages that hold this text.
pub fn with_text(disk: &Disk, pages: &[(usize, usize)], text: &[u8]) -> Vec<(usize, usize)> {
    let image = disk.image();
    let holds = |(at, length): &&(usize, usize)| {
        memchr::memmem::find(&image[*at..at + length], text).is_some()
    };
    pages.iter().filter(holds).copied().collect()
}

/// A disk like this one on which these pages are zero.
pub fn zeroed(disk: &Disk, pages: &[(usize, usize)]) -> Disk {
    let mut image = disk.image();
    for (at, length) in pages {
        image[*at..at + length].fill(0);
    }
    Disk::holding(image)
}

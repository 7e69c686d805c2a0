//! The pages of a store's file that its tables are in: found by what is read of them.

use redb::{
    BackendError, Database, Key, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
    TableHandle,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex};

/// A disk that notes what is read.
#[derive(Clone, Debug, Default)]
struct Logged {
    image: Arc<Mutex<Vec<u8>>>,
    reads: Arc<Mutex<BTreeSet<(usize, usize)>>>,
}

impl StorageBackend for Logged {
    fn len(&self) -> io::Result<u64> {
        Ok(self.image.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = offset as usize;
        self.reads.lock().unwrap().insert((offset, out.len()));
        out.copy_from_slice(&self.image.lock().unwrap()[offset..offset + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.image.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = offset as usize;
        self.image.lock().unwrap()[offset..offset + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }
}

/// What is known of a table's pages.
#[derive(Debug, Default)]
pub struct Pages {
    /// Where they are.
    pub ranges: Vec<Range<usize>>,
    /// Where the keys and values of entries are, and how pages begin: what has a meaning.
    pub used: Vec<Range<usize>>,
    /// How the first value begins.
    pub first_byte: u8,
}

/// The pages of each table, by the table's name without its version.
pub fn pages(image: &[u8]) -> BTreeMap<&'static str, Pages> {
    let mut found = BTreeMap::new();
    let bytes = |name| TableDefinition::<&[u8], &[u8]>::new(name);
    found.insert("rows", of(image, bytes("carrack.rows.1")));
    found.insert("accounts", of(image, bytes("carrack.accounts.1")));
    found.insert("revs", of(image, bytes("carrack.revs.1")));
    found.insert("blobs", of(image, bytes("carrack.blobs.2")));
    let numbered = |name| TableDefinition::<u64, &[u8]>::new(name);
    found.insert("counts", of(image, numbered("carrack.counts.2")));
    found.insert("events", of(image, numbered("carrack.events.1")));
    found.insert("facts", of(image, TableDefinition::<&str, &[u8]>::new("carrack.facts.1")));
    found
}

fn of<K: Key + 'static>(image: &[u8], table: TableDefinition<K, &'static [u8]>) -> Pages {
    let disk = Logged { image: Arc::new(Mutex::new(image.to_vec())), ..Logged::default() };
    let reads = Arc::clone(&disk.reads);
    let mut builder = Database::builder();
    builder.set_cache_size(0);
    let database = builder.create_with_backend(disk).unwrap();
    let txn = database.begin_read().unwrap();
    let table = txn.open_table(table).unwrap_or_else(|error| panic!("{}: {error}", table.name()));
    reads.lock().unwrap().clear();
    let entries: Vec<(Vec<u8>, Vec<u8>)> = table
        .iter()
        .unwrap()
        .map(|entry| {
            let (key, value) = entry.unwrap();
            (K::as_bytes(&key.value()).as_ref().to_vec(), value.value().to_vec())
        })
        .collect();
    let ranges: Vec<Range<usize>> =
        reads.lock().unwrap().iter().map(|(offset, length)| *offset..offset + length).collect();
    let first_byte = entries.first().and_then(|(_, value)| value.first().copied()).unwrap_or(0);
    let entries = entries.iter().flat_map(|(key, value)| [key, value]);
    let mut used: Vec<Range<usize>> =
        entries.filter_map(|bytes| place_of(image, &ranges, bytes)).collect();
    // The kind of a page, how many entries it has, and where the first of them are.
    used.extend(ranges.iter().flat_map(|range| {
        let start = range.start;
        [start..start + 4, start + 4..start + 24, start + 24..start + 64]
    }));
    Pages { ranges, used, first_byte }
}

fn place_of(image: &[u8], ranges: &[Range<usize>], value: &[u8]) -> Option<Range<usize>> {
    ranges.iter().find_map(|range| {
        let found = image[range.clone()].windows(value.len().max(1)).position(|at| at == value)?;
        Some(range.start + found..range.start + found + value.len())
    })
}

/// The pages of a table that hold this text.
pub fn with_text(disk: &super::Disk, table: &str, text: &[u8]) -> Vec<Range<usize>> {
    let image = disk.image();
    let mut found = pages(&image).remove(table).unwrap().ranges;
    found.retain(|range| memchr::memmem::find(&image[range.clone()], text).is_some());
    found
}

/// A disk like this one on which these pages are zero.
pub fn zeroed(disk: &super::Disk, pages: &[Range<usize>]) -> super::Disk {
    let mut image = disk.image();
    for page in pages {
        image[page.clone()].fill(0);
    }
    super::Disk::holding(image)
}

//! One page of the index of needed blobs.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::store::needed_blobs::blob_key;
use crate::store::read_table::ReadTable;
use crate::store::rows::key::tree_range;
use crate::store::sealed::{BLOBS, InOrder, check_place};
use crate::store::tables::View;
use crate::tree::Key;
use redb::Value;
use std::collections::BTreeSet;

/// Where a page of a tree's references begins, as a key of the index.
pub(crate) struct PageStart(Vec<u8>);

impl PageStart {
    /// With the first reference.
    pub(crate) fn first(tree: u64) -> Self {
        Self(tree_range(tree).0)
    }

    /// Behind all references to a blob.
    pub(crate) fn behind_blob(tree: u64, blob: &Cid) -> Self {
        let mut key = blob_key(tree, blob, &Key::edge());
        // No path has this byte.
        key.push(u8::MAX);
        Self(key)
    }

    /// Behind one reference.
    pub(crate) fn behind(tree: u64, blob: &Cid, path: &[u8]) -> Self {
        let mut key = blob_key(tree, blob, &Key::from(path));
        key.push(0);
        Self(key)
    }
}

/// The keys of the next references of a tree, at most `most` of them, in order. The entries beside
/// them are looked at as well, as [`keys_of_tree`](super::needed_blobs::keys_of_tree) does.
pub(crate) fn page_of_references(
    view: &View,
    tree: u64,
    start: &PageStart,
    most: usize,
) -> Result<BTreeSet<Vec<u8>>> {
    let end = tree_range(tree).1;
    let sealed = |key: &[u8], value: &&[u8]| BLOBS.open(key, value).map(|_| ());
    let mut keys = page_of(view.blobs()?, &start.0, &end, most, sealed)?;
    keys.append(&mut page_of(view.old_blobs()?, &start.0, &end, most, |_, ()| Ok(()))?);
    while keys.len() > most {
        keys.pop_last();
    }
    Ok(keys)
}

fn page_of<V: Value + 'static>(
    table: &impl ReadTable<&'static [u8], V>,
    start: &[u8],
    end: &[u8],
    most: usize,
    open: impl Fn(&[u8], &V::SelfType<'_>) -> Result<()>,
) -> Result<BTreeSet<Vec<u8>>> {
    let (mut keys, mut order) = (BTreeSet::new(), InOrder::default());
    check_place(table, start)?;
    // Without an end: a range would end before a changed key that is behind it, and not show it.
    for entry in table.range(start..)? {
        let (key, value) = entry?;
        let key = key.value();
        open(key, &value.value())?;
        order.next::<&[u8]>(key)?;
        if key < start {
            return Err(misplaced(key));
        }
        if key >= end {
            break;
        }
        if keys.len() == most {
            // A page that the search passes by would take references with it.
            check_place(table, key)?;
            return Ok(keys);
        }
        keys.insert(key.to_vec());
    }
    check_end(table, start, end, &keys)?;
    Ok(keys)
}

/// Whether the last reference of the tree is the last of the page.
fn check_end<V: Value + 'static>(
    table: &impl ReadTable<&'static [u8], V>,
    start: &[u8],
    end: &[u8],
    keys: &BTreeSet<Vec<u8>>,
) -> Result<()> {
    check_place(table, end)?;
    let last = table.range(..end)?.next_back().transpose()?;
    let last = last.map(|(key, _)| key.value().to_vec()).filter(|key| key[..] >= *start);
    if last.as_ref() != keys.last() {
        let last = last.unwrap_or_default();
        return Err(misplaced(&last));
    }
    if keys.is_empty() && table.len()? > 0 && table.first()?.is_none() {
        return Err(Error::Corrupt("the table of blobs has lost its entries".to_owned()));
    }
    Ok(())
}

fn misplaced(key: &[u8]) -> Error {
    Error::Corrupt(format!("a reference to a blob is not found in its place: {key:02x?}"))
}

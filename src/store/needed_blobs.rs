//! Which record needs which blob: keys without payloads, each with its seal. Stores of format 1 have
//! some in a table without seals, which is read as well and gets no new ones.

use crate::block::Cid;
use crate::error::{Error, Result};
use crate::store::counts::{blobs_counted, set_blobs};
use crate::store::read_table::ReadTable;
use crate::store::rows::key::tree_range;
use crate::store::sealed::{BLOBS, InOrder, check_place};
use crate::store::tables::{Tables, View};
use crate::tree::Key;
use redb::Value;
use std::collections::BTreeSet;

/// How the index of needed blobs changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlobChanges {
    pub(crate) puts: Vec<Vec<u8>>,
    pub(crate) deletes: Vec<Vec<u8>>,
}

impl BlobChanges {
    /// Stores them, and the tree's count if it has one. Deletes first: a new record may need the
    /// blob that the old one needed.
    pub(crate) fn store(&self, tables: &mut Tables<'_>, tree: u64) -> Result<()> {
        if self.deletes.is_empty() && self.puts.is_empty() {
            return Ok(());
        }
        let before = blobs_counted(&tables.counts, tree)?;
        let (mut gone, mut new) = (0, 0);
        for key in &self.deletes {
            gone += u64::from(remove(tables, key)?);
        }
        for key in &self.puts {
            new += u64::from(put(tables, key)?);
        }
        let Some(before) = before else { return Ok(()) };
        let wrong = || Error::Corrupt(format!("tree {tree} needs more blobs than were counted"));
        let blobs = before.saturating_add(new).checked_sub(gone).ok_or_else(wrong)?;
        if blobs == before { Ok(()) } else { set_blobs(tables, tree, blobs) }
    }
}

/// Notes references of a tree that is being written, and how many blobs it needs by now. Such a tree
/// has had its count from the beginning.
pub(crate) fn stage(tables: &mut Tables<'_>, tree: u64, keys: &[Vec<u8>]) -> Result<()> {
    let mut blobs = blobs_counted(&tables.counts, tree)?.unwrap_or(0);
    for key in keys {
        blobs += u64::from(put(tables, key)?);
    }
    set_blobs(tables, tree, blobs)
}

/// Notes a reference. Tells whether it is the first one to its blob.
fn put(tables: &mut Tables<'_>, key: &[u8]) -> Result<bool> {
    let is_first = !is_needed(tables, key)?;
    tables.blobs.insert(key, &BLOBS.seal(key, b"")[..])?;
    Ok(is_first)
}

/// Forgets a reference. Tells whether it was the last one to its blob.
fn remove(tables: &mut Tables<'_>, key: &[u8]) -> Result<bool> {
    let is_new = tables.blobs.remove(key)?.is_some();
    let is_old = tables.old_blobs.remove(key)?.is_some();
    Ok((is_new || is_old) && !is_needed(tables, key)?)
}

/// Whether there is a reference to the blob of this key. They are neighbours.
fn is_needed(tables: &Tables<'_>, key: &[u8]) -> Result<bool> {
    let blob = blob_of(key)?;
    Ok(begins(&tables.blobs, blob)? || begins(&tables.old_blobs, blob)?)
}

/// Whether a key of the table begins so.
fn begins<V: Value + 'static>(
    table: &impl ReadTable<&'static [u8], V>,
    prefix: &[u8],
) -> Result<bool> {
    let next = table.range(prefix..)?.next().transpose()?;
    Ok(next.is_some_and(|(key, _)| key.value().starts_with(prefix)))
}

/// The references of a tree, in order. The entries beside them are looked at as well: a changed key
/// that would lead the search for the first or the last one astray is one of those.
pub(crate) fn keys_of_tree(view: &View, tree: u64) -> Result<BTreeSet<Vec<u8>>> {
    let sealed = |key: &[u8], value: &&[u8]| BLOBS.open(key, value).map(|_| ());
    let mut keys = tree_keys(view.blobs()?, tree, sealed)?;
    keys.extend(tree_keys(view.old_blobs()?, tree, |_, ()| Ok(()))?);
    Ok(keys)
}

fn tree_keys<V: Value + 'static>(
    table: &impl ReadTable<&'static [u8], V>,
    tree: u64,
    open: impl Fn(&[u8], &V::SelfType<'_>) -> Result<()>,
) -> Result<BTreeSet<Vec<u8>>> {
    let (start, end) = tree_range(tree);
    let (mut keys, mut order) = (BTreeSet::new(), InOrder::default());
    // Without an end: a range would end before a changed key that is behind it, and not show it.
    for entry in table.range(&start[..]..)? {
        let (key, value) = entry?;
        open(key.value(), &value.value())?;
        if key.value() >= &end[..] {
            break;
        }
        order.next::<&[u8]>(key.value())?;
        keys.insert(key.value().to_vec());
    }
    let outside = |key: &[u8]| {
        Err(Error::Corrupt(format!("a reference to a blob lies among others: {key:02x?}")))
    };
    if let Some((key, value)) = table.range(..&start[..])?.next_back().transpose()? {
        open(key.value(), &value.value())?;
        if key.value() >= &start[..] {
            return outside(key.value());
        }
    }
    if let Some((key, value)) = table.range(&end[..]..)?.next().transpose()? {
        open(key.value(), &value.value())?;
        if key.value() < &end[..] {
            return outside(key.value());
        }
    }
    // A page that the search passes by would take references with it.
    check_place(table, &start)?;
    check_place(table, &end)?;
    let last = table.range(..&end[..])?.next_back().transpose()?;
    let last = last.map(|(key, _)| key.value().to_vec()).filter(|key| key[..] >= start[..]);
    if last.as_ref() != keys.last() {
        return Err(Error::Corrupt(format!("references to blobs of tree {tree} are not found")));
    }
    let is_inside = |key: &Vec<u8>| key[..] >= start[..] && key[..] < end[..];
    match keys.iter().find(|key| !is_inside(key)) {
        Some(key) => outside(key),
        None if keys.is_empty() && table.len()? > 0 && table.first()?.is_none() => {
            Err(Error::Corrupt("the table of blobs has lost its entries".to_owned()))
        }
        None => Ok(keys),
    }
}

/// The key of "the record at `path` needs this blob": tree, length of the CID, CID, path.
pub(crate) fn blob_key(tree: u64, blob: &Cid, path: &Key) -> Vec<u8> {
    let mut key = tree.to_be_bytes().to_vec();
    let cid = blob.to_bytes();
    // CIDs have 128 bytes at most.
    key.push(u8::try_from(cid.len()).unwrap_or(u8::MAX));
    key.extend_from_slice(&cid);
    key.extend_from_slice(path.as_bytes());
    key
}

/// The part of such a key that all references of a tree to one blob have in common.
fn blob_of(key: &[u8]) -> Result<&[u8]> {
    let length = key.get(8).map(|length| usize::from(*length) + 9);
    length.and_then(|length| key.get(..length)).ok_or_else(|| broken_key(key))
}

/// How many distinct blobs these references are to, in the order of their keys.
pub(crate) fn distinct_blobs<'a>(keys: impl IntoIterator<Item = &'a Vec<u8>>) -> Result<u64> {
    let (mut last, mut count) = (None, 0);
    for key in keys {
        let blob = Some(blob_of(key)?);
        count += u64::from(blob != last);
        last = blob;
    }
    Ok(count)
}

fn broken_key(key: &[u8]) -> Error {
    Error::Corrupt(format!("a blob key that cannot be read: {key:02x?}"))
}

/// The CID and the path of such a key.
pub(crate) fn parse_blob_key(key: &[u8]) -> Result<(Cid, Key)> {
    let broken = || broken_key(key);
    let (length, rest) = key.get(8..).and_then(|rest| rest.split_first()).ok_or_else(broken)?;
    let (cid, path) = rest.split_at_checked(usize::from(*length)).ok_or_else(broken)?;
    Ok((Cid::from_bytes(cid).map_err(|_| broken())?, Key::from(path)))
}

/// The distinct blobs that a tree's records need, in the order of their CIDs.
pub(crate) fn needed(view: &View, tree: u64) -> Result<Vec<Cid>> {
    let mut found: Vec<Cid> = Vec::new();
    for key in keys_of_tree(view, tree)? {
        let (cid, _) = parse_blob_key(&key)?;
        if found.last() != Some(&cid) {
            found.push(cid);
        }
    }
    Ok(found)
}

//! Which record needs which blob: keys without payloads, each with its seal. Stores of format 1 have
//! some in a table without seals, which is read as well and gets no new ones.

use crate::block::Cid;
use crate::error::{Error, Result};
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
    /// Stores them. Deletes first: a new record may need the blob that the old one needed.
    pub(crate) fn store(&self, tables: &mut Tables<'_>) -> Result<()> {
        self.deletes.iter().try_for_each(|key| remove(tables, key))?;
        self.puts.iter().try_for_each(|key| put(tables, key))
    }
}

/// Notes a reference.
pub(crate) fn put(tables: &mut Tables<'_>, key: &[u8]) -> Result<()> {
    tables.blobs.insert(key, &BLOBS.seal(key, b"")[..])?;
    Ok(())
}

/// Forgets one.
fn remove(tables: &mut Tables<'_>, key: &[u8]) -> Result<()> {
    tables.blobs.remove(key)?;
    tables.old_blobs.remove(key)?;
    Ok(())
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

/// The CID and the path of such a key.
pub(crate) fn parse_blob_key(key: &[u8]) -> Result<(Cid, Key)> {
    let broken = || Error::Corrupt(format!("a blob key that cannot be read: {key:02x?}"));
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

//! Values with a checksum over table, key and content.
//!
//! A sealed value is a byte for its form, the payload, and the first 8 bytes of the BLAKE3 digest
//! of table, key and payload: a value under another key, or with changed bytes, is refused. Values
//! of format 1 have no seal. Their first byte and their length distinguish them from sealed ones,
//! such that no single changed bit, also of an offset in a page of the database, turns one into the
//! other: the lengths differ by 9, which is not a power of two.

use crate::error::{Error, Result};
use crate::store::read_table::{ReadTable, TableEntry};
use redb::{Key, Value};
use std::cmp::Ordering;
use std::ops::Bound;

/// The form of sealed values.
const FORM: u8 = 2;
/// Length of the checksum, in bytes: it protects against faults, not against attackers.
const SUM_BYTES: usize = 8;

/// A table whose values are sealed.
#[derive(Clone, Copy)]
pub(crate) struct Seal {
    table: &'static str,
    /// Whether a value may be one of format 1.
    is_plain: fn(&[u8], &[u8]) -> bool,
}

/// Facts about the store. What says the format is never sealed: older programs read it.
pub(crate) const FACTS: Seal = Seal {
    table: "facts",
    is_plain: |name, value| {
        value.len()
            == match name {
                b"format" | b"draft" => 4,
                b"engine" => 16,
                b"restored" => 24,
                _ => 8,
            }
    },
};
/// The CIDs of commits.
pub(crate) const REVS: Seal = Seal {
    table: "revs",
    is_plain: |_, value| value.len() == 36 && value.starts_with(&[0x01, 0x71, 0x12, 0x20]),
};
/// Events: an array of four, by their first byte.
pub(crate) const EVENTS: Seal =
    Seal { table: "events", is_plain: |_, value| value.first() == Some(&0x84) };
/// Two numbers.
pub(crate) const PURGES: Seal = Seal { table: "purges", is_plain: |_, value| value.len() == 16 };
/// What a tree is written for.
pub(crate) const JOURNAL: Seal = Seal { table: "journal", is_plain: |_, value| value == b"import" };
/// References to blobs: there is nothing but the key. Those of format 1 are in a table of their own.
pub(crate) const BLOBS: Seal = Seal { table: "blobs", is_plain: |_, _| false };
/// Counts of a tree: a number.
pub(crate) const COUNTS: Seal = Seal { table: "counts", is_plain: |_, _| false };
/// Trees to be removed, as references to blobs.
pub(crate) const REMOVALS: Seal = Seal { table: "doomed", is_plain: |_, _| false };

impl Seal {
    /// The value for a payload.
    pub(crate) fn seal(self, key: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(payload.len() + 1 + SUM_BYTES);
        value.push(FORM);
        value.extend_from_slice(payload);
        value.extend_from_slice(&self.sum(key, payload));
        value
    }

    /// The payload of a value.
    pub(crate) fn open<'v>(self, key: &[u8], value: &'v [u8]) -> Result<&'v [u8]> {
        if (self.is_plain)(key, value) {
            return Ok(value);
        }
        let sealed = value.split_first().and_then(|(form, rest)| {
            let (payload, sum) = rest.split_last_chunk::<SUM_BYTES>()?;
            (*form == FORM && *sum == self.sum(key, payload)).then_some(payload)
        });
        sealed.ok_or_else(|| {
            let key = String::from_utf8_lossy(key);
            let table = self.table;
            Error::Corrupt(format!("a value of table {table} does not belong to its key {key:?}"))
        })
    }

    fn sum(self, key: &[u8], payload: &[u8]) -> [u8; SUM_BYTES] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.table.as_bytes()).update(&[0]);
        hasher.update(&(key.len() as u64).to_be_bytes()).update(key).update(payload);
        let mut sum = [0; SUM_BYTES];
        hasher.finalize_xof().fill(&mut sum);
        sum
    }

    /// The payload under a key, or the proof that there is none: [`checked_get`].
    pub(crate) fn get<K: Key + 'static>(
        self,
        table: &impl ReadTable<K, &'static [u8]>,
        key: &K::SelfType<'_>,
    ) -> Result<Option<Vec<u8>>> {
        checked_get(table, key, |key, value| self.open(key, value).map(<[u8]>::to_vec))
    }
}

/// What is under a key. `open` reads an entry, and refuses one whose value does not belong to its
/// key.
///
/// That there is nothing is believed only if the entries on both sides of the place are right and
/// have it between them. The database looks for a key by halves. If one key, in a leaf or above, has
/// been changed, and the search is misled by it, then all other comparisons lead it back to that key:
/// it ends beside the changed one, or beside the edge of the subtree that the changed one should have
/// led to, whose keys do not have the sought one between them.
pub(crate) fn checked_get<K: Key + 'static, V: Value + 'static, R>(
    table: &impl ReadTable<K, V>,
    key: &K::SelfType<'_>,
    open: impl Fn(&[u8], &V::SelfType<'_>) -> Result<R>,
) -> Result<Option<R>> {
    let bytes = K::as_bytes(key).as_ref().to_vec();
    let sought = || K::from_bytes(&bytes);
    if let Some(value) = table.get(sought())? {
        return open(&bytes, &value.value()).map(Some);
    }
    let before = table.range::<K::SelfType<'_>>(..sought())?.next_back().transpose()?;
    let after = table.range::<K::SelfType<'_>>(sought()..)?.next().transpose()?;
    if before.is_none() && after.is_none() && table.len()? > 0 {
        return Err(Error::Corrupt("a table has lost its entries".to_owned()));
    }
    let mut beside = Vec::new();
    for (entry, side) in [(before, Ordering::Less), (after, Ordering::Greater)] {
        let Some((found, value)) = entry else {
            beside.push(None);
            continue;
        };
        let found = K::as_bytes(&found.value()).as_ref().to_vec();
        open(&found, &value.value())?;
        if K::compare(&found, &bytes) != side {
            return Err(out_of_order(&found));
        }
        beside.push(Some(found));
    }
    let [Some(before), Some(after)] = [beside.first(), beside.get(1)] else { return Ok(None) };
    check_gap(table, before.as_deref(), after.as_deref())?;
    Ok(None)
}

/// Whether what lies before a place of a table and what lies behind it are found by other ways, too.
pub(crate) fn check_place<K: Key + 'static, V: Value + 'static>(
    table: &impl ReadTable<K, V>,
    place: &[u8],
) -> Result<()> {
    let at = || K::from_bytes(place);
    let key_of = |(key, _): TableEntry<'_, K, V>| K::as_bytes(&key.value()).as_ref().to_vec();
    let before = table.range::<K::SelfType<'_>>(..at())?.next_back().transpose()?.map(key_of);
    let after = table.range::<K::SelfType<'_>>(at()..)?.next().transpose()?.map(key_of);
    check_gap(table, before.as_deref(), after.as_deref())
}

/// Whether there is nothing between two keys, `None` being the ends of the table: told by searches
/// for these keys, which come by other ways than the search for what is between them. A pointer in a
/// branch that leads to another page of the table leads at most one of them astray.
fn check_gap<K: Key + 'static, V: Value + 'static>(
    table: &impl ReadTable<K, V>,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
) -> Result<()> {
    let key_of = |entry: Option<TableEntry<'_, K, V>>| {
        entry.map(|(key, _)| K::as_bytes(&key.value()).as_ref().to_vec())
    };
    let next = match before {
        Some(before) => {
            let from = (Bound::Excluded(K::from_bytes(before)), Bound::Unbounded);
            table.range::<K::SelfType<'_>>(from)?.next().transpose()?
        }
        None => table.entries()?.next().transpose()?,
    };
    let last = match after {
        Some(after) => {
            table.range::<K::SelfType<'_>>(..K::from_bytes(after))?.next_back().transpose()?
        }
        None => table.entries()?.next_back().transpose()?,
    };
    let (next, last) = (key_of(next), key_of(last));
    if next.as_deref() != after || last.as_deref() != before {
        return Err(Error::Corrupt("a table's entries are found by some ways only".to_owned()));
    }
    Ok(())
}

/// Whether entries are in the order of their keys.
#[derive(Default)]
pub(crate) struct InOrder {
    last: Option<Vec<u8>>,
    count: u64,
}

impl InOrder {
    /// The next entry.
    pub(crate) fn next<K: Key>(&mut self, key: &[u8]) -> Result<()> {
        if self.last.as_ref().is_some_and(|last| K::compare(last, key) != Ordering::Less) {
            return Err(out_of_order(key));
        }
        self.last = Some(key.to_vec());
        self.count += 1;
        Ok(())
    }

    /// The end of a whole table, which has this number of entries.
    pub(crate) fn end(&self, length: u64) -> Result<()> {
        if self.count == length {
            return Ok(());
        }
        let count = self.count;
        Err(Error::Corrupt(format!("a table has {count} entries, where {length} were counted")))
    }
}

fn out_of_order(key: &[u8]) -> Error {
    let key = String::from_utf8_lossy(key);
    Error::Corrupt(format!("the key {key:?} of a table is out of order"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_believed_only_as_it_was_sealed() {
        for seal in [FACTS, REVS, EVENTS, PURGES, JOURNAL, BLOBS, COUNTS, REMOVALS] {
            for payload in [vec![], vec![0; 8], vec![1; 16], vec![0x84; 40]] {
                let value = seal.seal(b"key", &payload);
                assert_eq!(seal.open(b"key", &value).unwrap(), payload);
                assert!(seal.open(b"kez", &value).is_err());
                for bit in 0..value.len() * 8 {
                    let mut flipped = value.clone();
                    flipped[bit / 8] ^= 1 << (bit % 8);
                    assert!(seal.open(b"key", &flipped).is_err(), "{}: bit {bit}", seal.table);
                }
            }
        }
        assert!(REVS.open(b"key", &EVENTS.seal(b"key", b"value")).is_err());
    }
}

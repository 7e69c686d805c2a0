//! Reading records out of rows.

use super::read_table::{ByteEntries, ReadBytes};
use super::row::{
    Place, RawRow, RawSection, Row, Stamped, node_key, parse_key, part_key, record_key, stamped,
    tree_range,
};
use super::run::{RunPlace, placed, read_node, search};
use crate::block::Cid;
use crate::error::{Error, Result};
use crate::tree::Key;
use bytes::Bytes;
use std::ops::Bound;

/// The record at `path`: one seek. What is not in the row at or before it is not there.
pub(crate) fn record<T>(rows: &T, tree: u64, path: &[u8]) -> Result<Option<Stamped>>
where
    T: ReadBytes,
{
    let (start, _) = tree_range(tree);
    let target = record_key(tree, path);
    let Some(found) = rows.range(&start[..]..=&target[..])?.next_back() else { return Ok(None) };
    let (key, value) = found?;
    if key.value() == &target[..] {
        return whole_record(rows, tree, path, &decode(value.value())?).map(Some);
    }
    let (_, place) = parse_key(key.value())?;
    if matches!(place, Place::Record { .. }) {
        return Ok(None);
    }
    search(&place, value.value(), path)
}

/// The node of this height right of `left`, wherever it is kept: it begins the last row at or
/// before its place, or it is in the run that does.
pub(crate) fn node<T>(rows: &T, tree: u64, left: &Key, height: u8) -> Result<Option<Stamped>>
where
    T: ReadBytes,
{
    let (start, _) = tree_range(tree);
    let target = node_key(tree, left.as_bytes(), height);
    let Some(found) = rows.range(&start[..]..=&target[..])?.next_back() else { return Ok(None) };
    let (key, value) = found?;
    let (_, place) = parse_key(key.value())?;
    if matches!(place, Place::Record { .. }) {
        return Ok(None);
    }
    let row = Row::decode(&Bytes::copy_from_slice(value.value()))?;
    let is_here = |at: &RunPlace| matches!(at, RunPlace::Node { left: l, height: h } if l == left && *h == height);
    let hit = placed(&place, &row)?.into_iter().find(|block| is_here(&block.place));
    Ok(hit.map(|placed| placed.block))
}

/// Puts a record together that may continue in further rows.
pub(crate) fn whole_record<T>(rows: &T, tree: u64, path: &[u8], row: &Row) -> Result<Stamped>
where
    T: ReadBytes,
{
    let length = row.first_length()?;
    if row.sections().len() >= length {
        return stamped(row.sections().clone(), row.stamp(0)?);
    }
    let mut section = row.sections().to_vec();
    for part in 1..=u8::MAX {
        if section.len() >= length {
            break;
        }
        let Some(value) = rows.get(&part_key(tree, path, part)[..])? else { break };
        section.extend_from_slice(value.value());
    }
    if section.len() != length {
        let path = String::from_utf8_lossy(path);
        return Err(Error::Corrupt(format!("the rows of {path:?} do not add up to its length")));
    }
    stamped(section.into(), row.stamp(0)?)
}

/// What a list makes of each record.
pub(crate) trait Listed: Sized {
    /// Of a section in a run.
    fn in_run(row: &RawRow<'_>, section: &RawSection<'_>) -> Result<Self>;
    /// Of a row of its own, which may continue.
    fn in_row<T>(rows: &T, tree: u64, path: &[u8], value: &[u8]) -> Result<Self>
    where
        T: ReadBytes;
}

/// The record.
impl Listed for Stamped {
    fn in_run(row: &RawRow<'_>, section: &RawSection<'_>) -> Result<Self> {
        row.stamped(section)
    }

    fn in_row<T>(rows: &T, tree: u64, path: &[u8], value: &[u8]) -> Result<Self>
    where
        T: ReadBytes,
    {
        whole_record(rows, tree, path, &decode(value)?)
    }
}

/// Its CID alone.
impl Listed for Cid {
    fn in_run(_: &RawRow<'_>, section: &RawSection<'_>) -> Result<Self> {
        Ok(section.cid.clone())
    }

    fn in_row<T>(_: &T, _: u64, _: &[u8], value: &[u8]) -> Result<Self>
    where
        T: ReadBytes,
    {
        let cid = RawRow::decode(value)?.first_cid()?;
        cid.ok_or_else(|| Error::Corrupt("the row of a record is empty".to_owned()))
    }
}

/// The records of a tree in path order, or against it.
pub(crate) struct Records<'a, T, L> {
    rows: &'a T,
    tree: u64,
    range: ByteEntries<'a>,
    from: Bound<Key>,
    to: Bound<Key>,
    reverse: bool,
    /// The records of the row at hand, the next one last.
    ready: Vec<(Key, L)>,
}

impl<'a, T: ReadBytes, L: Listed> Records<'a, T, L> {
    /// Records between two paths.
    pub(crate) fn new(
        rows: &'a T,
        tree: u64,
        from: Bound<Key>,
        to: Bound<Key>,
        reverse: bool,
    ) -> Result<Self> {
        let (tree_start, tree_end) = tree_range(tree);
        let start = match &from {
            Bound::Unbounded => tree_start,
            Bound::Included(key) | Bound::Excluded(key) => {
                row_at_or_before(rows, tree, key.as_bytes())?
            }
        };
        let end = match &to {
            Bound::Unbounded => tree_end,
            Bound::Included(key) | Bound::Excluded(key) => {
                let mut end = record_key(tree, key.as_bytes());
                end.push(0xff);
                end
            }
        };
        let end = end.max(start.clone());
        let range = rows.range(&start[..]..&end[..])?;
        Ok(Self { rows, tree, range, from, to, reverse, ready: Vec::new() })
    }

    fn wants(&self, key: &Key) -> bool {
        let above = match &self.from {
            Bound::Unbounded => true,
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
        };
        let below = match &self.to {
            Bound::Unbounded => true,
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
        };
        above && below
    }

    fn refill(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match parse_key(key)?.1 {
            Place::Record { part: 0, path } if !path.is_empty() => {
                let key = Key::from(&path[..]);
                if self.wants(&key) {
                    self.ready.push((key, L::in_row(self.rows, self.tree, &path, value)?));
                }
            }
            Place::Record { .. } => {}
            Place::Node { .. } => self.take_run(value)?,
        }
        if !self.reverse {
            self.ready.reverse();
        }
        Ok(())
    }

    /// The records of a run: its node, which is hashed, names them in their order.
    fn take_run(&mut self, value: &[u8]) -> Result<()> {
        let row = RawRow::decode(value)?;
        if row.count == 1 {
            // A node whose records have rows of their own.
            return Ok(());
        }
        let broken = || Error::Corrupt("a run does not hold what its node names".to_owned());
        let mut sections = row.each();
        let node = read_node(&sections.next().ok_or_else(broken)??)?;
        for entry in node.entries {
            let section = sections.next().ok_or_else(broken)??;
            if section.cid != entry.value {
                return Err(broken());
            }
            if self.wants(&entry.key) {
                self.ready.push((entry.key, L::in_run(&row, &section)?));
            }
        }
        if sections.next().is_some() { Err(broken()) } else { Ok(()) }
    }
}

fn decode(value: &[u8]) -> Result<Row> {
    Row::decode(&Bytes::copy_from_slice(value))
}

impl<T: ReadBytes, L: Listed> Iterator for Records<'_, T, L> {
    type Item = Result<(Key, L)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop() {
                return Some(Ok(ready));
            }
            let row = if self.reverse { self.range.next_back() } else { self.range.next() }?;
            let refilled = row
                .map_err(Error::from)
                .and_then(|(key, value)| self.refill(key.value(), value.value()));
            if let Err(error) = refilled {
                self.ready.clear();
                return Some(Err(error));
            }
        }
    }
}

/// The key of the last row at or before a path: the first one that can hold it.
fn row_at_or_before<T>(rows: &T, tree: u64, path: &[u8]) -> Result<Vec<u8>>
where
    T: ReadBytes,
{
    let (start, _) = tree_range(tree);
    let target = record_key(tree, path);
    match rows.range(&start[..]..=&target[..])?.next_back() {
        Some(found) => Ok(found?.0.value().to_vec()),
        None => Ok(start),
    }
}

//! Reads a damaged tree: each block by itself, and only if it hashes to the CID that is asked for.

use crate::block::{Block, Cid};
use crate::car::varint;
use crate::error::{Error, Result};
use crate::limits::NODE_BYTES_MAX;
use crate::store::read_table::{ByteTable, ReadTable};
use crate::store::rows::key::{RowPlace, node_key, parse_key, part_key, record_key};
use crate::store::rows::value::RawRow;
use crate::tree::{Entry, Key, Node, layer};
use bytes::Bytes;
use memchr::memmem::find_iter;

/// What was found, or why it was not.
pub(crate) type Found<T> = std::result::Result<T, String>;

/// A node, and the row that it was found in, which may hold its records.
pub(crate) struct IntactNode {
    pub(crate) block: Block,
    pub(crate) row: Option<Bytes>,
}

/// The place that a node takes in its tree.
#[derive(Clone, Copy)]
pub(crate) struct NodeSpan<'k> {
    /// The key left of it.
    pub(crate) left: &'k Key,
    /// The first key to its right.
    pub(crate) end: Option<&'k Key>,
    pub(crate) height: u8,
}

/// The rows of one tree.
#[derive(Clone, Copy)]
pub(crate) struct IntactRows<'v> {
    rows: &'v ByteTable,
    tree: u64,
}

/// Entries that a node of the maximum length can have; an entry takes 50 bytes at least.
const ENTRIES_MAX: usize = NODE_BYTES_MAX / 50;
/// The longest length of a section, and what stands before its CID.
const LENGTH_BYTES_MAX: usize = 5;

impl<'v> IntactRows<'v> {
    pub(crate) fn new(rows: &'v ByteTable, tree: u64) -> Self {
        Self { rows, tree }
    }

    /// The node with this CID: out of its row, or made anew from the rows of what hangs on it.
    pub(crate) fn node(&self, at: NodeSpan<'_>, cid: &Cid) -> Result<Found<IntactNode>> {
        let row = self.value(&node_key(self.tree, at.left.as_bytes(), at.height))?;
        let why = match row {
            Ok(Some(row)) => match block_in(&row, cid) {
                Some(block) => return Ok(Ok(IntactNode { block, row: Some(row) })),
                None => "its row does not hold it".to_owned(),
            },
            Ok(None) => "its row is not found".to_owned(),
            Err(why) => why,
        };
        // What a row says of its CID may be what is damaged: then what its content says.
        for trust_rows in [true, false] {
            let made = self.made_anew(at, trust_rows)?;
            if let Some(block) = made.filter(|block| block.cid() == cid) {
                return Ok(Ok(IntactNode { block, row: None }));
            }
        }
        Ok(Err(why))
    }

    /// The record or commit with this CID, if it has rows of its own.
    pub(crate) fn record(&self, path: &[u8], cid: &Cid) -> Result<Found<Block>> {
        let row = match self.value(&record_key(self.tree, path))? {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Err("its row is not found".to_owned())),
            Err(why) => return Ok(Err(why)),
        };
        if let Some(block) = block_in(&row, cid) {
            return Ok(Ok(block));
        }
        let mut joined = row.to_vec();
        for part in 1..=u8::MAX {
            match self.value(&part_key(self.tree, path, part))? {
                Ok(Some(more)) => joined.extend_from_slice(&more),
                Ok(None) => break,
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(block_in(&joined, cid).ok_or_else(|| "its rows do not hold it".to_owned()))
    }

    /// A row's value. Damage is no error here.
    fn value(&self, key: &[u8]) -> Result<Found<Option<Bytes>>> {
        match self.rows.get(key) {
            Ok(value) => Ok(Ok(value.map(|value| Bytes::copy_from_slice(value.value())))),
            Err(Error::Corrupt(why)) => Ok(Err(why)),
            Err(error) => Err(error),
        }
    }

    /// The node at a place, by its content: the records of its layer, which have rows of their own
    /// unless it is a run, and the subtrees between them. Only its CID tells whether it is right.
    ///
    /// Recursion descends one layer per call, here and in [`IntactRows::child`].
    fn made_anew(&self, at: NodeSpan<'_>, trust_rows: bool) -> Result<Option<Block>> {
        let Some(records) = self.records_of(at)? else { return Ok(None) };
        let first = records.first().map(|(key, _)| key).or(at.end);
        let left = self.child(NodeSpan { end: first, ..at }, trust_rows)?;
        let mut entries = Vec::with_capacity(records.len());
        for (place, (key, value)) in records.iter().enumerate() {
            let end = records.get(place + 1).map(|(key, _)| key).or(at.end);
            let right = self.child(NodeSpan { left: key, end, ..at }, trust_rows)?;
            entries.push(Entry { key: key.clone(), value: value.clone(), right });
        }
        if left.is_none() && entries.is_empty() {
            return Ok(None);
        }
        Ok(Some(Block::dag_cbor(Node { left, entries }.encode())))
    }

    /// The CID of the subtree at a place below a node; `None` if there is none.
    fn child(&self, above: NodeSpan<'_>, trust_rows: bool) -> Result<Option<Cid>> {
        let Some(height) = above.height.checked_sub(1) else { return Ok(None) };
        let row = self.value(&node_key(self.tree, above.left.as_bytes(), height))?;
        let row = row.ok().flatten();
        let named = row.as_ref().and_then(|row| first_cid(row));
        let is_right = || {
            row.as_ref().zip(named.as_ref()).is_some_and(|(row, cid)| block_in(row, cid).is_some())
        };
        if (trust_rows && row.is_some()) || is_right() {
            return Ok(named);
        }
        if trust_rows {
            return Ok(None);
        }
        let made = self.made_anew(NodeSpan { height, ..above }, false)?;
        Ok(made.map(|block| block.cid().clone()).or(named))
    }

    /// The records of a node's layer in its range, with the CIDs that their rows name; `None` if
    /// these cannot be read.
    fn records_of(&self, at: NodeSpan<'_>) -> Result<Option<Vec<(Key, Cid)>>> {
        let start = node_key(self.tree, at.left.as_bytes(), at.height);
        let end = match at.end {
            Some(end) => record_key(self.tree, end.as_bytes()),
            None => crate::store::rows::key::tree_range(self.tree).1,
        };
        let mut found = Vec::new();
        let entries = match self.rows.range(&start[..]..&end[..]) {
            Ok(entries) => entries,
            Err(Error::Corrupt(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let (key, value) = match entry {
                Ok(entry) => entry,
                Err(Error::Corrupt(_)) => return Ok(None),
                Err(error) => return Err(error),
            };
            let Ok((_, RowPlace::Record { path, part: 0 })) = parse_key(key.value()) else {
                continue;
            };
            if path[..] <= *at.left.as_bytes() || layer(&path) != at.height {
                continue;
            }
            let Some(cid) = first_cid(value.value()) else { return Ok(None) };
            found.push((Key::from(&path[..]), cid));
            if found.len() > ENTRIES_MAX {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }
}

/// The CID that a row's first section names.
fn first_cid(value: &[u8]) -> Option<Cid> {
    RawRow::decode(value).ok()?.first_cid().ok().flatten()
}

/// The block with this CID in a row's value, wherever it is: what stands before it may be damaged.
pub(crate) fn block_in(value: &[u8], cid: &Cid) -> Option<Block> {
    let name = cid.to_bytes();
    let named = find_iter(value, &name).find_map(|at| {
        let start = at + name.len();
        ends(value, at).into_iter().find_map(|end| block(value, start, end, cid))
    });
    // Its CID may be what is damaged.
    named.or_else(|| {
        let sections = RawRow::decode(value).ok()?;
        let mut sections = sections.each().map_while(Result::ok);
        let found = sections.find(|section| cid.matches(section.block) == Ok(true))?;
        Block::check(cid.clone(), Bytes::copy_from_slice(found.block)).ok()
    })
}

/// Where the section whose CID is at `at` may end: as its length says, or with the row.
fn ends(value: &[u8], at: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = (1..=LENGTH_BYTES_MAX)
        .filter_map(|before| {
            let start = at.checked_sub(before)?;
            let (length, head) = varint::read(value.get(start..at)?).ok()?;
            let end = at.checked_add(usize::try_from(length).ok()?)?;
            (head == before && end <= value.len()).then_some(end)
        })
        .collect();
    ends.push(value.len());
    ends
}

fn block(value: &[u8], start: usize, end: usize, cid: &Cid) -> Option<Block> {
    let bytes = value.get(start..end)?;
    match cid.matches(bytes) {
        Ok(true) => Block::check(cid.clone(), Bytes::copy_from_slice(bytes)).ok(),
        _ => None,
    }
}

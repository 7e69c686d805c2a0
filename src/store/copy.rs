//! Copies a snapshot of a store into an empty database, table by table.

use crate::error::{Error, Result};
use crate::limits::COPIED_BYTES;
use crate::progress::Progress;
use crate::store::log::{allow_purged_gaps, forget_events, is_purged_row};
use crate::store::read_table::{ReadTable, TableEntry, ViewTable};
use crate::store::restore::{RestoreGate, Restored};
use crate::store::rows::key::tree_range;
use crate::store::tables::{Tables, View};
use crate::store::write::reclaim::{journalled_trees, marked_trees};
use redb::{CursorError, Database, Key, Table, Value};
use std::collections::BTreeSet;
use std::ops::Bound;

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    /// Rows of repositories.
    pub(crate) rows: u64,
    /// Keys and values of all tables.
    pub(crate) bytes: u64,
}

/// One table of a write transaction.
type Pick<K, V> = for<'a, 'txn> fn(&'a mut Tables<'txn>) -> &'a mut Table<'txn, K, V>;

/// The kind of a copy.
#[derive(Clone, Copy)]
pub(crate) enum CopyKind<'a> {
    /// A backup, whose restore has to be confirmed after it is opened.
    Backup(&'a Restored),
    /// The same store in a new file, with its event log or without.
    Same { with_events: bool },
}

/// Copies the snapshot `view`. Trees of no account (marked for removal, or still being written) are
/// left out.
///
/// The facts, which include the format, are copied last: an incomplete copy does not open.
pub(crate) fn copy(
    view: &View,
    to: &Database,
    kind: CopyKind<'_>,
    progress: Progress<'_>,
) -> Result<Copied> {
    let unowned = unowned(view)?;
    let mut copy = StoreCopy { to, bytes: 0, progress };
    let rows = copy.trees(view.rows()?, &unowned, |tables| &mut tables.rows)?;
    copy.trees(view.blobs()?, &unowned, |tables| &mut tables.blobs)?;
    copy.trees(view.old_blobs()?, &unowned, |tables| &mut tables.old_blobs)?;
    let counts = view
        .counts()?
        .entries()?
        .filter(|entry| entry.as_ref().map_or(true, |(tree, _)| !unowned.contains(&tree.value())));
    copy.range(counts, |tables| &mut tables.counts)?;
    copy.range(view.accounts()?.entries()?, |tables| &mut tables.accounts)?;
    copy.range(view.revs()?.entries()?, |tables| &mut tables.revs)?;
    match kind {
        CopyKind::Backup(_) => {
            copy.range(view.events()?.entries()?, |tables| &mut tables.events)?
        }
        CopyKind::Same { with_events: false } => 0,
        CopyKind::Same { with_events: true } => {
            let kept = view.events()?.entries()?.filter_map(|event| kept(view, event).transpose());
            copy.range(kept, |tables| &mut tables.events)?
        }
    };
    if !matches!(kind, CopyKind::Same { with_events: false }) {
        copy.range(view.purges()?.entries()?, |tables| &mut tables.purges)?;
    }
    finish(view, to, kind)?;
    Ok(Copied { rows, bytes: copy.bytes })
}

/// Entries come in the order of their keys, unless their table is damaged.
fn out_of_order(error: CursorError) -> Error {
    match error {
        CursorError::UnorderedKey => {
            Error::Corrupt("the keys of a table that is copied are out of order".to_owned())
        }
        error => error.into(),
    }
}

/// An event, unless it is of an account that was deleted since.
fn kept<'a>(
    view: &View,
    event: Result<TableEntry<'a, u64, &'static [u8]>>,
) -> Result<Option<TableEntry<'a, u64, &'static [u8]>>> {
    let (seq, row) = event?;
    let is_purged = is_purged_row(view, seq.value(), row.value())?;
    Ok((!is_purged).then_some((seq, row)))
}

fn unowned(view: &View) -> Result<BTreeSet<u64>> {
    let mut trees = BTreeSet::new();
    trees.extend(marked_trees(view)?);
    trees.extend(journalled_trees(view)?);
    Ok(trees)
}

/// Completes the copy: its last commit allows a quick opening.
fn finish(view: &View, to: &Database, kind: CopyKind<'_>) -> Result<()> {
    let mut txn = to.begin_write()?;
    txn.set_quick_repair(true);
    {
        let mut tables = Tables::open(&txn)?;
        for fact in view.facts()?.entries()? {
            let (name, value) = fact?;
            tables.facts.insert(name.value(), value.value())?;
        }
        match kind {
            CopyKind::Backup(restored) => RestoreGate::close(&mut tables, restored)?,
            CopyKind::Same { with_events: true } => allow_purged_gaps(view, &mut tables)?,
            CopyKind::Same { with_events: false } => forget_events(&mut tables)?,
        }
    }
    txn.commit()?;
    Ok(())
}

struct StoreCopy<'a> {
    to: &'a Database,
    bytes: u64,
    progress: Progress<'a>,
}

impl StoreCopy<'_> {
    /// Copies a table whose keys begin with a tree's number, without the trees that are left out.
    fn trees<V: Value + 'static>(
        &mut self,
        from: &ViewTable<&'static [u8], V>,
        left_out: &BTreeSet<u64>,
        pick: Pick<&'static [u8], V>,
    ) -> Result<u64> {
        let (mut start, mut copied) = (Vec::new(), 0);
        for tree in left_out {
            let (end, behind) = tree_range(*tree);
            copied += self.range(from.range(&start[..]..&end[..])?, pick)?;
            start = behind;
        }
        Ok(copied + self.range(from.range(&start[..]..)?, pick)?)
    }

    /// Copies in transactions of bounded size, and returns the number of entries.
    fn range<'a, K: Key + 'static, V: Value + 'static>(
        &mut self,
        from: impl Iterator<Item = Result<TableEntry<'a, K, V>>>,
        pick: Pick<K, V>,
    ) -> Result<u64> {
        let mut from = from.fuse();
        let mut entries = 0;
        loop {
            let txn = self.to.begin_write()?;
            let mut bytes = 0;
            {
                let mut tables = Tables::open(&txn)?;
                // Everything before this is there already.
                let mut end =
                    pick(&mut tables).upper_bound_mut(Bound::<K::SelfType<'_>>::Unbounded)?;
                while bytes < COPIED_BYTES {
                    let Some(entry) = from.next() else { break };
                    let (key, value) = entry?;
                    let (key, value) = (key.value(), value.value());
                    bytes += K::as_bytes(&key).as_ref().len() + V::as_bytes(&value).as_ref().len();
                    end.insert_before(&key, &value).map_err(out_of_order)?;
                    entries += 1;
                }
                end.close()?;
            }
            if bytes == 0 {
                txn.abort()?;
                return Ok(entries);
            }
            txn.commit()?;
            self.bytes += bytes as u64;
            self.progress.report(self.bytes);
        }
    }
}

//! Copies the accounts that are whole, and what can be read of the event log, into an empty database.

use crate::error::Result;
use crate::ident::Did;
use crate::progress::Progress;
use crate::store::copy::{Copied, StoreCopy, copy_facts};
use crate::store::log::begin_log_at;
use crate::store::read_table::{ReadTable, TableEntry, ViewTable};
use crate::store::restore::{RestoreGate, Restored};
use crate::store::revs::revs_of;
use crate::store::rows::key::tree_range;
use crate::store::tables::{Tables, View};
use redb::{Database, Value};

/// What is copied. Lists are in ascending order.
pub(crate) struct IntactParts<'a> {
    /// Accounts, deleted ones included.
    pub(crate) accounts: &'a [Did],
    /// Those whose held revisions can be read.
    pub(crate) with_revs: &'a [Did],
    /// Their trees.
    pub(crate) trees: &'a [u64],
    pub(crate) log: IntactLog,
    /// Marks the copy as restored.
    pub(crate) restored: &'a Restored,
}

/// The part of the event log that is copied.
#[derive(Clone, Copy)]
pub(crate) enum IntactLog {
    /// All of it.
    All,
    /// The events from this number on, and their bytes; without the marks of events to be removed if
    /// these cannot be read, which is when no event is copied.
    From { seq: u64, bytes: u64, with_purges: bool },
}

/// Copies these parts of the snapshot `view`. The facts are copied last: an incomplete copy does not
/// open.
pub(crate) fn copy_intact(
    view: &View,
    to: &Database,
    parts: &IntactParts<'_>,
    progress: Progress<'_>,
) -> Result<Copied> {
    let mut copy = StoreCopy { to, bytes: 0, progress };
    let trees = || parts.trees.iter().map(|tree| tree_range(*tree));
    let rows = copy.range(of_ranges(view.rows()?, trees()), |tables| &mut tables.rows)?;
    copy.range(of_ranges(view.blobs()?, trees()), |tables| &mut tables.blobs)?;
    copy.range(of_ranges(view.old_blobs()?, trees()), |tables| &mut tables.old_blobs)?;
    let accounts = parts.accounts.iter().map(|did| {
        let name = did.as_str().as_bytes();
        (name.to_vec(), [name, &[0]].concat())
    });
    copy.range(of_ranges(view.accounts()?, accounts), |tables| &mut tables.accounts)?;
    let revs = parts.with_revs.iter().map(revs_of);
    copy.range(of_ranges(view.revs()?, revs), |tables| &mut tables.revs)?;
    copy_log(view, &mut copy, parts.log)?;
    finish(view, to, parts)?;
    Ok(Copied { rows, bytes: copy.bytes })
}

fn copy_log(view: &View, copy: &mut StoreCopy<'_>, log: IntactLog) -> Result<()> {
    let (from, with_purges) = match log {
        IntactLog::All => (0, true),
        IntactLog::From { seq, with_purges, .. } => (seq, with_purges),
    };
    if with_purges {
        copy.range(view.events()?.range(from..)?, |tables| &mut tables.events)?;
        copy.range(view.purges()?.entries()?, |tables| &mut tables.purges)?;
    }
    Ok(())
}

fn finish(view: &View, to: &Database, parts: &IntactParts<'_>) -> Result<()> {
    let mut txn = to.begin_write()?;
    txn.set_quick_repair(true);
    {
        let mut tables = Tables::open(&txn)?;
        copy_facts(view, &mut tables)?;
        if let IntactLog::From { seq, bytes, .. } = parts.log {
            begin_log_at(&mut tables, seq, bytes)?;
        }
        RestoreGate::close(&mut tables, parts.restored)?;
    }
    txn.commit()?;
    Ok(())
}

/// The entries of several ranges of a table, one after the other.
fn of_ranges<'t, V: Value + 'static>(
    table: &'t ViewTable<&'static [u8], V>,
    ranges: impl Iterator<Item = (Vec<u8>, Vec<u8>)> + 't,
) -> impl Iterator<Item = Result<TableEntry<'t, &'static [u8], V>>> {
    ranges.flat_map(|(start, end)| {
        let (entries, error) = match table.range(&start[..]..&end[..]) {
            Ok(entries) => (Some(entries), None),
            Err(error) => (None, Some(Err(error))),
        };
        error.into_iter().chain(entries.into_iter().flatten())
    })
}

//! Removes the trees that no account has, in small pieces.

use crate::error::Result;
use crate::store::read_table::ReadTable;
use crate::store::rows::key::tree_range;
use crate::store::sealed::{JOURNAL, REMOVALS};
use crate::store::tables::{Tables, View};
use crate::store::write::probe_beside;
use redb::Value;

/// Rows removed per turn of the writer, in some milliseconds, so that commits are not delayed.
const ROWS_A_TURN: usize = 2000;

/// Rows of a tree to be removed, all of them readable.
pub(crate) struct Removal {
    tree: u64,
    /// The last key of the rows to remove; `None` if there are none.
    rows: Option<Vec<u8>>,
    /// The same for blob references, which are removed after the rows.
    blobs: Option<Vec<u8>>,
    /// The same for the blob references of format 1.
    old_blobs: Option<Vec<u8>>,
    /// Whether the tree is then removed completely.
    is_last: bool,
}

impl Removal {
    /// Whether the tree is then removed completely.
    pub(crate) fn is_last(&self) -> bool {
        self.is_last
    }
}

/// Plans the next removals of a marked tree. Everything that the removal will touch is read here.
pub(crate) fn plan_removal(view: &View, tree: u64) -> Result<Removal> {
    let (rows, are_all) = plan_table(view.rows()?, tree)?;
    if !are_all {
        return Ok(Removal { tree, rows, blobs: None, old_blobs: None, is_last: false });
    }
    let (blobs, are_all) = plan_table(view.blobs()?, tree)?;
    let (old_blobs, old_are_all) = plan_table(view.old_blobs()?, tree)?;
    probe_beside(view.counts()?, &tree, &tree)?;
    Ok(Removal { tree, rows, blobs, old_blobs, is_last: are_all && old_are_all })
}

/// The last key of a turn's entries, and whether they are all.
fn plan_table<V: Value + 'static>(
    table: &impl ReadTable<&'static [u8], V>,
    tree: u64,
) -> Result<(Option<Vec<u8>>, bool)> {
    let (start, end) = tree_range(tree);
    let (mut first, mut last, mut count) = (None, None, 0);
    for entry in table.range(&start[..]..&end[..])?.take(ROWS_A_TURN) {
        let key = entry?.0.value().to_vec();
        first.get_or_insert_with(|| key.clone());
        last = Some(key);
        count += 1;
    }
    if let (Some(first), Some(last)) = (&first, &last) {
        probe_beside(table, &&first[..], &&last[..])?;
    }
    Ok((last, count < ROWS_A_TURN))
}

/// Removes what was planned.
pub(crate) fn carry_out(tables: &mut Tables<'_>, removal: &Removal) -> Result<()> {
    let (start, _) = tree_range(removal.tree);
    if let Some(last) = &removal.rows {
        tables.rows.retain_in(&start[..]..=&last[..], |_, _| false)?;
    }
    if let Some(last) = &removal.blobs {
        tables.blobs.retain_in(&start[..]..=&last[..], |_, _| false)?;
    }
    if let Some(last) = &removal.old_blobs {
        tables.old_blobs.retain_in(&start[..]..=&last[..], |_, ()| false)?;
    }
    if removal.is_last {
        tables.counts.remove(removal.tree)?;
        tables.removals.remove(removal.tree)?;
        tables.old_removals.remove(removal.tree)?;
    }
    Ok(())
}

/// Marks a tree for removal.
pub(crate) fn mark_for_removal(tables: &mut Tables<'_>, tree: u64) -> Result<()> {
    tables.removals.insert(tree, &REMOVALS.seal(&tree.to_le_bytes(), b"")[..])?;
    Ok(())
}

/// The trees that are marked for removal. A mark with a wrong seal is an error, because it could
/// remove an account's tree.
pub(crate) fn marked_trees(view: &View) -> Result<Vec<u64>> {
    let mut trees = Vec::new();
    for marked in view.removals()?.entries()? {
        let (tree, seal) = marked?;
        REMOVALS.open(&tree.value().to_le_bytes(), seal.value())?;
        trees.push(tree.value());
    }
    for marked in view.old_removals()?.entries()? {
        trees.push(marked?.0.value());
    }
    Ok(trees)
}

/// Trees that are being written.
pub(crate) fn journalled_trees(view: &View) -> Result<Vec<u64>> {
    let mut trees = Vec::new();
    for written in view.journal()?.entries()? {
        let (tree, what_for) = written?;
        JOURNAL.open(&tree.value().to_le_bytes(), what_for.value())?;
        trees.push(tree.value());
    }
    Ok(trees)
}

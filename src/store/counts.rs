//! Counts of each tree, so that a status reads none of what is counted. They change in the
//! transaction that changes what they count. A tree of format 1 has none until it is counted in the
//! background; a count that is not there is never taken for 0.

use crate::error::{Error, Result};
use crate::store::account::Account;
use crate::store::facts::{number, set_number};
use crate::store::needed_blobs::needed;
use crate::store::read_table::ReadTable;
use crate::store::sealed::COUNTS;
use crate::store::tables::{Tables, View};

/// Whether every account's tree has its counts: 1 once that is so.
const COUNTED: &str = "counted";

/// Accounts that are looked at per turn of the writer, and references that are counted in it, so
/// that commits are not delayed. An account that needs more is counted in one turn.
const ACCOUNTS_A_TURN: usize = 2000;
const BLOBS_A_TURN: u64 = 2000;

/// How many distinct blobs a tree's records need; `None` if that is not stored.
pub(crate) fn blobs_counted(
    counts: &impl ReadTable<u64, &'static [u8]>,
    tree: u64,
) -> Result<Option<u64>> {
    let Some(stored) = counts.get(tree)? else { return Ok(None) };
    let payload = COUNTS.open(&tree.to_le_bytes(), stored.value())?;
    let broken = |_| Error::Corrupt(format!("the counts of tree {tree} cannot be read"));
    payload.try_into().map(|blobs| Some(u64::from_be_bytes(blobs))).map_err(broken)
}

/// The same, counted if it is not stored.
pub(crate) fn blobs_needed(view: &View, tree: u64) -> Result<u64> {
    match blobs_counted(view.counts()?, tree)? {
        Some(blobs) => Ok(blobs),
        None => Ok(needed(view, tree)?.len() as u64),
    }
}

/// Stores how many distinct blobs a tree's records need.
pub(crate) fn set_blobs(tables: &mut Tables<'_>, tree: u64, blobs: u64) -> Result<()> {
    let value = COUNTS.seal(&tree.to_le_bytes(), &blobs.to_be_bytes());
    tables.counts.insert(tree, &value[..])?;
    Ok(())
}

/// Says that every account's tree has its counts.
pub(crate) fn say_counted(tables: &mut Tables<'_>) -> Result<()> {
    set_number(tables, COUNTED, 1)
}

/// Whether every account's tree has its counts.
pub(crate) fn are_counted(view: &View) -> Result<bool> {
    Ok(number(view.facts()?, COUNTED)?.is_some())
}

/// Counts of some accounts' trees, which are to be stored.
pub(crate) struct Counting {
    blobs: Vec<(u64, u64)>,
    /// The last account that was looked at.
    pub(crate) last: Option<Vec<u8>>,
    /// Whether no account follows.
    pub(crate) is_last: bool,
}

/// Counts the blobs of the accounts after `last` whose trees have no counts, as many as a turn
/// takes.
pub(crate) fn plan_counting(view: &View, last: Option<&[u8]>) -> Result<Counting> {
    let start = last.map_or_else(Vec::new, |did| [did, &[0]].concat());
    let mut plan = Counting { blobs: Vec::new(), last: last.map(<[u8]>::to_vec), is_last: true };
    let (mut accounts, mut counted) = (0, 0);
    for row in view.accounts()?.range(&start[..]..)? {
        if accounts >= ACCOUNTS_A_TURN || counted >= BLOBS_A_TURN {
            plan.is_last = false;
            break;
        }
        let (did, row) = row?;
        accounts += 1;
        plan.last = Some(did.value().to_vec());
        let Some(head) = Account::decode(did.value(), row.value())?.head else { continue };
        if blobs_counted(view.counts()?, head.tree)?.is_none() {
            let blobs = needed(view, head.tree)?.len() as u64;
            plan.blobs.push((head.tree, blobs));
            counted += blobs;
        }
    }
    Ok(plan)
}

/// Stores what was counted. Nothing has changed since, because the writer does both.
pub(crate) fn carry_out_counting(tables: &mut Tables<'_>, plan: &Counting) -> Result<()> {
    for (tree, blobs) in &plan.blobs {
        set_blobs(tables, *tree, *blobs)?;
    }
    if plan.is_last { say_counted(tables) } else { Ok(()) }
}

//! Counts what is not counted: for one status, or for good in the background.

use crate::error::Result;
use crate::store::account::Account;
use crate::store::counts::{blobs_counted, say_counted, set_blobs};
use crate::store::needed_blobs::needed;
use crate::store::read_table::ReadTable;
use crate::store::tables::{Tables, View};

/// Accounts that are looked at per turn of the writer, and references that are counted in it, so
/// that commits are not delayed. An account that needs more is counted in one turn.
const ACCOUNTS_A_TURN: usize = 2000;
const BLOBS_A_TURN: u64 = 2000;

/// How many distinct blobs a tree's records need: counted if that is not stored.
pub(crate) fn blobs_needed(view: &View, tree: u64) -> Result<u64> {
    match blobs_counted(view.counts()?, tree)? {
        Some(blobs) => Ok(blobs),
        None => Ok(needed(view, tree)?.len() as u64),
    }
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

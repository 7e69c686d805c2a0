//! The next step of a comparison of two trees: both are read in key order, side by side.

use crate::block::Cid;
use crate::limits::LAYER_MAX;
use crate::tree::Key;
use std::cmp::Ordering;

/// What comes next in one of the trees.
pub(in crate::tree) enum Facing<'a> {
    /// A subtree that has not been entered. Only a root's height can be unknown.
    Subtree { cid: Option<&'a Cid>, height: Option<u8> },
    /// A record.
    Record(&'a Key),
}

/// One of the two trees.
#[derive(Clone, Copy)]
pub(in crate::tree) enum DiffSide {
    Old,
    New,
}

/// What to do next.
pub(in crate::tree) enum DiffStep {
    Done,
    /// Both are before the same subtree.
    SkipBoth,
    /// A subtree must be entered.
    Open(DiffSide),
    /// An entry of one side, or the same path on both.
    Take {
        old: bool,
        new: bool,
    },
}

/// Compares what comes next in the old and the new tree; `None` is the end.
pub(in crate::tree) fn next_step(old: Option<Facing<'_>>, new: Option<Facing<'_>>) -> DiffStep {
    use Facing::{Record, Subtree};
    match (old, new) {
        (None, None) => DiffStep::Done,
        (Some(Subtree { cid: old, .. }), Some(Subtree { cid: new, .. })) if old == new => {
            DiffStep::SkipBoth
        }
        // The higher of two subtrees is opened first, so that equal ones come to face each other.
        (Some(Subtree { height: old, .. }), Some(Subtree { height: new, .. }))
            if level(old) >= level(new) =>
        {
            DiffStep::Open(DiffSide::Old)
        }
        (_, Some(Subtree { .. })) => DiffStep::Open(DiffSide::New),
        (Some(Subtree { .. }), _) => DiffStep::Open(DiffSide::Old),
        (Some(Record(old)), Some(Record(new))) => match old.cmp(new) {
            Ordering::Less => DiffStep::Take { old: true, new: false },
            Ordering::Equal => DiffStep::Take { old: true, new: true },
            Ordering::Greater => DiffStep::Take { old: false, new: true },
        },
        (Some(Record(_)), None) => DiffStep::Take { old: true, new: false },
        (None, Some(Record(_))) => DiffStep::Take { old: false, new: true },
    }
}

/// Nothing is higher than a root whose height is unknown.
fn level(height: Option<u8>) -> u8 {
    height.unwrap_or(LAYER_MAX)
}

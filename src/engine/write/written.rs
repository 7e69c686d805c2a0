use crate::block::Cid;
use crate::event::RepoOp;
use crate::ident::Rev;

/// What a write has done. Durable when the caller has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Written {
    /// The new head.
    pub commit: Cid,
    /// Its revision.
    pub rev: Rev,
    /// The revision before.
    pub since: Rev,
    /// The root of the tree.
    pub data: Cid,
    /// The root before.
    pub prev_data: Cid,
    /// What changed, in the order of the request; updates that changed nothing are left out.
    pub ops: Vec<RepoOp>,
    /// The number of the event; `None` if nothing changed and so no commit was made.
    pub seq: Option<u64>,
}

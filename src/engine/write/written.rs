use crate::block::Cid;
use crate::event::RepoOp;
use crate::ident::Rev;

/// The result of [`Engine::write`](crate::Engine::write). The commit is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Written {
    /// The CID of the new head commit.
    pub commit: Cid,
    /// The revision of the new head.
    pub rev: Rev,
    /// The previous revision.
    pub since: Rev,
    /// The CID of the new tree's root.
    pub data: Cid,
    /// The CID of the previous tree's root.
    pub prev_data: Cid,
    /// The changes, in the order of the request. Updates that changed nothing are left out.
    pub ops: Vec<RepoOp>,
    /// The sequence number of the event; `None` if nothing changed and no commit was made.
    pub seq: Option<u64>,
}

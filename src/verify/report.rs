use crate::block::Cid;
use crate::ident::{Did, Rev};
use crate::key::SignatureStatus;
use crate::problem::Problems;
use crate::verify::node_outline::TreeCounts;

/// The result of a verification. `None` marks what could not be determined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The version of the commit's format: 3, or 2 for legacy commits.
    pub version: Option<u8>,
    /// The account.
    pub did: Option<Did>,
    /// The revision of the commit.
    pub rev: Option<Rev>,
    /// The CID of the commit.
    pub commit: Option<Cid>,
    /// The CID of the tree's root.
    pub data: Option<Cid>,
    /// The number of entries in the tree.
    pub records: Option<u64>,
    /// The number of nodes in the tree.
    pub nodes: Option<u64>,
    /// The number of sections in the input.
    pub blocks: Option<u64>,
    /// The number of distinct CIDs in the input that the tree does not reference; sections with
    /// CIDs that no commit, node or record can have, mostly blobs, are counted one by one.
    pub unreferenced_blocks: Option<u64>,
    /// The number of nodes on the longest path from the root down.
    pub height: Option<u64>,
    /// The order of the sections.
    pub order: Option<Order>,
    /// The status of the signature.
    pub signature: Option<SignatureStatus>,
    /// The problems: reasons to refuse the repository.
    pub problems: Problems,
    /// The warnings, which are no reason to refuse it.
    pub warnings: Problems,
}

/// The order of the sections in a CAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The order in which a walk over the tree reads them (preorder): the commit, then each node
    /// before its subtrees and records.
    Streaming,
    /// Any other.
    Other,
}

impl Report {
    /// Sets the counts of a tree without missing parts.
    pub(in crate::verify) fn count(&mut self, tree: TreeCounts) {
        self.records = Some(tree.records);
        self.nodes = Some(tree.nodes);
        self.height = Some(tree.height);
    }

    /// Whether there is no problem.
    pub fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Order {
    /// The word in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Streaming => "streaming",
            Self::Other => "other",
        }
    }
}

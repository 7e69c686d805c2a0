use crate::block::Cid;
use crate::ident::{Did, Rev};
use crate::key::SignatureStatus;
use crate::problem::Problems;
use crate::verify::node_outline::TreeCounts;

/// What a verification found. `None` is for what could not be found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Version of the commit.
    pub version: Option<u8>,
    /// The account.
    pub did: Option<Did>,
    /// The revision.
    pub rev: Option<Rev>,
    /// The commit.
    pub commit: Option<Cid>,
    /// The root of the tree.
    pub data: Option<Cid>,
    /// Entries in the tree.
    pub records: Option<u64>,
    /// Nodes in the tree.
    pub nodes: Option<u64>,
    /// Sections in the input.
    pub blocks: Option<u64>,
    /// Distinct CIDs in the input that the tree does not reach, of those that commits, nodes and
    /// records can have; of the others, blobs above all, the sections.
    pub unreferenced_blocks: Option<u64>,
    /// Nodes on the longest way down from the root.
    pub height: Option<u64>,
    /// The order of the sections.
    pub order: Option<Order>,
    /// What is known of the signature.
    pub signature: Option<SignatureStatus>,
    /// What is wrong.
    pub problems: Problems,
    /// What is unusual, and no reason to refuse.
    pub warnings: Problems,
}

/// The order of a CAR's sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As the tree asks for them.
    Streaming,
    /// Any other.
    Other,
}

impl Report {
    /// Nothing of the tree is missing: it can be counted.
    pub(in crate::verify) fn count(&mut self, tree: TreeCounts) {
        self.records = Some(tree.records);
        self.nodes = Some(tree.nodes);
        self.height = Some(tree.height);
    }

    /// Whether nothing is wrong.
    pub fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Order {
    /// The word that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Streaming => "streaming",
            Self::Other => "other",
        }
    }
}

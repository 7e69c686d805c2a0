use crate::block::Cid;
use crate::ident::{Did, Rev};
use crate::key::SignatureStatus;
use crate::problem::{Problem, Problems};
use crate::verify::node_outline::TreeCounts;
use serde_json::{Map, Value, json};

/// What a verification found. `None` is for what could not be found out.
#[derive(Clone, Debug, Default)]
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

    /// As `carrack verify --json` prints it; the listing's digest is added by who has it.
    pub fn to_json(&self) -> Map<String, Value> {
        let text = |value: Option<String>| value.map_or(Value::Null, Value::String);
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
        put("verdict", if self.is_valid() { "valid" } else { "invalid" }.into());
        put("version", json!(self.version));
        put("did", text(self.did.as_ref().map(ToString::to_string)));
        put("rev", text(self.rev.map(|rev| rev.to_string())));
        put("commit", text(self.commit.as_ref().map(ToString::to_string)));
        put("data", text(self.data.as_ref().map(ToString::to_string)));
        put("records", json!(self.records));
        put("nodes", json!(self.nodes));
        put("blocks", json!(self.blocks));
        put("unreferenced_blocks", json!(self.unreferenced_blocks));
        put("height", json!(self.height));
        put("order", text(self.order.map(|order| order.as_str().to_owned())));
        put("signature", text(self.signature.map(|signature| signature.as_str().to_owned())));
        put("problems", problems_json(self.problems.listed()));
        put("problems_omitted", json!(self.problems.omitted()));
        put("warnings", problems_json(self.warnings.listed()));
        out
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

/// Problems as the command line lists them.
pub fn problems_json(problems: &[Problem]) -> Value {
    problems.iter().map(problem_json).collect()
}

fn problem_json(problem: &Problem) -> Value {
    let mut out = Map::new();
    out.insert("code".to_owned(), problem.code.as_str().into());
    out.insert("message".to_owned(), problem.message.clone().into());
    if let Some(cid) = &problem.cid {
        out.insert("cid".to_owned(), cid.to_string().into());
    }
    if let Some(path) = &problem.path {
        out.insert("path".to_owned(), path.clone().into());
    }
    if let Some(offset) = problem.offset {
        out.insert("offset".to_owned(), offset.into());
    }
    Value::Object(out)
}

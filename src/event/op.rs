use super::fields::EventFields;
use crate::block::Cid;
use crate::block::drisl::Encoder;
use crate::ident::{RepoPath, SyntaxError};
use crate::problem::{Code, Problem};
use crate::shown::Quoted;

/// The change of one path in a commit. Lexicon: `com.atproto.sync.subscribeRepos#repoOp`.
///
/// ```
/// use carrack::block::{Cid, Codec};
/// use carrack::event::RepoOp;
/// let (path, cid) = ("com.example.post/1".parse()?, Cid::of(Codec::DagCbor, b""));
/// let op = RepoOp::Delete { path, prev: cid.clone() };
/// assert_eq!((op.action(), op.cid(), op.prev()), ("delete", None, Some(&cid)));
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepoOp {
    /// Creates a record.
    Create {
        /// The path.
        path: RepoPath,
        /// The CID of the new record.
        cid: Cid,
    },
    /// Replaces a record.
    Update {
        /// The path.
        path: RepoPath,
        /// The CID of the new record.
        cid: Cid,
        /// The CID of the replaced record.
        prev: Cid,
    },
    /// Deletes a record.
    Delete {
        /// The path.
        path: RepoPath,
        /// The CID of the deleted record.
        prev: Cid,
    },
}

impl RepoOp {
    /// The path.
    pub fn path(&self) -> &RepoPath {
        match self {
            Self::Create { path, .. } | Self::Update { path, .. } | Self::Delete { path, .. } => {
                path
            }
        }
    }

    /// The word in events: `create`, `update` or `delete`.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Delete { .. } => "delete",
        }
    }

    /// The CID of the new record; `None` for a deletion.
    pub fn cid(&self) -> Option<&Cid> {
        match self {
            Self::Create { cid, .. } | Self::Update { cid, .. } => Some(cid),
            Self::Delete { .. } => None,
        }
    }

    /// The CID of the previous record; `None` for a creation.
    pub fn prev(&self) -> Option<&Cid> {
        match self {
            Self::Create { .. } => None,
            Self::Update { prev, .. } | Self::Delete { prev, .. } => Some(prev),
        }
    }

    pub(super) fn encode(&self, to: &mut Encoder) {
        let prev = self.prev();
        to.map(3 + usize::from(prev.is_some()));
        to.text("cid");
        to.nullable_link(self.cid());
        to.text("path");
        to.text(self.path().as_str());
        if let Some(prev) = prev {
            to.text("prev");
            to.link(prev);
        }
        to.text("action");
        to.text(self.action());
    }

    pub(super) fn decode(fields: EventFields<'_>) -> Result<Self, Problem> {
        let text = fields.text("path")?;
        let path: RepoPath = text
            .parse()
            .map_err(|error: SyntaxError| Problem::new(Code::BadPath, error.to_string()))?;
        fields.must_have("cid")?;
        let (cid, prev) = (fields.optional_link("cid")?, fields.optional_link("prev")?);
        match (fields.text("action")?, cid, prev) {
            ("create", Some(cid), None) => Ok(Self::Create { path, cid }),
            ("update", Some(cid), Some(prev)) => Ok(Self::Update { path, cid, prev }),
            ("delete", None, Some(prev)) => Ok(Self::Delete { path, prev }),
            ("create", ..) => Err(wrong(&path, "a create has a cid and no prev")),
            ("update", ..) => Err(wrong(&path, "an update has a cid and a prev")),
            ("delete", ..) => Err(wrong(&path, "a delete has a prev and no cid")),
            (action, ..) => {
                Err(wrong(&path, &format!("an op of unknown action {}", Quoted(action))))
            }
        }
    }
}

fn wrong(path: &RepoPath, message: &str) -> Problem {
    Problem::new(Code::OpMismatch, message).path(path.as_bytes())
}

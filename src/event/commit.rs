use super::fields::{EventFields, bad};
use super::{RepoOp, Timestamp};
use crate::block::Cid;
use crate::block::drisl::Encoder;
use crate::ident::{Did, Rev};
use crate::problem::Problem;
use bytes::Bytes;

/// `#commit`: a change of a repository, with its proof. Lexicon:
/// `com.atproto.sync.subscribeRepos#commit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitEvent {
    /// The sequence number in the stream.
    pub seq: u64,
    /// The account: the field `repo` of the lexicon.
    pub did: Did,
    /// The time of the event.
    pub time: Timestamp,
    /// The revision of the commit.
    pub rev: Rev,
    /// The previous revision; `None` for a repository's first commit.
    pub since: Option<Rev>,
    /// The CID of the commit.
    pub commit: Cid,
    /// A CAR of the commit, the new records, the new nodes, and the nodes that the inversion reads.
    /// At most 2,000,000 bytes.
    pub blocks: Bytes,
    /// The changes: at most 200 operations, at most one per path.
    pub ops: Vec<RepoOp>,
    /// The root of the previous tree; `None` only for a repository's first commit.
    pub prev_data: Option<Cid>,
}

impl CommitEvent {
    /// Writes all fields in canonical order, deprecated ones included. Returns the position of the
    /// sequence number.
    pub(super) fn encode(&self, to: &mut Encoder) -> usize {
        to.map(11 + usize::from(self.prev_data.is_some()));
        to.text("ops");
        to.array(self.ops.len());
        self.ops.iter().for_each(|op| op.encode(to));
        to.text("rev");
        to.text(&self.rev.to_string());
        to.text("seq");
        let at = to.len();
        to.uint(self.seq);
        to.text("repo");
        to.text(self.did.as_str());
        to.text("time");
        to.text(self.time.as_str());
        to.text("blobs");
        to.array(0);
        to.text("since");
        match self.since {
            Some(since) => to.text(&since.to_string()),
            None => to.null(),
        }
        to.text("blocks");
        to.bytes(&self.blocks);
        to.text("commit");
        to.link(&self.commit);
        to.text("rebase");
        to.bool(false);
        to.text("tooBig");
        to.bool(false);
        if let Some(prev_data) = &self.prev_data {
            to.text("prevData");
            to.link(prev_data);
        }
        at
    }

    pub(super) fn decode(fields: EventFields<'_>) -> Result<Self, Problem> {
        for name in ["rebase", "tooBig"] {
            if fields.bool(name)? {
                return Err(bad(format!("{name} is deprecated and has to be false")));
            }
        }
        fields.check_links("blobs")?;
        fields.must_have("since")?;
        let ops = fields.maps("ops")?.into_iter().map(RepoOp::decode).collect::<Result<_, _>>()?;
        Ok(Self {
            seq: fields.uint("seq")?,
            did: fields.did("repo")?,
            time: fields.time()?,
            rev: fields.rev("rev")?,
            since: fields.optional_rev("since")?,
            commit: fields.link("commit")?,
            blocks: Bytes::copy_from_slice(fields.bytes("blocks")?),
            ops,
            prev_data: fields.optional_link("prevData")?,
        })
    }
}

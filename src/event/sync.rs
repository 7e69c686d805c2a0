use super::Timestamp;
use super::fields::EventFields;
use crate::block::drisl::Encoder;
use crate::ident::{Did, Rev};
use crate::problem::Problem;
use bytes::Bytes;

/// `#sync`: the present commit of a repository, which replaces what was sent before. Lexicon:
/// `com.atproto.sync.subscribeRepos#sync`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEvent {
    /// The sequence number in the stream.
    pub seq: u64,
    /// The account.
    pub did: Did,
    /// The time of the event.
    pub time: Timestamp,
    /// The revision of the commit.
    pub rev: Rev,
    /// A CAR of the commit alone, at most 10,000 bytes.
    pub blocks: Bytes,
}

impl SyncEvent {
    /// Returns the position of the sequence number.
    pub(super) fn encode(&self, to: &mut Encoder) -> usize {
        to.map(5);
        to.text("did");
        to.text(self.did.as_str());
        to.text("rev");
        to.text(&self.rev.to_string());
        to.text("seq");
        let at = to.len();
        to.uint(self.seq);
        to.text("time");
        to.text(self.time.as_str());
        to.text("blocks");
        to.bytes(&self.blocks);
        at
    }

    pub(super) fn decode(fields: EventFields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            seq: fields.uint("seq")?,
            did: fields.did("did")?,
            time: fields.time()?,
            rev: fields.rev("rev")?,
            blocks: Bytes::copy_from_slice(fields.bytes("blocks")?),
        })
    }
}

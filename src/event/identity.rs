use super::Timestamp;
use super::fields::{EventFields, encode_start};
use crate::block::drisl::Encoder;
use crate::ident::Did;
use crate::problem::Problem;
use std::sync::Arc;

/// `#identity`: the account's DID document or handle may have changed; resolve it again. Lexicon:
/// `com.atproto.sync.subscribeRepos#identity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityEvent {
    /// The sequence number in the stream.
    pub seq: u64,
    /// The account.
    pub did: Did,
    /// The time of the event.
    pub time: Timestamp,
    /// The handle, if the host sends it. Resolve it before you rely on it.
    pub handle: Option<Arc<str>>,
}

impl IdentityEvent {
    /// Returns the position of the sequence number.
    pub(super) fn encode(&self, to: &mut Encoder) -> usize {
        to.map(3 + usize::from(self.handle.is_some()));
        let at = encode_start(to, &self.did, self.seq, &self.time);
        if let Some(handle) = &self.handle {
            to.text("handle");
            to.text(handle);
        }
        at
    }

    pub(super) fn decode(fields: EventFields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            seq: fields.uint("seq")?,
            did: fields.did("did")?,
            time: fields.time()?,
            handle: fields.optional_text("handle")?.map(Arc::from),
        })
    }
}

//! How an event relates to the last head that is known of its account.

use super::outcome::{Ignored, Mismatch};
use crate::block::Cid;
use crate::car::{Blocks, Reader};
use crate::commit::Commit;
use crate::env::Clock;
use crate::error::{Error, Result};
use crate::event::{CommitEvent, Event, Frame, Verdict, decode_frame, verify_frame};
use crate::ident::Rev;
use crate::tree::Tree;
use crate::verify::ExpectedHead;

/// The last known head of an account's repository.
pub(super) struct Tip<'a> {
    pub(super) commit: &'a Cid,
    pub(super) rev: Rev,
    pub(super) data: &'a Cid,
}

/// The relation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// It directly follows the known head.
    Next,
    /// It is older, or equal.
    Past(Ignored),
    /// There is a gap or a contradiction between them.
    Broken(Mismatch),
}

impl Tip<'_> {
    /// The relation of a commit to the known head.
    pub(super) fn link(&self, event: &CommitEvent) -> Relation {
        if let Some(past) = self.past(&event.commit, event.rev) {
            return Relation::Past(past);
        }
        if event.since != Some(self.rev) {
            return Relation::Broken(Mismatch::Since);
        }
        // Where `since` is not null, a valid frame has `prevData`.
        if event.prev_data.as_ref() != Some(self.data) {
            return Relation::Broken(Mismatch::PrevData);
        }
        Relation::Next
    }

    /// Why an event with this head is not new; `None` if it is.
    pub(super) fn past(&self, commit: &Cid, rev: Rev) -> Option<Ignored> {
        if commit == self.commit {
            return Some(Ignored::AlreadyHeld);
        }
        (rev <= self.rev).then_some(Ignored::OldRev)
    }
}

/// Whether this is the first commit of a repository. Its blocks are then the whole repository,
/// because undoing its operations passes every node.
pub(super) fn is_first(event: &CommitEvent) -> bool {
    let empty = || Tree::empty().seal();
    event.since.is_none() && event.prev_data.as_ref().is_none_or(|before| *before == empty())
}

/// Decodes a frame; `None` if it is not a known event.
pub(super) fn read(frame: &[u8]) -> Result<Option<Event>> {
    match decode_frame(frame) {
        Ok(Frame::Event(event)) => Ok(Some(event)),
        Ok(Frame::Unknown(_)) => Ok(None),
        Err(problem) => Err(Error::Refused(problem.into())),
    }
}

/// Checks what the frame itself and the keys can prove.
pub(super) fn check(
    frame: &[u8],
    event: &Event,
    expect: &ExpectedHead,
    clock: &dyn Clock,
) -> Result<()> {
    if matches!(event, Event::Commit(_) | Event::Sync(_)) && expect.keys.named().is_empty() {
        let message = format!(
            "no key to check the signature of an event of {} with: give one \
             (`ExpectedHead::signed_by`)",
            event.did()
        );
        return Err(Error::Request(message));
    }
    let report = verify_frame(frame, expect, clock);
    match report.verdict {
        Verdict::Valid => Ok(()),
        _ => Err(Error::Refused(report.problems)),
    }
}

/// The commit at the root of an event's blocks that have been checked.
pub(super) fn commit_in(blocks: &[u8]) -> Result<Commit> {
    let blocks = Blocks::read(&mut Reader::new(blocks)?, |_, _, _| Ok(()))?;
    Ok(Commit::decode(blocks.root_block()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Timestamp;
    use bytes::Bytes;

    #[test]
    fn a_commit_stands_where_since_and_prev_data_say() {
        let cid = |text: &str| Cid::of(crate::block::Codec::DagCbor, text.as_bytes());
        let rev = |micros: u64| Rev::from_micros(1_700_000_000_000_000 + micros, 0).unwrap();
        let (head, data) = (cid("head"), cid("data"));
        let tip = Tip { commit: &head, rev: rev(5), data: &data };
        let event = |since, prev_data, at| CommitEvent {
            seq: 1,
            did: "did:web:a.example".parse().unwrap(),
            time: Timestamp::from_micros(1_700_000_000_000_000),
            rev: rev(at),
            since,
            commit: cid("next"),
            blocks: Bytes::new(),
            ops: Vec::new(),
            prev_data,
        };
        for (since, prev_data, at, expected) in [
            (Some(rev(5)), Some(data.clone()), 6, Relation::Next),
            (Some(rev(4)), Some(data.clone()), 6, Relation::Broken(Mismatch::Since)),
            (Some(rev(6)), Some(data.clone()), 7, Relation::Broken(Mismatch::Since)),
            (None, None, 6, Relation::Broken(Mismatch::Since)),
            (Some(rev(5)), Some(cid("other")), 6, Relation::Broken(Mismatch::PrevData)),
            (Some(rev(5)), Some(data.clone()), 5, Relation::Past(Ignored::OldRev)),
        ] {
            assert_eq!(tip.link(&event(since, prev_data, at)), expected);
        }
    }
}

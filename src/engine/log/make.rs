//! Builds the events that announce changes of an account.

use crate::block::Block;
use crate::car::car_of;
use crate::commit::Commit;
use crate::engine::write::written::Written;
use crate::env::Clock;
use crate::event::{
    AccountEvent, CommitEvent, Event, HostingStatus, IdentityEvent, RepoOp, SyncEvent, Timestamp,
    Unnumbered,
};
use crate::ident::{Did, Rev};
use crate::store::account::State;
use bytes::Bytes;

fn unnumbered(clock: &dyn Clock, event: impl FnOnce(Timestamp) -> Event) -> Unnumbered {
    let micros = clock.now_micros();
    Unnumbered::new(event(Timestamp::from_micros(micros)), micros)
}

/// `#identity`.
pub(in crate::engine) fn identity_event(
    did: &Did,
    handle: Option<&str>,
    clock: &dyn Clock,
) -> Unnumbered {
    unnumbered(clock, |time| {
        let handle = handle.map(Into::into);
        Event::Identity(IdentityEvent { seq: 0, did: did.clone(), time, handle })
    })
}

/// `#account`. Followers of this host see a moved account as deactivated.
pub(in crate::engine) fn account_event(did: &Did, state: &State, clock: &dyn Clock) -> Unnumbered {
    let status = match state {
        State::Active | State::Leaving { .. } => None,
        State::Deactivated | State::Moved { .. } => Some(HostingStatus::Deactivated),
        State::Suspended => Some(HostingStatus::Suspended),
        State::TakenDown => Some(HostingStatus::Takendown),
        State::Deleted => Some(HostingStatus::Deleted),
    };
    unnumbered(clock, |time| {
        let active = status.is_none();
        Event::Account(AccountEvent { seq: 0, did: did.clone(), time, active, status })
    })
}

/// `#sync`: the head without the changes.
pub(in crate::engine) fn sync_event(commit: &Commit, rev: Rev, clock: &dyn Clock) -> Unnumbered {
    let blocks = car_of(commit.block(), &[]);
    unnumbered(clock, |time| {
        Event::Sync(SyncEvent { seq: 0, did: commit.did().clone(), time, rev, blocks })
    })
}

/// `#commit` for a repository's first commit, which has no predecessor.
pub(in crate::engine) fn first_commit_event(
    commit: &Commit,
    root: &Block,
    rev: Rev,
    clock: &dyn Clock,
) -> Unnumbered {
    let blocks = car_of(commit.block(), std::slice::from_ref(root));
    unnumbered(clock, |time| {
        Event::Commit(CommitEvent {
            seq: 0,
            did: commit.did().clone(),
            time,
            rev,
            since: None,
            commit: commit.cid().clone(),
            blocks,
            ops: Vec::new(),
            prev_data: None,
        })
    })
}

/// `#commit`.
pub(in crate::engine) fn commit_event(
    did: &Did,
    written: &Written,
    ops: Vec<RepoOp>,
    blocks: Bytes,
    clock: &dyn Clock,
) -> Unnumbered {
    unnumbered(clock, |time| {
        Event::Commit(CommitEvent {
            seq: 0,
            did: did.clone(),
            time,
            rev: written.rev,
            since: Some(written.since),
            commit: written.commit.clone(),
            blocks,
            ops,
            prev_data: Some(written.prev_data.clone()),
        })
    })
}

/// The events of an account's arrival, `#sync` last.
pub(in crate::engine) fn arrival_events(
    commit: &Commit,
    rev: Rev,
    clock: &dyn Clock,
) -> [Unnumbered; 3] {
    let did = commit.did();
    [
        account_event(did, &State::Active, clock),
        identity_event(did, None, clock),
        sync_event(commit, rev, clock),
    ]
}

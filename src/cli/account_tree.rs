//! Reads an account of a store over longer than one snapshot lasts.

use crate::cli::failure::Failure;
use carrack::block::{Block, Cid};
use carrack::engine::{List, Snapshot};
use carrack::ident::{Did, Nsid, RepoPath, Rev};
use carrack::limits::SNAPSHOT_SECONDS_MAX;
use carrack::tree::{NodeWant, TreeReader};
use carrack::{Engine, Error};
use serde::Serialize;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// How long one snapshot is read from; the reader of the output may be slow.
const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(SNAPSHOT_SECONDS_MAX / 3);

/// The head of a repository.
#[derive(Serialize)]
pub(in crate::cli) struct HeadFacts<'a> {
    pub(in crate::cli) did: &'a Did,
    pub(in crate::cli) rev: Option<Rev>,
    pub(in crate::cli) commit: &'a Cid,
    pub(in crate::cli) data: &'a Cid,
}

/// An account's tree, read from one snapshot after the other. Nothing else writes to a store that
/// this process has open, so all are of one head; a change is an error.
pub(in crate::cli) struct AccountTree {
    engine: Engine,
    did: Did,
    rev: Rev,
    commit: Cid,
    root: Cid,
    snapshot: RefCell<RecentSnapshot>,
}

struct RecentSnapshot {
    snapshot: Snapshot,
    taken: Instant,
}

impl AccountTree {
    pub(in crate::cli) fn open(engine: Engine, did: Did) -> Result<Self, Failure> {
        let snapshot = engine.snapshot(&did)?;
        let (rev, commit) = (snapshot.rev(), snapshot.commit().clone());
        let root = snapshot.data().clone();
        let snapshot = RefCell::new(RecentSnapshot { snapshot, taken: Instant::now() });
        Ok(Self { engine, did, rev, commit, root, snapshot })
    }

    pub(in crate::cli) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(in crate::cli) fn head(&self) -> HeadFacts<'_> {
        let Self { did, rev, commit, root: data, .. } = self;
        HeadFacts { did, rev: Some(*rev), commit, data }
    }
}

impl TreeReader for AccountTree {
    fn root(&self) -> &Cid {
        &self.root
    }

    fn node(&self, want: &NodeWant) -> carrack::Result<Block> {
        let mut recent = self.snapshot.borrow_mut();
        if recent.taken.elapsed() > SNAPSHOT_AGE_MAX {
            let snapshot = self.engine.snapshot(&self.did)?;
            if *snapshot.commit() != self.commit {
                return Err(Error::Stale(format!("{} changed while it was read", self.did)));
            }
            *recent = RecentSnapshot { snapshot, taken: Instant::now() };
        }
        recent.snapshot.node(want)
    }
}

/// Lists an account in parts, each from a snapshot of its own. `part` lists until the end, or until
/// `is_over`: then it returns the last path.
pub(in crate::cli) fn list_in_parts(
    engine: &Engine,
    did: &Did,
    collection: Option<&Nsid>,
    mut part: impl FnMut(&Snapshot, &List, PartTime) -> Result<Option<RepoPath>, Failure>,
) -> Result<(), Failure> {
    let mut list = List::default().collection(collection.cloned());
    let head = engine.snapshot(did)?.commit().clone();
    loop {
        let snapshot = engine.snapshot(did)?;
        if *snapshot.commit() != head {
            return Err(Failure::no("the account changed while it was read; read it again"));
        }
        match part(&snapshot, &list, PartTime(Instant::now()))? {
            Some(last) => list.cursor = Some(last),
            None => return Ok(()),
        }
    }
}

/// The time of a part of a listing.
#[derive(Clone, Copy)]
pub(in crate::cli) struct PartTime(Instant);

impl PartTime {
    /// Whether a new snapshot is due.
    pub(in crate::cli) fn is_over(self) -> bool {
        self.0.elapsed() > SNAPSHOT_AGE_MAX
    }
}

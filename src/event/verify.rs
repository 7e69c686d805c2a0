//! Verifies a frame: the checks of the sync specification that need only the frame and the
//! account's keys.

use super::frame::{FrameFacts, read_frame};
use super::invert::{contradiction, invert};
use super::slice::Slice;
use super::{AccountEvent, CommitEvent, Event, EventReport, Frame, RepoOp, SyncEvent, Verdict};
use crate::block::Cid;
use crate::commit::Commit;
use crate::env::Clock;
use crate::error::Error;
use crate::ident::{Did, RepoPath, Rev};
use crate::limits::{
    EVENT_BLOCKS_BYTES_MAX, EVENT_OPS_MAX, RECORD_BYTES_MAX, SYNC_BLOCKS_BYTES_MAX,
};
use crate::problem::{Code, Problem};
use crate::tree::{Key, Tree};
use crate::verify::ExpectedHead;
use std::collections::HashSet;

/// Verifies a frame strictly and lists every problem. Specification:
/// <https://atproto.com/specs/sync>.
///
/// It has no state, so it does not check whether `since` and `prevData` are the consumer's last
/// head, and whether `seq` and `rev` are newer. [`Mirror`](crate::follow::Mirror) and
/// [`Watch`](crate::follow::Watch) do.
///
/// ```
/// use carrack::event::{Verdict, verify_frame};
/// use carrack::env::SystemClock;
/// use carrack::verify::ExpectedHead;
/// let report = verify_frame(b"no frame", &ExpectedHead::unchecked(), &SystemClock);
/// assert_eq!(report.verdict, Verdict::Invalid);
/// ```
pub fn verify_frame(bytes: &[u8], expect: &ExpectedHead, clock: &dyn Clock) -> EventReport {
    let mut seen = FrameFacts::default();
    let frame = read_frame(bytes, &mut seen);
    let mut check = FrameCheck { report: EventReport::new(seen), expect, clock };
    match frame {
        Err(problem) => check.problem(problem),
        Ok(Frame::Unknown(_)) => check.report.verdict = Verdict::Ignored,
        Ok(Frame::Event(Event::Commit(event))) => check.commit(&event),
        Ok(Frame::Event(Event::Sync(event))) => check.sync(&event),
        Ok(Frame::Event(Event::Identity(event))) => check.account_is(&event.did),
        Ok(Frame::Event(Event::Account(event))) => check.account(&event),
    }
    check.report
}

struct FrameCheck<'a> {
    report: EventReport,
    expect: &'a ExpectedHead,
    clock: &'a dyn Clock,
}

impl FrameCheck<'_> {
    fn problem(&mut self, problem: Problem) {
        self.report.verdict = Verdict::Invalid;
        self.report.problems.push(problem);
    }

    fn wrong(&mut self, code: Code, message: impl Into<String>) {
        self.problem(Problem::new(code, message));
    }

    fn account(&mut self, event: &AccountEvent) {
        self.account_is(&event.did);
        if let Some(status) = event.status.as_ref().filter(|_| event.active)
            && !status.allows_active()
        {
            let message = format!("the account is active and {}", status.as_str());
            self.wrong(Code::FieldMismatch, message);
        }
    }

    fn account_is(&mut self, did: &Did) {
        if let Some(expected) = self.expect.did.as_ref().filter(|expected| *expected != did) {
            let message = format!("an event of {did}, where {expected} was expected");
            self.wrong(Code::DidMismatch, message);
        }
    }

    fn sync(&mut self, event: &SyncEvent) {
        self.size("blocks of a #sync, in bytes", event.blocks.len(), SYNC_BLOCKS_BYTES_MAX);
        let Some(slice) = self.slice(&event.blocks) else { return };
        if slice.blocks.by_cid.len() > 1 {
            let message =
                format!("{} blocks, where the commit alone belongs", slice.blocks.by_cid.len());
            self.wrong(Code::BadFrame, message);
        }
        self.head(&slice, &event.did, event.rev);
    }

    fn commit(&mut self, event: &CommitEvent) {
        self.size("blocks of a #commit, in bytes", event.blocks.len(), EVENT_BLOCKS_BYTES_MAX);
        self.since(event);
        self.paths_once(&event.ops);
        let Some(mut slice) = self.slice(&event.blocks) else { return };
        if let Some(root) = slice.blocks.roots.first().filter(|root| **root != event.commit) {
            let message = format!("the commit is {}, the root of blocks {root}", event.commit);
            self.wrong(Code::FieldMismatch, message);
        }
        let head = self.head(&slice, &event.did, event.rev);
        if event.ops.len() > EVENT_OPS_MAX {
            let message = format!("{} ops; {EVENT_OPS_MAX} at most", event.ops.len());
            return self.wrong(Code::TooManyOps, message);
        }
        self.records(&event.ops, &slice);
        if let Some(commit) = head {
            self.ops(commit.data(), &event.ops, &mut slice);
            self.inversion(commit.data(), event, &mut slice);
        }
    }

    fn size(&mut self, what: &str, length: usize, limit: usize) {
        if length > limit {
            self.wrong(Code::TooLarge, format!("{what}: {length}; {limit} at most"));
        }
    }

    fn slice(&mut self, bytes: &[u8]) -> Option<Slice> {
        Slice::read(bytes, &mut |problem| self.problem(problem))
    }

    /// Checks the commit at the root of the blocks against the event's fields and the keys.
    fn head(&mut self, slice: &Slice, did: &Did, rev: Rev) -> Option<Commit> {
        let block = match slice.root_block() {
            Ok(block) => block,
            Err(problem) => {
                self.problem(problem);
                return None;
            }
        };
        let commit = match Commit::decode(block) {
            Ok(commit) => commit,
            Err(problem) => {
                self.problem(problem);
                return None;
            }
        };
        if commit.version() != 3 {
            self.wrong(Code::BadCommit, format!("commit version {}", commit.version()));
        }
        if commit.did() != did {
            let message = format!("the event is of {did}, its commit of {}", commit.did());
            self.wrong(Code::FieldMismatch, message);
        }
        if let Some(signed) = commit.rev().filter(|signed| *signed != rev) {
            let message = format!("the event has revision {rev}, its commit {signed}");
            self.wrong(Code::FieldMismatch, message);
        }
        let (expect, clock) = (self.expect, self.clock);
        let signature = expect.check(&commit, clock, &mut |problem| self.problem(problem));
        self.report.signature = Some(signature);
        Some(commit)
    }

    fn since(&mut self, event: &CommitEvent) {
        if let Some(since) = event.since.filter(|since| *since >= event.rev) {
            let message = format!("revision {} is not after {since}, the one before", event.rev);
            self.wrong(Code::BadRev, message);
        }
    }

    fn paths_once(&mut self, ops: &[RepoOp]) {
        let mut paths = HashSet::<&RepoPath>::new();
        for op in ops.iter().filter(|op| !paths.insert(op.path())) {
            let problem = Problem::new(Code::OpMismatch, "more than one op on one path");
            self.problem(problem.path(op.path().as_bytes()));
        }
    }

    /// Checks that the new records are there and not too large.
    fn records(&mut self, ops: &[RepoOp], slice: &Slice) {
        for (op, cid) in ops.iter().filter_map(|op| op.cid().map(|cid| (op, cid))) {
            let problem = match slice.blocks.by_cid.get(cid).map(|block| block.bytes().len()) {
                None => {
                    let message = "a new record is not among the blocks";
                    slice.why_not(cid, Problem::new(Code::MissingRecord, message))
                }
                Some(length) if length > RECORD_BYTES_MAX => {
                    let message = format!("a record of {length} bytes; {RECORD_BYTES_MAX} at most");
                    Problem::new(Code::TooLarge, message)
                }
                Some(_) => continue,
            };
            self.problem(problem.cid(cid).path(op.path().as_bytes()));
        }
    }

    /// Checks that the tree holds the results of the operations.
    fn ops(&mut self, data: &Cid, ops: &[RepoOp], slice: &mut Slice) {
        let mut tree = Tree::at(data.clone(), None);
        for op in ops {
            match tree.find(&Key::from(op.path().as_bytes()), slice) {
                Ok(found) if found.as_ref() == op.cid() => {}
                Ok(found) => self.problem(contradiction(op, found.as_ref())),
                Err(error) => self.problem(problem_of(error)),
            }
        }
    }

    /// Checks that undoing the operations gives the previous tree.
    fn inversion(&mut self, data: &Cid, event: &CommitEvent, slice: &mut Slice) {
        let before = match (&event.prev_data, event.since) {
            (Some(before), _) => before.clone(),
            (None, None) => Tree::empty().seal(),
            (None, Some(_)) => {
                let message = "prevData is missing, and this is not a first commit";
                return self.wrong(Code::InversionFailed, message);
            }
        };
        match invert(data, &event.ops, slice) {
            Ok(undone) if undone == before => {}
            Ok(undone) => {
                let message = format!("undoing the ops gives the tree {undone}, not {before}");
                self.wrong(Code::InversionFailed, message);
            }
            Err(error) => {
                let mut problem = problem_of(error);
                problem.message = format!("undoing the ops: {}", problem.message);
                problem.code = Code::InversionFailed;
                self.problem(problem);
            }
        }
    }
}

fn problem_of(error: Error) -> Problem {
    match error {
        Error::Problem(problem) => *problem,
        error => Problem::new(Code::InversionFailed, error.to_string()),
    }
}

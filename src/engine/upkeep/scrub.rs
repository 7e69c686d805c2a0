//! Checks everything that is stored and lists every fault.

use crate::block::{Block, blob_refs};
use crate::car::section_of;
use crate::commit::Commit;
use crate::engine::account::status::parse_did;
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::ident::{Did, RepoPath, Rev};
use crate::key::SignatureStatus;
use crate::limits::BLOB_REFS_MAX;
use crate::problem::Problems;
use crate::problem::{Code, Problem};
use crate::progress::Progress;
use crate::store::account::{Account, Head};
use crate::store::counts::{are_counted, blobs_counted};
use crate::store::needed_blobs::blob_key;
use crate::store::needed_blobs::distinct_blobs;
use crate::store::needed_blobs::keys_of_tree;
use crate::store::needed_blobs::parse_blob_key;
use crate::store::read::audit::{RowAudit, RowPosition, tree_of};
use crate::store::read_table::ReadTable;
use crate::store::rows::build::{RecordSource, RowBuilder, RowOut};
use crate::store::rows::key::tree_range;
use crate::store::table_check::TABLE_CHECKS;
use crate::store::tables::View;
use crate::store::write::reclaim::{journalled_trees, marked_trees};
use crate::tree::{Key, Walk, Want};
use std::collections::BTreeSet;

/// The result of [`Engine::scrub`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubReport {
    /// The number of accounts, without deleted ones.
    pub accounts: u64,
    /// The number of rows of all trees, including those marked for removal.
    pub rows: u64,
    /// The number of records of all accounts.
    pub records: u64,
    /// The faults. Empty if the store is valid.
    pub problems: Problems,
}

impl ScrubReport {
    /// Whether no fault was found.
    pub fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Engine {
    /// Rehashes every block, walks every tree, and checks every index and every count against the
    /// result. Writes continue meanwhile. `progress` counts the records of all accounts.
    ///
    /// Unreadable data is a fault of its account or table, and the scrub continues with the others.
    /// If the database refuses to continue after such a read, the engine is reopened
    /// ([`Engine::reopen`]).
    ///
    /// ```
    /// use carrack::{Engine, Progress};
    /// assert!(Engine::in_memory()?.scrub(Progress::none())?.is_valid());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// Only if the store cannot be read at all: [those of every read](Engine#errors-of-every-call).
    /// Faults are in the report.
    pub fn scrub(&self, progress: Progress<'_>) -> Result<ScrubReport> {
        let mut report = ScrubReport::default();
        let mut accounts = Accounts::default();
        // One snapshot per account, so that none is held for the whole of a large store.
        while let Some((did, account)) = accounts.next(self, &mut report)? {
            self.scrub_one(&did, &account, &mut report, progress)?;
        }
        let orphans = self.reopening(|engine| check_orphans(&engine.view()?, &mut report));
        if let Err(Error::Corrupt(why)) = orphans {
            report.problems.push(Problem::new(Code::BadSection, why));
        }
        for check in TABLE_CHECKS {
            if let Err(Error::Corrupt(why)) = self.reopening(|engine| check(&engine.view()?)) {
                report.problems.push(Problem::new(Code::BadSection, why));
            }
        }
        Ok(report)
    }

    fn scrub_one(
        &self,
        did: &Did,
        account: &[u8],
        report: &mut ScrubReport,
        progress: Progress<'_>,
    ) -> Result<()> {
        let account = match Account::decode(did.as_str().as_bytes(), account) {
            Ok(account) => account,
            Err(error) => {
                report.problems.push(fault(Code::FieldMismatch, did, &error));
                return Ok(());
            }
        };
        report.accounts += u64::from(account.head.is_some());
        let done = self
            .reopening(|engine| scrub_account(&engine.view()?, did, &account, report, progress));
        match done {
            Err(error @ Error::Corrupt(_)) => {
                report.problems.push(fault(Code::BadSection, did, &error));
                Ok(())
            }
            done => done,
        }
    }

    /// Reads, and repeats the read after reopening the engine if the database refuses reads.
    fn reopening<R>(&self, mut read: impl FnMut(&Self) -> Result<R>) -> Result<R> {
        match read(self) {
            Err(Error::Reopen(_)) => {
                self.reopen()?;
                match read(self) {
                    Err(Error::Reopen(why)) => {
                        self.reopen()?;
                        Err(Error::Corrupt(why))
                    }
                    done => done,
                }
            }
            done => done,
        }
    }
}

/// Iterates over the accounts; where their table cannot be read, backwards from its end.
#[derive(Default)]
struct Accounts {
    last: Option<Did>,
    /// Whether the forward iteration has ended at unreadable data.
    is_going_back: bool,
    /// The last account of the backward iteration.
    first_of_end: Option<Did>,
}

impl Accounts {
    fn next(
        &mut self,
        engine: &Engine,
        report: &mut ScrubReport,
    ) -> Result<Option<(Did, Vec<u8>)>> {
        if !self.is_going_back {
            match engine.reopening(|engine| next_account(&engine.view()?, self.last.as_ref())) {
                Ok(None) => return Ok(None),
                Ok(Some((did, account))) => {
                    self.last = Some(did.clone());
                    return Ok(Some((did, account)));
                }
                Err(Error::Corrupt(why)) => {
                    report.problems.push(Problem::new(Code::BadSection, why));
                    self.is_going_back = true;
                }
                Err(error) => return Err(error),
            }
        }
        let end = self.first_of_end.clone();
        let found = engine.reopening(|engine| account_before(&engine.view()?, end.as_ref()));
        match found {
            Ok(Some((did, account))) if self.last.as_ref().is_none_or(|last| did > *last) => {
                self.first_of_end = Some(did.clone());
                Ok(Some((did, account)))
            }
            Ok(_) | Err(Error::Corrupt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn next_account(view: &View, last: Option<&Did>) -> Result<Option<(Did, Vec<u8>)>> {
    let start = last.map_or_else(Vec::new, |did| [did.as_str().as_bytes(), &[0]].concat());
    let Some(row) = view.accounts()?.range(&start[..]..)?.next() else { return Ok(None) };
    let (did, account) = row?;
    Ok(Some((parse_did(did.value())?, account.value().to_vec())))
}

fn account_before(view: &View, end: Option<&Did>) -> Result<Option<(Did, Vec<u8>)>> {
    let accounts = view.accounts()?;
    let row = match end {
        Some(end) => accounts.range(..end.as_str().as_bytes())?.next_back(),
        None => accounts.entries()?.next_back(),
    };
    let Some(row) = row else { return Ok(None) };
    let (did, account) = row?;
    Ok(Some((parse_did(did.value())?, account.value().to_vec())))
}

fn fault(code: Code, did: &Did, what: &dyn std::fmt::Display) -> Problem {
    Problem::new(code, format!("{did}: {what}"))
}

fn scrub_account(
    view: &View,
    did: &Did,
    account: &Account,
    report: &mut ScrubReport,
    progress: Progress<'_>,
) -> Result<()> {
    let Some(head) = &account.head else { return Ok(()) };
    let mut scrub = Scrub {
        did,
        head,
        audit: RowAudit::new(view.rows()?, head.tree)?,
        builder: RowBuilder::new(head.tree),
        rows: RowsDigest::default(),
        blobs: BTreeSet::new(),
        blobs_beyond: BTreeSet::new(),
        records: 0,
        newest: Vec::new(),
        faults: Vec::new(),
    };
    scrub.head(account)?;
    scrub.tree(report.records, progress)?;
    scrub.counts();
    scrub.blob_index(view)?;
    report.records += scrub.records;
    scrub.faults.into_iter().for_each(|problem| report.problems.push(problem));
    Ok(())
}

struct Scrub<'a> {
    did: &'a Did,
    head: &'a Head,
    audit: RowAudit<'a>,
    builder: RowBuilder,
    /// The rows that the content requires.
    rows: RowsDigest,
    blobs: BTreeSet<Vec<u8>>,
    /// Blobs above the limit per record, which older versions indexed too.
    blobs_beyond: BTreeSet<Vec<u8>>,
    records: u64,
    /// The stamp of each open node.
    newest: Vec<Rev>,
    faults: Vec<Problem>,
}

impl Scrub<'_> {
    fn fault(&mut self, problem: Problem) {
        let message = format!("{}: {}", self.did, problem.message);
        self.faults.push(Problem { message, ..problem });
    }

    fn head(&mut self, account: &Account) -> Result<()> {
        let Some((block, stamp)) = self.block(&RowPosition::record(b""), &self.head.commit)? else {
            return Ok(());
        };
        let commit = match Commit::decode(&block) {
            Ok(commit) => commit,
            Err(problem) => {
                self.fault(problem);
                return Ok(());
            }
        };
        let section = section_of(&block);
        self.builder.commit(&section, stamp, &mut self.rows);
        let agrees = commit.did() == self.did
            && commit.data() == &self.head.data
            && commit.rev() == Some(self.head.rev);
        if !agrees {
            self.fault(Problem::new(Code::FieldMismatch, "the commit contradicts the account row"));
        }
        match account.key.load().map(|key| key.map(|key| commit.check(&[key]))) {
            Ok(None | Some(SignatureStatus::Valid)) => {}
            Ok(Some(other)) => {
                let message = format!("the head's signature is {}", other.as_str());
                self.fault(Problem::new(Code::BadSignature, message));
            }
            Err(error) => self.fault(Problem::new(Code::FieldMismatch, error.to_string())),
        }
        Ok(())
    }

    fn tree(&mut self, before: u64, progress: Progress<'_>) -> Result<()> {
        let mut walk = Walk::new(self.head.data.clone());
        loop {
            match walk.next() {
                Want::Node(want) => {
                    let height = want.height.unwrap_or(self.head.height);
                    let place = RowPosition::node(want.left.as_bytes(), height);
                    let Some((block, stamp)) = self.block(&place, &want.cid)? else { continue };
                    let problems = walk.enter(&block);
                    if problems.is_empty() {
                        let section = section_of(&block);
                        self.builder.enter(&want.left, height, &section, stamp, &mut self.rows);
                        self.check_stamp(stamp, &want.left);
                        self.newest.push(stamp);
                    }
                    for problem in problems {
                        self.fault(problem);
                    }
                }
                Want::Record(want) => {
                    self.records += 1;
                    self.record(&want.key, &want.cid)?;
                    if self.records.is_multiple_of(1000) {
                        progress.report(before + self.records);
                    }
                }
                Want::Leave { .. } => {
                    self.builder.leave(&mut self.rows);
                    self.newest.pop();
                }
                Want::End => return Ok(()),
            }
        }
    }

    fn record(&mut self, key: &Key, cid: &crate::block::Cid) -> Result<()> {
        if let Err(reason) = RepoPath::check(key.as_bytes()) {
            self.fault(Problem::new(Code::BadPath, reason).path(key));
        }
        let Some((block, stamp)) = self.block(&RowPosition::record(key.as_bytes()), cid)? else {
            return Ok(());
        };
        for (number, blob) in blob_refs(block.bytes()).iter().enumerate() {
            let key = blob_key(self.head.tree, &blob.cid, key);
            let is_due = number < BLOB_REFS_MAX;
            let blobs = if is_due { &mut self.blobs } else { &mut self.blobs_beyond };
            blobs.insert(key);
        }
        self.check_stamp(stamp, key);
        let section = section_of(&block);
        self.builder.record(key, RecordSource::Section(&section), stamp, &mut self.rows);
        Ok(())
    }

    /// No child is newer than its node: diffs rely on it.
    fn check_stamp(&mut self, stamp: Rev, left: &Key) {
        let above = self.newest.last().copied().unwrap_or(self.head.rev);
        if stamp > above {
            let message = format!("a block of revision {stamp} under a node of revision {above}");
            self.fault(Problem::new(Code::FieldMismatch, message).path(left));
        }
    }

    /// The block at a place, if it exists and matches its hash; otherwise a fault is added.
    fn block(
        &mut self,
        place: &RowPosition,
        cid: &crate::block::Cid,
    ) -> Result<Option<(Block, Rev)>> {
        let found = self.audit.take(place, cid)?;
        for problem in self.audit.take_faults() {
            self.fault(problem);
        }
        Ok(found)
    }

    fn counts(&mut self) {
        let faults = self.audit.finish();
        match faults {
            Ok(faults) => {
                for problem in faults {
                    self.fault(problem);
                }
            }
            Err(error) => self.fault(Problem::new(Code::BadSection, error.to_string())),
        }
        if !self.faults.is_empty() {
            return;
        }
        let (head, stats) = (self.head, self.builder.stats());
        let counted = [
            ("records", head.records, self.records),
            ("blocks", head.blocks, stats.blocks),
            ("bytes", head.bytes, stats.bytes),
        ];
        for (what, noted, found) in counted {
            if noted != found {
                let message = format!("the account row says {noted} {what}, there are {found}");
                self.fault(Problem::new(Code::FieldMismatch, message));
            }
        }
        if self.rows.digest() != self.audit.digest() {
            let message = "the rows are not cut as their content asks for";
            self.fault(Problem::new(Code::FieldMismatch, message));
        }
    }

    /// The count beside the index is that of the index.
    fn blob_count(&mut self, view: &View, found: u64) -> Result<()> {
        let message = match blobs_counted(view.counts()?, self.head.tree)? {
            Some(counted) if counted == found => return Ok(()),
            Some(counted) => {
                format!("the stored count of its blobs is {counted}, the index has {found}")
            }
            // A store of format 1 may not be counted yet.
            None if !are_counted(view)? => return Ok(()),
            None => "the count of its blobs is not there".to_owned(),
        };
        self.fault(Problem::new(Code::FieldMismatch, message));
        Ok(())
    }

    fn blob_index(&mut self, view: &View) -> Result<()> {
        let mut stored = keys_of_tree(view, self.head.tree)?;
        self.blob_count(view, distinct_blobs(&stored)?)?;
        let expected = std::mem::take(&mut self.blobs);
        stored.retain(|key| !self.blobs_beyond.contains(key));
        let differing: Vec<Vec<u8>> = stored.symmetric_difference(&expected).cloned().collect();
        for key in differing {
            let (blob, path) = parse_blob_key(&key)?;
            let message = if expected.contains(&key) {
                "a record needs a blob that the index does not know of"
            } else {
                "the index says that a record needs a blob, which it does not"
            };
            self.fault(Problem::new(Code::FieldMismatch, message).cid(&blob).path(path));
        }
        Ok(())
    }
}

/// Finds rows that belong to no account and are not marked for removal.
fn check_orphans(view: &View, report: &mut ScrubReport) -> Result<()> {
    let mut known = BTreeSet::new();
    for row in view.accounts()?.entries()? {
        let (did, row) = row?;
        if let Ok(account) = Account::decode(did.value(), row.value()) {
            known.extend(account.head.map(|head| head.tree));
        }
    }
    known.extend(journalled_trees(view)?);
    known.extend(marked_trees(view)?);
    for entry in view.counts()?.entries()? {
        let tree = entry?.0.value();
        if !known.contains(&tree) {
            let message = format!("the counts of tree {tree} belong to no account");
            report.problems.push(Problem::new(Code::FieldMismatch, message));
        }
    }
    report.rows = view.rows()?.len()?;
    let mut next = 0;
    while let Some(row) = view.rows()?.range(&tree_range(next).0[..]..)?.next() {
        let tree = tree_of(row?.0.value())?;
        if tree < next {
            return Err(Error::Corrupt(format!(
                "a row of tree {tree} stands where one of tree {next} or a later one does"
            )));
        }
        if !known.contains(&tree) {
            let message = format!("tree {tree} belongs to no account");
            report.problems.push(Problem::new(Code::FieldMismatch, message));
        }
        let Some(after) = tree.checked_add(1) else { break };
        next = after;
    }
    Ok(())
}

/// A digest of rows, stamps included.
#[derive(Default)]
struct RowsDigest(blake3::Hasher);

impl RowsDigest {
    fn digest(&self) -> blake3::Hash {
        self.0.finalize()
    }
}

impl RowOut for RowsDigest {
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        crate::store::read::audit::digest_row(&mut self.0, &key, &value);
    }

    fn keep(&mut self, _: Vec<u8>) {}
}

use crate::account::Action;
use crate::block::Cid;
use crate::engine::diff::blocks::{DiffBlocks, Received};
use crate::engine::diff::head_key::check_head;
use crate::engine::diff::merge_tree::{MergedTree, merge_tree};
use crate::engine::diff::records::RecordDiff;
use crate::engine::handle::Engine;
use crate::engine::import::admit::{Admission, admit};
use crate::engine::import::options::ImportOptions;
use crate::engine::log::make::sync_event;
use crate::error::{Error, Preparation, Result};
use crate::event::Unnumbered;
use crate::ident::{Did, Rev};
use crate::problem::Problems;
use crate::store::account::{Account, Head, HeadKey, State, Trust, TrustKey};
use crate::store::accounts::{account_row, replace_if};
use crate::store::log::append;
use crate::store::needed_blobs::BlobChanges;
use crate::store::restore::rev_lower_bound;
use crate::store::revs::hold_rev;
use crate::store::tables::{Tables, View};
use crate::store::write::working_set::{RowChanges, WorkingSet};
use crate::verify::Input;
use std::collections::HashSet;

/// The result of [`Engine::apply_diff`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AppliedDiff {
    /// The account.
    pub did: Did,
    /// The CID of the new head.
    pub commit: Cid,
    /// Its revision.
    pub rev: Rev,
    /// The revision before; equal to `rev` if the diff's head was held already.
    pub since: Rev,
    /// The CID of the new tree's root.
    pub data: Cid,
    /// The number of records in the new tree.
    pub records: u64,
    /// The number of created records.
    pub created: u64,
    /// The number of replaced records.
    pub updated: u64,
    /// The number of deleted records.
    pub deleted: u64,
    /// The number of blocks of the diff that the new tree does not reach through nodes of the diff.
    /// They were hashed, if their CIDs allow it, and not stored.
    pub unreferenced_blocks: u64,
    /// How far the new head is verified.
    pub trust: Trust,
    /// Which key of the identity the head was checked against; `None` if no such check was made.
    pub trust_key: Option<TrustKey>,
    /// Warnings about the new records, which are no reason to refuse them.
    #[cfg_attr(
        feature = "serde",
        serde(flatten, serialize_with = "crate::problem::fields::warnings")
    )]
    pub warnings: Problems,
}

impl Engine {
    /// Updates a copy of an account's repository to a newer head. Verifies the diff against the
    /// stored repository before any write, and stores it in one transaction.
    ///
    /// The diff is a CAR as [`Engine::export_since`] or `com.atproto.sync.getRepo` with `since`
    /// returns it: its first root is the commit, and its blocks are in any order. Its `since` may
    /// be any revision up to the stored one. Nodes and records that it lacks are taken from the
    /// stored tree, wherever they are in it.
    ///
    /// The rules are those of an import over an account: the account takes no writes (it is
    /// deactivated or moved), or the options name its exact head. With keys in the options, the one
    /// that signed the diff becomes the account's key, and the account is verified. Without keys,
    /// the key of the stored head is used, and the account's trust does not change.
    /// [`ImportOptions::unverified`] leaves the signature unchecked, which only an unverified account
    /// allows: it stays unverified. An account whose key is not known takes no writes, so its head need
    /// not be named. [`crate::manual::diffs`] explains the algorithm.
    ///
    /// A CAR without blocks whose only root is the stored head is the answer of the reference server
    /// when there is nothing new. It is checked like that head and changes nothing. The options should
    /// name the account then: without a name all accounts are searched for that head.
    ///
    /// The event is `#sync`; none if the head is already stored. A moved account becomes
    /// [`State::Deactivated`].
    ///
    /// ```
    /// use carrack::Engine;
    /// use carrack::engine::{ImportOptions, WriteOptions};
    /// use carrack::verify::{ExpectedHead, Input};
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let head = || ExpectedHead::signed_by([key.verifying_key()]);
    /// let (mut full, mut diff) = (Vec::new(), Vec::new());
    /// let first = engine.export(&did, &mut full)?;
    /// let written = engine.write(&did, vec![], &WriteOptions::default(), &key)?;
    /// engine.export_since(&did, first.rev, &mut diff)?;
    ///
    /// let copy = Engine::in_memory()?;
    /// copy.import(&Input::from(full), &ImportOptions::default().head(head()))?;
    /// let options = ImportOptions::default().head(head()).replace(first.commit);
    /// assert_eq!(copy.apply_diff(&Input::from(diff), &options)?.rev, written.rev);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// Nothing is changed then. `Refused` with `DidMismatch`, before anything else, if the diff is
    /// of another account than expected; `NotFound` without the account; `Refused` with every
    /// problem, `MissingNode` and `MissingRecord` among them if the diff starts at a later revision
    /// than the stored one, and `MissingCommit` for a CAR without blocks whose root is not the
    /// stored head; `Limit` if the diff, or what it replaces, is too large for one transaction
    /// (import a full export instead); `Request` without a key and none known, or if the account is
    /// verified and the signature was not to be checked; `HeadNotNamed`, `State`, `Swap` and
    /// `Changed` as for
    /// [`Engine::import`]; [those of every write](Engine#errors-of-every-call).
    pub fn apply_diff(&self, input: &Input, options: &ImportOptions) -> Result<AppliedDiff> {
        self.try_apply(input, options).map_err(|error| match error {
            Error::Problem(problem) => Error::Refused((*problem).into()),
            error => error,
        })
    }

    fn try_apply(&self, input: &Input, options: &ImportOptions) -> Result<AppliedDiff> {
        let mut diff = match DiffBlocks::read(input.reader_at(0))? {
            Received::Diff(diff) => diff,
            Received::HeaderOnly(root) => return self.nothing_new(&root, options),
        };
        let did = diff.commit.did().clone();
        options.head.check_did(&did).map_err(|problem| problem.cid(diff.commit.cid()))?;
        let view = self.view()?;
        let account = account_row(view.accounts()?, &did)?;
        let key = check_head(&diff.commit, &account, options, &*self.shared.clock)?;
        let floor = rev_lower_bound(view.facts()?)?;
        let options = allowing_a_copy(options, &account);
        let admission = admit(Some(&account), floor, &diff.commit, &options)?;
        let (Some(old), Some(rev)) = (account.head.clone(), diff.commit.rev()) else {
            return Err(account.refuse(&did, Action::ApplyDiff));
        };
        if matches!(admission, Admission::Same(_)) {
            return Ok(unchanged(did, &old, &account.key));
        }
        let merged =
            merge(&mut diff, &view, &old, rev).map_err(|error| diff.blocks.explain(error))?;
        drop(view);
        let applied = AppliedDiff {
            did: did.clone(),
            commit: merged.head.commit.clone(),
            rev,
            since: old.rev,
            data: merged.head.data.clone(),
            records: merged.head.records,
            created: merged.created,
            updated: merged.updated,
            deleted: merged.deleted,
            unreferenced_blocks: merged.unreferenced,
            trust: key.trust(),
            trust_key: key.trust_key(),
            warnings: merged.warnings,
        };
        let next = Account {
            state: match &account.state {
                // An account that moved away and comes back is not activated by an import.
                State::Moved { .. } => State::Deactivated,
                state => state.clone(),
            },
            key,
            last_rev: rev,
            may_be_ahead: self.stays_ahead(Some(&account), rev),
            origin: account.origin.clone(),
            head: Some(merged.head),
        };
        let change = AppliedChange {
            old: account,
            next,
            rows: merged.rows,
            blobs: merged.blobs,
            event: sync_event(&diff.commit, rev, &*self.shared.clock),
        };
        self.submit(move |tables| change.store(tables, &did))?;
        Ok(applied)
    }
}

/// The options with the stored head as the one to replace, if the account has no known key: it takes
/// no writes then, so that nothing that was signed here can be lost.
fn allowing_a_copy(options: &ImportOptions, account: &Account) -> ImportOptions {
    let mut options = options.clone();
    if account.state == State::Active && account.key == HeadKey::Unknown {
        let head = account.head.as_ref().map(|head| head.commit.clone());
        options.replace = options.replace.or(head);
    }
    options
}

/// The account has the diff's head.
pub(in crate::engine) fn unchanged(did: Did, head: &Head, key: &HeadKey) -> AppliedDiff {
    AppliedDiff {
        did,
        commit: head.commit.clone(),
        rev: head.rev,
        since: head.rev,
        data: head.data.clone(),
        records: head.records,
        created: 0,
        updated: 0,
        deleted: 0,
        unreferenced_blocks: 0,
        trust: key.trust(),
        trust_key: key.trust_key(),
        warnings: Problems::default(),
    }
}

/// A verified diff, ready to be stored.
struct Merged {
    head: Head,
    rows: RowChanges,
    blobs: BlobChanges,
    created: u64,
    updated: u64,
    deleted: u64,
    unreferenced: u64,
    warnings: Problems,
}

/// Verifies the new tree and computes the rows that change.
fn merge(diff: &mut DiffBlocks, view: &View, old: &Head, rev: Rev) -> Result<Merged> {
    let mut working_set = WorkingSet::new(view.rows()?, old.tree);
    let data = diff.commit.data().clone();
    let mut merged =
        merge_tree(&data, &mut diff.blocks.by_cid, view.rows()?, old, &mut working_set)?;
    let mut records = RecordDiff::new(&merged);
    records.find_blocks(diff, view, old, &merged.old)?;
    records.check_new(old.tree)?;
    records.forget_old(&mut working_set, old.tree, &merged.old)?;
    let unreferenced = unreferenced(diff, &merged);
    let RecordDiff { changes, blobs, warnings, created, updated, deleted, .. } = records;
    let height = merged.tree.root().height().unwrap_or(0);
    let (rows, _) = working_set.write_back(&mut merged.tree, &changes, diff.commit.block(), rev)?;
    let count = (old.records + created).saturating_sub(deleted);
    let head = rows.next_head(old, &diff.commit, rev, height, count);
    Ok(Merged { head, rows, blobs, created, updated, deleted, unreferenced, warnings })
}

fn unreferenced(diff: &DiffBlocks, merged: &MergedTree) -> u64 {
    let records: HashSet<&Cid> =
        merged.new.values().filter(|cid| diff.blocks.by_cid.contains_key(cid)).collect();
    let referenced = 1 + merged.nodes + records.len() as u64;
    (diff.blocks.by_cid.len() as u64).saturating_sub(referenced) + diff.passed
}

/// The writer's part.
struct AppliedChange {
    old: Account,
    next: Account,
    rows: RowChanges,
    blobs: BlobChanges,
    event: Unnumbered,
}

impl AppliedChange {
    fn store(&self, tables: &mut Tables<'_>, did: &Did) -> Result<()> {
        replace_if(tables, did, Some(&self.old), &self.next, Preparation::Diff)?;
        append(tables, &self.event)?;
        self.rows.store(tables)?;
        if let Some(head) = &self.next.head {
            self.blobs.store(tables, head.tree)?;
        }
        // The copy holds the earlier revisions as well as this one: stamps say what each of them
        // lacks.
        hold_rev(tables, did, &self.next)
    }
}

use crate::block::Cid;
use crate::commit::Commit;
use crate::engine::account::lifecycle::take_place;
use crate::engine::handle::{Engine, find_account};
use crate::engine::import::staging::{Staged, StagedTree};
use crate::engine::log::make::{append_all, arrival_events};
use crate::engine::write::commit::put_account;
use crate::error::{Error, Result};
use crate::event::Unnumbered;
use crate::ident::{Did, Rev};
use crate::key::SignatureStatus;
use crate::key::VerifyingKey;
use crate::problem::{Code, Problem};
use crate::store::account::{Account, Head, HeadKey, HeldKey, State, Trust, TrustKey};
use crate::store::read_table::ReadTable;
use crate::store::restore::rev_lower_bound;
use crate::store::tables::Tables;
use crate::store::write::reclaim::mark_for_removal;
use crate::verify::{BlockSource, ExpectedHead, FileSource, Input, Keys, Report, verify};
use std::time::Duration;

/// What an import may do and has to check.
///
/// ```
/// use carrack::engine::ImportOptions;
/// let options = ImportOptions::default().unverified();
/// assert!(options.head.keys.are_unchecked());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// Account and keys that the head has to agree with. An import wants a key, or
    /// [`Keys::Unchecked`], which marks the account as unverified; a diff without a key is checked
    /// with the key of the head that it continues.
    pub head: ExpectedHead,
    /// Over an account that takes writes: the exact head that may be replaced.
    pub replace: Option<Cid>,
    /// Those of the expected keys that the account's identity has had and has no longer: a head
    /// that one of them signed is verified, and its `trust_key` is historic.
    pub historic: Vec<VerifyingKey>,
    /// In a restored store: take a revision that is not above the minimum that confirmed the restore,
    /// because no later one of this account was published from here. The next revision that is signed
    /// here is above the minimum in any case.
    pub below_floor: bool,
}

impl ImportOptions {
    /// Account and keys that the head has to agree with.
    #[must_use]
    pub fn head(mut self, head: ExpectedHead) -> Self {
        self.head = head;
        self
    }

    /// Leaves the signature unchecked: the account is marked as unverified.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.head.keys = Keys::Unchecked;
        self
    }

    /// Over an account that takes writes: the exact head that may be replaced.
    #[must_use]
    pub fn replace(mut self, replace: impl Into<Option<Cid>>) -> Self {
        self.replace = replace.into();
        self
    }

    /// Those of the expected keys that the account's identity has had and has no longer.
    #[must_use]
    pub fn historic(mut self, historic: impl IntoIterator<Item = VerifyingKey>) -> Self {
        self.historic = historic.into_iter().collect();
        self
    }

    /// Whether a revision may be at or below the minimum of a restored store:
    /// [`ImportOptions::below_floor`](#structfield.below_floor).
    #[must_use]
    pub fn below_floor(mut self, below_floor: bool) -> Self {
        self.below_floor = below_floor;
        self
    }
}

/// What an import has stored; if the account had this head before, what is stored of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Imported {
    /// The account.
    pub did: Did,
    /// The head.
    pub commit: Cid,
    /// Its revision.
    pub rev: Rev,
    /// The root of the tree.
    pub data: Cid,
    /// Records.
    pub records: u64,
    /// Distinct blobs that records need.
    pub blobs_needed: u64,
    /// How far the head is verified, as the account has it now.
    pub trust: Trust,
    /// Which key of the identity the head was checked against.
    pub trust_key: Option<TrustKey>,
    /// Bytes of sections stored.
    pub bytes: u64,
    /// Everything that the verification of this input found, warnings included.
    pub report: Report,
}

/// What may be done with a repository whose head is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Admission {
    /// Store it.
    Take,
    /// The account has this very head already.
    Same(Head),
}

impl Engine {
    /// Verifies a repository and stores it. A reader sees all of it or nothing; when it is
    /// refused, the store is as it was.
    ///
    /// The key that has signed the head is the account's from then on. Without one
    /// ([`ImportOptions::unverified`]) the account's key is not known, though it may have been
    /// before: writes are refused until [`Engine::check_trust`] has found it.
    ///
    /// # Errors
    /// `Refused` with every problem of the input: `DidMismatch` if it is of another account than
    /// expected, whatever is here of either; `BadRev` if it is not newer than what is here, or not
    /// above the minimum of a restored store. `Request` without a key; `State` if the
    /// account takes writes and its head was not named; `Swap` if another head was named.
    pub fn import(&self, input: &Input, options: &ImportOptions) -> Result<Imported> {
        match FileSource::new(input.clone()) {
            Ok(mut supply) => self.import_supply(&mut supply, options),
            Err(Error::Problem(problem)) => Err(Error::Refused(vec![*problem])),
            Err(error) => Err(error),
        }
    }

    /// The same from any supply of blocks: one that comes as a stream, or whose progress is shown.
    ///
    /// # Errors
    /// As [`Engine::import`].
    pub fn import_supply(
        &self,
        supply: &mut dyn BlockSource,
        options: &ImportOptions,
    ) -> Result<Imported> {
        self.import_from(supply, options, None)
    }

    /// The same under the key of the held head, which this is: nothing new is known of it, so the
    /// account is trusted as it was.
    pub(crate) fn import_under(
        &self,
        input: &Input,
        options: &ImportOptions,
        held: &HeadKey,
    ) -> Result<Imported> {
        match FileSource::new(input.clone()) {
            Ok(mut supply) => self.import_from(&mut supply, options, Some(held)),
            Err(Error::Problem(problem)) => Err(Error::Refused(vec![*problem])),
            Err(error) => Err(error),
        }
    }

    fn import_from(
        &self,
        supply: &mut dyn BlockSource,
        options: &ImportOptions,
        held: Option<&HeadKey>,
    ) -> Result<Imported> {
        if options.head.keys == Keys::AnyOf(Vec::new()) {
            return Err(Error::Request(
                "no key to check the signature with: give one, or say that the account shall be \
                 marked unverified"
                    .to_owned(),
            ));
        }
        let mut seen = None;
        let mut check = |commit: &Commit| {
            // Of another account, nothing here matters: the verification refuses it.
            if options.head.check_did(commit.did()).is_err() {
                return Ok(());
            }
            let view = self.view()?;
            seen = find_account(view.accounts()?, commit.did())?;
            if held.is_some_and(|held| seen.as_ref().map(|seen| &seen.key) != Some(held)) {
                return Err(changed_meanwhile(commit.did()));
            }
            admit(seen.as_ref(), rev_lower_bound(view.facts()?)?, commit, options).map(|_| ())
        };
        let (mut report, mut whole) = self.stage(supply, &options.head, &mut check)?;
        report.warnings.append(std::mem::take(&mut whole.warnings));
        let signature = report.signature.unwrap_or(SignatureStatus::Unchecked);
        let ImportOptions { head: expect, historic, .. } = options;
        let key = held.filter(|_| signature == SignatureStatus::Valid).cloned();
        let key = key
            .unwrap_or_else(|| head_key(&whole.commit, expect.keys.named(), historic, signature));
        let (did, tree) = (whole.commit.did().clone(), whole.tree);
        match self.publish(whole, options, key, seen) {
            Ok((account, head)) => self.imported(did, &account, head, report),
            Err(error) => Err(self.undo_tree(tree, error)),
        }
    }

    /// What is stored, as it was stored.
    fn imported(
        &self,
        did: Did,
        account: &Account,
        head: Head,
        report: Report,
    ) -> Result<Imported> {
        let blobs_needed = self.status(&did)?.blobs_needed;
        Ok(Imported {
            did,
            commit: head.commit,
            rev: head.rev,
            data: head.data,
            records: head.records,
            blobs_needed,
            trust: account.key.trust(),
            trust_key: account.key.trust_key(),
            bytes: head.bytes,
            report,
        })
    }

    /// Verifies into a tree that no reader sees. If anything is wrong, no row of it is left.
    pub(in crate::engine) fn stage(
        &self,
        supply: &mut dyn BlockSource,
        expect: &ExpectedHead,
        check_head: &mut dyn FnMut(&Commit) -> Result<()>,
    ) -> Result<(Report, StagedTree)> {
        let mut staged = Staged::begin(self, check_head)?;
        let outcome = match verify(supply, expect, &*self.shared.clock, &mut staged) {
            Ok(report) if report.is_valid() => staged.complete().map(|whole| (report, whole)),
            Ok(report) => Err(staged.give_up(Error::Refused(report.problems.into_listed()))),
            Err(error) => Err(staged.give_up(error)),
        };
        outcome.map_err(|error| match error {
            Error::Problem(problem) => Error::Refused(vec![*problem]),
            error => error,
        })
    }

    /// Takes back a tree of something that has failed, and gives why that failed: a removal that
    /// fails too is not the cause, and what it leaves goes when the store is opened next.
    pub(crate) fn undo_tree(&self, tree: u64, cause: Error) -> Error {
        let _ = self.remove_tree(tree);
        cause
    }

    /// Takes back a tree that becomes no account's, and waits until its rows are gone.
    fn remove_tree(&self, tree: u64) -> Result<()> {
        self.submit(move |tables| {
            tables.journal.remove(tree)?;
            mark_for_removal(tables, tree)?;
            Ok(())
        })?;
        self.await_removal(tree)
    }

    /// Waits until the rows of a tree are gone, or have turned out not to be readable.
    fn await_removal(&self, tree: u64) -> Result<()> {
        loop {
            let core = self.core()?;
            let is_there = core.view()?.removals()?.get(tree)?.is_some();
            if !is_there || !core.writer.unreadable().is_empty() {
                return Ok(());
            }
            core.check_writes()?;
            std::thread::sleep(REMOVAL_PAUSE);
        }
    }

    /// Points the account at its new tree, if the account is still as it was when its head was
    /// compared. Gives the account as it is stored then.
    fn publish(
        &self,
        whole: StagedTree,
        options: &ImportOptions,
        key: HeadKey,
        seen: Option<Account>,
    ) -> Result<(Account, Head)> {
        let options = options.clone();
        let arrival = arrival_events(&whole.commit, whole.rev, &*self.shared.clock);
        let may_be_ahead = self.stays_ahead(seen.as_ref(), whole.rev);
        let core = std::sync::Arc::clone(&whole.core);
        core.writer.submit(move |tables| {
            let did = whole.commit.did().clone();
            let before = find_account(&tables.accounts, &did)?;
            if before != seen {
                return Err(changed_meanwhile(&did));
            }
            let floor = rev_lower_bound(&tables.facts)?;
            match (admit(before.as_ref(), floor, &whole.commit, &options)?, before) {
                (Admission::Same(head), Some(before)) => {
                    Ok((confirm(tables, &did, before, &whole, &key)?, head))
                }
                (_, before) => {
                    let account = arrived(before.as_ref(), &whole, &key, may_be_ahead);
                    announce(tables, before.as_ref(), &arrival)?;
                    take_place(tables, &did, before.as_ref(), &account)?;
                    Ok((account, whole.head()))
                }
            }
        })
    }
}

fn changed_meanwhile(did: &Did) -> Error {
    Error::Swap {
        what: format!("account {did}"),
        expected: "what it was when the import began".to_owned(),
        found: "something else".to_owned(),
    }
}

/// Between two looks at whether a tree's rows are gone: a turn of their removal takes milliseconds.
const REMOVAL_PAUSE: Duration = Duration::from_millis(1);

/// The key that has signed a head whose signature was checked against these.
pub(in crate::engine) fn head_key(
    commit: &Commit,
    keys: &[VerifyingKey],
    historic: &[VerifyingKey],
    signature: SignatureStatus,
) -> HeadKey {
    let signed =
        |key: &&VerifyingKey| commit.check(std::slice::from_ref(*key)) == SignatureStatus::Valid;
    let found = match (signature, keys) {
        (SignatureStatus::Valid, [only]) => Some(only),
        (SignatureStatus::Valid, several) => several.iter().find(signed),
        _ => None,
    };
    found.map_or(HeadKey::Unknown, |key| {
        let is_historic = historic.contains(key);
        let age = if is_historic { TrustKey::Historic } else { TrustKey::Current };
        HeadKey::Verified(HeldKey::from(key), Some(age))
    })
}

/// Whether a repository with this head may take the account's place.
pub(in crate::engine) fn admit(
    account: Option<&Account>,
    floor: Option<Rev>,
    commit: &Commit,
    options: &ImportOptions,
) -> Result<Admission> {
    let problem = |code, message: String| Problem::new(code, message).cid(commit.cid());
    let Some(rev) = commit.rev().filter(|_| commit.version() == 3) else {
        let message = format!(
            "a legacy commit of version {}: it can be verified, and not hosted; \
             its server has to sign a commit of version 3",
            commit.version()
        );
        return Err(problem(Code::BadCommit, message).into());
    };
    let above_bound = || match floor {
        Some(floor) if rev <= floor && !options.below_floor => {
            Err(Error::from(below_floor(rev, floor).cid(commit.cid())))
        }
        _ => Ok(Admission::Take),
    };
    let Some(account) = account else { return above_bound() };
    if account.state.is_leaving()
        && account.head.as_ref().is_none_or(|head| head.commit != *commit.cid())
    {
        return Err(account.refuse(commit.did().as_str(), "import while it is on its way"));
    }
    let Some(head) = &account.head else {
        if let Some(expected) = &options.replace {
            return Err(Error::Swap {
                what: format!("head of {}", commit.did()),
                expected: expected.to_string(),
                found: "none".to_owned(),
            });
        }
        return if rev >= account.last_rev {
            above_bound()
        } else {
            Err(not_newer(rev, account.last_rev).cid(commit.cid()).into())
        };
    };
    if head.commit == *commit.cid() {
        return Ok(Admission::Same(head.clone()));
    }
    match &options.replace {
        Some(expected) if *expected != head.commit => {
            return Err(Error::Swap {
                what: format!("head of {}", commit.did()),
                expected: expected.to_string(),
                found: head.commit.to_string(),
            });
        }
        None if !account.state.allows_replacement() => {
            return Err(account.refuse(commit.did().as_str(), "import without naming its head"));
        }
        _ => {}
    }
    if rev <= head.rev {
        return Err(not_newer(rev, head.rev).cid(commit.cid()).into());
    }
    above_bound()
}

/// A head that is announced behind one that was published before is disregarded, or taken for a
/// fault of the account.
fn below_floor(rev: Rev, floor: Rev) -> Problem {
    let message = format!(
        "revision {rev} is not above {floor}, the minimum that was set after the restore of the store: \
         a later one may have been published. Have the account sign a newer commit where it is, or \
         move it here, which signs one; or, if none was ever published from this store, say so \
         (`ImportOptions::below_floor`, `--below-floor`)"
    );
    Problem::new(Code::BadRev, message)
}

fn not_newer(rev: Rev, last: Rev) -> Problem {
    Problem::new(Code::BadRev, format!("revision {rev} is not newer than {last}, which is here"))
}

/// The account with what has come.
fn arrived(
    before: Option<&Account>,
    whole: &StagedTree,
    key: &HeadKey,
    may_be_ahead: bool,
) -> Account {
    let state = match before.map(|account| &account.state) {
        None | Some(State::Deleted) => State::Active,
        // What was moved away and comes back is not switched on by the way.
        Some(State::Moved { .. }) => State::Deactivated,
        Some(state) => state.clone(),
    };
    // Where it once came from stays known: that source may still wait for the end of its move.
    let origin = before.and_then(|account| account.origin.clone());
    let (last_rev, head) = (whole.rev, Some(whole.head()));
    Account { state, key: key.clone(), last_rev, may_be_ahead, origin, head }
}

/// An account that is new here is announced whole; of one that was here, only the new head.
fn announce(
    tables: &mut Tables<'_>,
    before: Option<&Account>,
    arrival: &[Unnumbered],
) -> Result<u64> {
    let was_here = before.is_some_and(|account| account.state != State::Deleted);
    let news = if was_here {
        arrival.split_last().map(|(sync, _)| std::slice::from_ref(sync))
    } else {
        None
    };
    append_all(tables, news.unwrap_or(arrival))
}

/// The account has this head: what was staged goes, what was learnt about the key stays.
fn confirm(
    tables: &mut Tables<'_>,
    did: &Did,
    before: Account,
    whole: &StagedTree,
    key: &HeadKey,
) -> Result<Account> {
    tables.journal.remove(whole.tree)?;
    mark_for_removal(tables, whole.tree)?;
    if key.trust() == Trust::Unverified || before.key == *key {
        return Ok(before);
    }
    let account = Account { key: key.clone(), ..before };
    put_account(tables, did, &account)?;
    Ok(account)
}

impl StagedTree {
    /// The head that an account gets with this tree.
    pub(in crate::engine) fn head(&self) -> Head {
        Head {
            tree: self.tree,
            commit: self.commit.cid().clone(),
            data: self.commit.data().clone(),
            rev: self.rev,
            height: self.height,
            records: self.records,
            blocks: self.tally.blocks,
            bytes: self.tally.bytes,
        }
    }
}

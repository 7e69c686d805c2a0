use super::announce::{append_all, arrival_events};
use super::lifecycle::take_place;
use super::open::{Engine, find_account};
use super::stage::{Staged, Whole};
use super::write::put_account;
use crate::block::Cid;
use crate::commit::{Commit, Signature};
use crate::error::{Code, Error, Problem, Result};
use crate::event::Unnumbered;
use crate::ident::{Did, Rev};
use crate::store::account::{Account, Head, State, Trust};
use crate::store::read_table::ReadTable;
use crate::store::reclaim::doom;
use crate::store::tables::Tables;
use crate::verify::{Expect, FileSupply, Input, Report, Supply, verify};
use std::time::Duration;

/// What an import may do and has to check.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Account and keys that the head has to agree with.
    pub expect: Expect,
    /// Take a repository whose signature cannot be checked, and mark the account so.
    pub unverified: bool,
    /// Over an account that takes writes: the exact head that may be replaced.
    pub replace: Option<Cid>,
}

/// What an import has stored.
#[derive(Clone, Debug)]
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
    /// How far the head was verified.
    pub trust: Trust,
    /// Bytes of sections stored.
    pub bytes: u64,
    /// Everything that the verification found, warnings included.
    pub report: Report,
}

/// What may be done with a repository whose head is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Store it.
    Take,
    /// The account has this very head already.
    Same,
}

impl Engine {
    /// Verifies a repository and stores it. A reader sees all of it or nothing; when it is
    /// refused, the store is as it was.
    ///
    /// # Errors
    /// `Refused` with every problem of the input; `Request` without a key; `State` if the account
    /// takes writes and its head was not named; `Swap` if another head was named.
    pub fn import(&self, input: &Input, options: &ImportOptions) -> Result<Imported> {
        match FileSupply::new(input.clone()) {
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
        supply: &mut dyn Supply,
        options: &ImportOptions,
    ) -> Result<Imported> {
        if options.expect.keys.is_empty() && !options.unverified {
            return Err(Error::Request(
                "no key to check the signature with: give one, or say that the account shall be \
                 marked unverified"
                    .to_owned(),
            ));
        }
        let mut seen = None;
        let mut check = |commit: &Commit| {
            seen = find_account(self.view()?.accounts()?, commit.did())?;
            admit(seen.as_ref(), commit, options).map(|_| ())
        };
        let (report, whole) = self.stage(supply, &options.expect, &mut check)?;
        let imported = Imported {
            did: whole.commit.did().clone(),
            commit: whole.commit.cid().clone(),
            rev: whole.rev,
            data: whole.commit.data().clone(),
            records: whole.records,
            blobs_needed: 0,
            trust: trust_of(&report),
            bytes: whole.tally.bytes,
            report,
        };
        let tree = whole.tree;
        match self.publish(whole, options, imported.trust, seen) {
            Ok(()) => {
                let blobs_needed = self.status(&imported.did)?.blobs_needed;
                Ok(Imported { blobs_needed, ..imported })
            }
            Err(error) => Err(self.undo_tree(tree, error)),
        }
    }

    /// Verifies into a tree that nobody sees. If anything is wrong, no row of it is left.
    pub(super) fn stage(
        &self,
        supply: &mut dyn Supply,
        expect: &Expect,
        check_head: &mut dyn FnMut(&Commit) -> Result<()>,
    ) -> Result<(Report, Whole)> {
        let mut staged = Staged::begin(self, check_head)?;
        let outcome = match verify(supply, expect, &*self.clock, &mut staged) {
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

    /// Takes back a tree that is not to be anybody's, and waits until its rows are gone.
    fn remove_tree(&self, tree: u64) -> Result<()> {
        self.submit(move |tables| {
            tables.journal.remove(tree)?;
            doom(tables, tree)?;
            Ok(())
        })?;
        self.await_removal(tree)
    }

    /// Waits until the rows of a tree are gone, or have turned out not to be readable.
    fn await_removal(&self, tree: u64) -> Result<()> {
        loop {
            let core = self.core()?;
            let is_there = core.view()?.doomed()?.get(tree)?.is_some();
            if !is_there || !core.writer.unreadable().is_empty() {
                return Ok(());
            }
            core.check_writes()?;
            std::thread::sleep(REMOVAL_PAUSE);
        }
    }

    /// Points the account at its new tree, if the account is still as it was when its head was
    /// compared.
    fn publish(
        &self,
        whole: Whole,
        options: &ImportOptions,
        trust: Trust,
        seen: Option<Account>,
    ) -> Result<()> {
        let key = signing_key(&whole.commit, &options.expect, trust);
        let options = options.clone();
        let arrival = arrival_events(&whole.commit, whole.rev, &*self.clock);
        let core = std::sync::Arc::clone(&whole.core);
        core.writer.submit(move |tables| {
            let did = whole.commit.did().clone();
            let before = find_account(&tables.accounts, &did)?;
            if before != seen {
                return Err(changed_meanwhile(&did));
            }
            let key = key.clone();
            match admit(before.as_ref(), &whole.commit, &options)? {
                Admission::Take => {
                    replace(tables, &did, before.as_ref(), &whole, trust, key, &arrival)
                }
                Admission::Same => confirm(tables, &did, before, &whole, trust, key),
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

fn trust_of(report: &Report) -> Trust {
    match report.signature {
        Some(Signature::Valid) => Trust::Verified,
        _ => Trust::Unverified,
    }
}

/// Which of the keys has signed a head of which it is known whether one of them has.
pub(super) fn signing_key(commit: &Commit, expect: &Expect, trust: Trust) -> String {
    let signed = |key: &&crate::key::VerifyingKey| {
        commit.check(std::slice::from_ref(*key)) == Signature::Valid
    };
    let key = match (trust, &expect.keys[..]) {
        (Trust::Unverified, _) => None,
        (Trust::Verified, [only]) => Some(only),
        (Trust::Verified, several) => several.iter().find(signed),
    };
    key.map(ToString::to_string).unwrap_or_default()
}

/// Whether a repository with this head may take the account's place.
pub(super) fn admit(
    account: Option<&Account>,
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
    let Some(account) = account else { return Ok(Admission::Take) };
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
        return if rev >= account.rev_floor {
            Ok(Admission::Take)
        } else {
            Err(not_newer(rev, account.rev_floor).cid(commit.cid()).into())
        };
    };
    if head.commit == *commit.cid() {
        return Ok(Admission::Same);
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
    let last = head.rev.max(account.rev_floor);
    if rev <= last {
        return Err(not_newer(rev, last).cid(commit.cid()).into());
    }
    Ok(Admission::Take)
}

fn not_newer(rev: Rev, last: Rev) -> Problem {
    Problem::new(Code::BadRev, format!("revision {rev} is not newer than {last}, which is here"))
}

fn replace(
    tables: &mut Tables<'_>,
    did: &Did,
    before: Option<&Account>,
    whole: &Whole,
    trust: Trust,
    key: String,
    arrival: &[Unnumbered],
) -> Result<()> {
    let state = match before.map(|account| &account.state) {
        None | Some(State::Deleted) => State::Active,
        // What was moved away and comes back is not switched on by the way.
        Some(State::Moved { .. }) => State::Deactivated,
        Some(state) => state.clone(),
    };
    // Where it once came from stays known: that source may still wait for the end of its move.
    let origin = before.and_then(|account| account.origin.clone());
    let account = Account {
        state,
        trust,
        key,
        rev_floor: whole.rev,
        origin,
        bound_to: String::new(),
        head: Some(whole.head()),
    };
    announce(tables, before, arrival)?;
    take_place(tables, did, before, &account)
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
    before: Option<Account>,
    whole: &Whole,
    trust: Trust,
    key: String,
) -> Result<()> {
    tables.journal.remove(whole.tree)?;
    doom(tables, whole.tree)?;
    match before {
        Some(before) if before.trust == Trust::Unverified && trust == Trust::Verified => {
            put_account(tables, did, &Account { trust, key, ..before })
        }
        _ => Ok(()),
    }
}

impl Whole {
    /// The head that an account gets with this tree.
    pub(super) fn head(&self) -> Head {
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

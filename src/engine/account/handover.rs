//! The steps of a move, each one transaction at one engine. [`crate::migrate`] runs them in order.

use crate::account::Action;
use crate::block::Cid;
use crate::car::section_len;
use crate::commit::{Commit, UnsignedCommit};
use crate::engine::account::lifecycle::take_place;
use crate::engine::export::export::export_tree;
use crate::engine::handle::Engine;
use crate::engine::import::staging::StagedTree;
use crate::engine::log::make::{account_event, arrival_events};
use crate::error::{Compared, Error, Preparation, Result};
use crate::ident::{Did, Rev};
use crate::key::{Signer, VerifyingKey};
use crate::store::account::{Account, EngineName, Head, HeadKey, HeldKey, Origin, State, Trust};
use crate::store::accounts::account_row;
use crate::store::accounts::find_account;
use crate::store::accounts::{put_account, require_unchanged};
use crate::store::log::append;
use crate::store::log::append_all;
use crate::store::rows::buffer::RowBuffer;
use crate::store::rows::build::RowBuilder;
use crate::verify::{BlockSource, ExpectedHead};
use std::io::Write;

impl Engine {
    pub(crate) fn account(&self, did: &Did) -> Result<Account> {
        account_row(self.view()?.accounts()?, did)
    }

    pub(crate) fn account_if_any(&self, did: &Did) -> Result<Option<Account>> {
        find_account(self.view()?.accounts()?, did)
    }

    /// Sets the source to `Leaving`: it refuses writes and names the destination. Repeating the
    /// call for the same destination changes nothing.
    pub(crate) fn fence(&self, did: &Did, to: &str, engine: EngineName) -> Result<()> {
        let leaving = State::Leaving { to: to.to_owned(), engine };
        let did = did.clone();
        self.submit(move |tables| {
            let mut account = account_row(&tables.accounts, &did)?;
            if account.state == leaving {
                return Ok(());
            }
            if account.state != State::Active || account.head.is_none() {
                return Err(account.refuse(&did, Action::Depart));
            }
            account.state = leaving.clone();
            put_account(tables, &did, &account)
        })
    }

    /// Sets the source back to `Active` if it was leaving for this engine.
    pub(crate) fn lift_fence(&self, did: &Did, to: EngineName) -> Result<()> {
        let did = did.clone();
        self.submit(move |tables| {
            let mut account = account_row(&tables.accounts, &did)?;
            let State::Leaving { engine, .. } = &account.state else {
                return Err(account.refuse(&did, Action::AbortMove));
            };
            if *engine != to {
                return Err(account.refuse(&did, Action::AbortOtherMove));
            }
            account.state = State::Active;
            put_account(tables, &did, &account)
        })
    }

    /// Sets the source to `Moved`. Repeating the call changes nothing.
    pub(crate) fn mark_moved(
        &self,
        did: &Did,
        to: &str,
        engine: EngineName,
        commit: &Cid,
    ) -> Result<()> {
        let moved = State::Moved { to: to.to_owned(), engine };
        let leaving = State::Leaving { to: to.to_owned(), engine };
        let event = account_event(did, &moved, &*self.shared.clock);
        let (did, commit) = (did.clone(), commit.clone());
        self.submit(move |tables| {
            let mut account = account_row(&tables.accounts, &did)?;
            if account.state == moved {
                return Ok(());
            }
            let same_head = account.head.as_ref().is_some_and(|head| head.commit == commit);
            if account.state != leaving || !same_head {
                return Err(account.refuse(&did, Action::FinishMove));
            }
            account.state = moved.clone();
            append(tables, &event)?;
            put_account(tables, &did, &account)
        })
    }

    /// Writes the repository of a leaving account, from one snapshot.
    pub(crate) fn send(&self, did: &Did, output: impl Write) -> Result<()> {
        let view = self.view()?;
        let account = account_row(view.accounts()?, did)?;
        let head = account.readable_head(did)?.clone();
        export_tree(view, &head, output).map(|_| ())
    }

    /// Verifies a repository that is being sent and stages it in a tree that readers do not see.
    pub(crate) fn receive(
        &self,
        source: &mut dyn BlockSource,
        expect: &ExpectedHead,
        commit: &Cid,
    ) -> Result<StagedTree> {
        let mut check = |found: &Commit| {
            // The head of another account does not matter: the verification refuses it.
            if found.cid() == commit || expect.check_did(found.did()).is_err() {
                return Ok(());
            }
            Err(Error::Swap {
                what: Compared::HeadAtSource(found.did().clone()),
                expected: Some(Box::new(commit.clone())),
                found: Some(Box::new(found.cid().clone())),
            })
        };
        self.stage(source, expect, &mut check).map(|(_, whole)| whole)
    }

    /// Makes a received tree the account's at the destination, under a new commit: the same
    /// records, a higher revision, the destination's key. The account keeps the trust that the
    /// source had in `arrival`.
    pub(crate) fn activate(
        &self,
        whole: &StagedTree,
        signer: &dyn Signer,
        origin: Origin,
        arrival: &HeadKey,
    ) -> Result<Head> {
        let did = whole.commit.did().clone();
        let tree = whole.tree;
        self.try_activate(did, whole, signer, origin, arrival)
            .map_err(|error| self.undo_tree(tree, error))
    }

    fn try_activate(
        &self,
        did: Did,
        whole: &StagedTree,
        signer: &dyn Signer,
        origin: Origin,
        arrival: &HeadKey,
    ) -> Result<Head> {
        let before = self.account_if_any(&did)?;
        check_arrival(&did, before.as_ref(), whole.rev)?;
        let above = Some(whole.rev);
        let rev = self.next_rev_above(self.view()?.facts()?, &did, before.as_ref(), above)?;
        let data = whole.commit.data().clone();
        let key = signer.verifying_key();
        let commit = UnsignedCommit { did: did.clone(), data, rev }.sign_as(signer, &key)?;
        let mut rows = RowBuffer::default();
        rows.commit(&mut RowBuilder::new(whole.tree), &commit, rev);
        let bytes =
            (whole.stats.bytes + commit_len(&commit)).saturating_sub(commit_len(&whole.commit));
        let head = Head { commit: commit.cid().clone(), rev, bytes, ..whole.head() };
        let account = Account {
            state: State::Active,
            key: activated(arrival, &key),
            last_rev: rev,
            may_be_ahead: self.stays_ahead(before.as_ref(), rev),
            origin: Some(origin),
            head: Some(head.clone()),
        };
        let arrival = arrival_events(&commit, rev, &*self.shared.clock);
        whole.core.writer.submit(move |tables| {
            require_unchanged(&tables.accounts, &did, before.as_ref(), Preparation::Arrival)?;
            append_all(tables, &arrival)?;
            rows.store(tables)?;
            take_place(tables, &did, before.as_ref(), &account)?;
            Ok(head.clone())
        })
    }
}

/// What is known of the destination's key. A move changes the key, and the identity is expected to
/// name the new one; the account's trust is that of the received head.
fn activated(arrival: &HeadKey, signer: &VerifyingKey) -> HeadKey {
    if arrival.is(signer) {
        return arrival.clone();
    }
    match arrival.trust() {
        Trust::Verified => HeadKey::Verified(HeldKey::from(signer), None),
        Trust::Unverified => HeadKey::Unverified(HeldKey::from(signer)),
    }
}

/// The length of a commit's section in a CAR, in bytes.
fn commit_len(commit: &Commit) -> u64 {
    section_len(commit.cid(), commit.block().bytes().len()) as u64
}

/// Whether an account with a head of this revision may arrive here.
pub(crate) fn check_arrival(did: &Did, account: Option<&Account>, rev: Rev) -> Result<()> {
    let Some(account) = account else { return Ok(()) };
    if !account.state.allows_replacement() {
        return Err(account.refuse(did, Action::Arrive));
    }
    let held = account.last_rev;
    if held > rev {
        return Err(Error::RevBehind { did: did.clone(), rev, held });
    }
    Ok(())
}

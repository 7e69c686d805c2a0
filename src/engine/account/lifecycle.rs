//! Creates accounts, changes their state and deletes them.

use crate::account::Action;
use crate::block::Block;
use crate::car::section_of;
use crate::commit::{Commit, UnsignedCommit};
use crate::engine::handle::Engine;
use crate::engine::log::make::{account_event, first_commit_event, identity_event, sync_event};
use crate::error::{Entity, Error, Preparation, Result};
use crate::event::Unnumbered;
use crate::ident::{Did, Rev};
use crate::key::Signer;
use crate::store::account::{Account, Head, HeadKey, HeldKey, State};
use crate::store::accounts::account_row;
use crate::store::accounts::find_account;
use crate::store::accounts::{is_unchanged, put_account, require_unchanged};
use crate::store::counts::set_blobs;
use crate::store::log::append_all;
use crate::store::log::{append, purge};
use crate::store::read::record::commit_block;
use crate::store::revs::forget_revs;
use crate::store::revs::hold_rev;
use crate::store::rows::buffer::RowBuffer;
use crate::store::rows::build::RowBuilder;
use crate::store::rows::value::RowStats;
use crate::store::tables::{Tables, View};
use crate::store::tree_numbers::next_tree;
use crate::store::write::reclaim::mark_for_removal;
use crate::tree::{Key, Tree};

impl Engine {
    /// Creates an account: an empty tree and a first commit, signed by `signer`. The signer's key
    /// becomes the account's key, also where an account with this DID was deleted before. Returns
    /// the revision of the first commit.
    ///
    /// The state is [`State::Active`] afterwards. The events are `#identity`, `#account` and
    /// `#commit`.
    ///
    /// ```
    /// use carrack::Engine;
    /// use carrack::engine::State;
    /// use carrack::key::{Curve, SigningKey};
    /// let engine = Engine::in_memory()?;
    /// let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// let rev = engine.create_account(&did, &key)?;
    /// let status = engine.status(&did)?;
    /// assert_eq!((status.state, status.rev), (State::Active, Some(rev)));
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Exists` if the account is here and not deleted; `Key` or `Io` if the signer fails;
    /// `RevAhead` if a deleted account's last revision is ahead of the clock; `Clock`;
    /// `ClockJumped`; `Changed` if another caller created and deleted the account at the same time;
    /// [those of every write](Engine#errors-of-every-call).
    pub fn create_account(&self, did: &Did, signer: &dyn Signer) -> Result<Rev> {
        let view = self.view()?;
        let before = find_account(view.accounts()?, did)?;
        check_free(did, before.as_ref())?;
        let rev = self.next_rev(view.facts()?, did, before.as_ref())?;
        drop(view);
        let mut tree = Tree::empty();
        let unsigned = UnsignedCommit { did: did.clone(), data: tree.seal(), rev };
        let key = signer.verifying_key();
        let commit = unsigned.sign_as(signer, &key)?;
        let may_be_ahead = self.stays_ahead(before.as_ref(), rev);
        let root = tree.root_block().ok_or_else(|| Error::Corrupt("no root".to_owned()))?.clone();
        let events = [
            identity_event(did, None, &*self.shared.clock),
            account_event(did, &State::Active, &*self.shared.clock),
            first_commit_event(&commit, &root, rev, &*self.shared.clock),
        ];
        let did = did.clone();
        self.submit(move |tables| {
            check_free(&did, find_account(&tables.accounts, &did)?.as_ref())?;
            require_unchanged(&tables.accounts, &did, before.as_ref(), Preparation::Creation)?;
            let number = next_tree(tables)?;
            append_all(tables, &events)?;
            let (rows, stats) = first_rows(number, &commit, &root, rev);
            rows.store(tables)?;
            set_blobs(tables, number, 0)?;
            let head = Head {
                tree: number,
                commit: commit.cid().clone(),
                data: commit.data().clone(),
                rev,
                height: 0,
                records: 0,
                blocks: stats.blocks,
                bytes: stats.bytes,
            };
            let account = Account {
                state: State::Active,
                key: HeadKey::Verified(HeldKey::from(&key), None),
                last_rev: rev,
                may_be_ahead,
                // A source may still be waiting for the end of the move that brought the account
                // here before.
                origin: before.as_ref().and_then(|account| account.origin.clone()),
                head: Some(head),
            };
            hold_rev(tables, &did, &account)?;
            put_account(tables, &did, &account)?;
            Ok(rev)
        })
    }

    /// Sets the state of an account to active, deactivated, suspended or taken down. The other
    /// states are set by [`Engine::delete_account`] and [`migrate`](crate::migrate::migrate).
    ///
    /// The event is `#account`; from [`State::Deactivated`] to [`State::Active`] also `#identity`
    /// and `#sync`. Setting the present state again changes nothing and sends no event.
    ///
    /// ```
    /// use carrack::engine::{State, WriteOptions};
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// engine.set_state(&did, State::Deactivated)?;
    /// assert!(engine.write(&did, vec![], &WriteOptions::default(), &key).is_err());
    /// engine.set_state(&did, State::Active)?;
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` without the account; `State` if it is deleted, leaving or moved; `Request` for a
    /// state that cannot be set; [those of every write](Engine#errors-of-every-call).
    #[allow(clippy::needless_pass_by_value, reason = "a state is named for one call")]
    pub fn set_state(&self, did: &Did, state: State) -> Result<()> {
        if !is_switch(&state) {
            return Err(Error::Request(format!("the state {state} cannot be set by hand")));
        }
        loop {
            let (seen, events) = self.switch_events(did, &state)?;
            let (did, state) = (did.clone(), state.clone());
            let is_done = self.submit(move |tables| {
                // Another commit was stored meanwhile: its head is the one to announce.
                if !is_unchanged(&tables.accounts, &did, Some(&seen))? {
                    return Ok(false);
                }
                let mut account = seen.clone();
                if !is_switch(&account.state) {
                    return Err(account.refuse(&did, Action::SetState));
                }
                if account.state == state {
                    return Ok(true);
                }
                account.state = state.clone();
                append_all(tables, &events)?;
                put_account(tables, &did, &account)?;
                Ok(true)
            })?;
            if is_done {
                return Ok(());
            }
        }
    }

    /// Deletes an account. Its records are unreadable when this returns, and are removed from the
    /// file in the background. The DID and the last revision are kept, so that a later revision is
    /// never lower.
    ///
    /// The state is [`State::Deleted`] afterwards. The event is `#account`; older events of the
    /// account are removed from the log in the background. The bytes stay in free pages of the file
    /// until [`Engine::compact`].
    ///
    /// ```
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// engine.delete_account(&did)?;
    /// assert!(engine.snapshot(&did).is_err());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` without the account; `State` if it is leaving for another engine or deleted
    /// already; [those of every write](Engine#errors-of-every-call).
    pub fn delete_account(&self, did: &Did) -> Result<()> {
        let event = account_event(did, &State::Deleted, &*self.shared.clock);
        let did = did.clone();
        self.submit(move |tables| {
            let mut account = account_row(&tables.accounts, &did)?;
            if matches!(account.state, State::Leaving { .. } | State::Deleted) {
                return Err(account.refuse(&did, Action::Delete));
            }
            let seq = append(tables, &event)?;
            purge(tables, &did, seq)?;
            if let Some(head) = account.head.take() {
                mark_for_removal(tables, head.tree)?;
            }
            account.state = State::Deleted;
            account.key = HeadKey::Unknown;
            forget_revs(tables, &did)?;
            put_account(tables, &did, &account)
        })
    }
}

impl Engine {
    /// The events for a change of state, and the account row that they are true of. An account that
    /// its owner activates again is announced like one that has just arrived.
    fn switch_events(&self, did: &Did, state: &State) -> Result<(Account, Vec<Unnumbered>)> {
        let clock = &*self.shared.clock;
        let view = self.view()?;
        let account = account_row(view.accounts()?, did)?;
        let mut events = vec![account_event(did, state, clock)];
        if account.state == State::Deactivated && *state == State::Active {
            events.push(identity_event(did, None, clock));
            events.extend(self.head_event(&view, &account)?);
        }
        Ok((account, events))
    }

    /// `#sync` with the account's present head.
    fn head_event(&self, view: &View, account: &Account) -> Result<Option<Unnumbered>> {
        let Some(head) = &account.head else { return Ok(None) };
        let commit = Commit::decode(&commit_block(view.rows()?, head)?)?;
        Ok(Some(sync_event(&commit, head.rev, &*self.shared.clock)))
    }
}

/// The rows of an empty tree: its commit and its root.
fn first_rows(tree: u64, commit: &Commit, root: &Block, rev: Rev) -> (RowBuffer, RowStats) {
    let mut rows = RowBuffer::default();
    let mut builder = RowBuilder::new(tree);
    rows.commit(&mut builder, commit, rev);
    builder.enter(&Key::edge(), 0, &section_of(root), rev, &mut rows);
    builder.leave(&mut rows);
    (rows, builder.stats())
}

fn is_switch(state: &State) -> bool {
    matches!(state, State::Active | State::Deactivated | State::Suspended | State::TakenDown)
}

fn check_free(did: &Did, account: Option<&Account>) -> Result<()> {
    match account {
        Some(account) if account.state != State::Deleted => {
            Err(Error::Exists(Entity::Account(did.clone())))
        }
        _ => Ok(()),
    }
}

/// Replaces an account's row. The old tree is marked for removal and the held revisions are
/// forgotten; the new tree becomes the account's.
pub(in crate::engine) fn take_place(
    tables: &mut Tables<'_>,
    did: &Did,
    before: Option<&Account>,
    account: &Account,
) -> Result<()> {
    if let Some(old) = before.and_then(|account| account.head.as_ref()) {
        mark_for_removal(tables, old.tree)?;
    }
    if let Some(head) = &account.head {
        tables.journal.remove(head.tree)?;
    }
    forget_revs(tables, did)?;
    hold_rev(tables, did, account)?;
    put_account(tables, did, account)
}

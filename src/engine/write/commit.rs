use crate::account::Action;
use crate::engine::handle::Engine;
use crate::engine::log::make::{commit_event, sync_event};
use crate::engine::write::draft::{CommitDraft, Prepared};
use crate::engine::write::op::{Op, WriteOptions, check_batch};
use crate::engine::write::written::Written;
use crate::error::{Compared, Error, Preparation, Result};
use crate::event::Unnumbered;
use crate::ident::Did;
use crate::key::{Signer, VerifyingKey};
use crate::store::account::{Account, Head, HeadKey, HeldKey};
use crate::store::accounts::{account_row, is_unchanged, put_account};
use crate::store::log::append;
use crate::store::revs::hold_rev;
use crate::store::tables::Tables;
use std::time::Instant;

/// Races that a write may lose before it gives up: each means that another caller got through.
const TRIES: u32 = 16;

enum Stored {
    Stored(u64),
    LostRace,
}

impl Engine {
    /// Carries out a batch of changes as one commit, all or nothing.
    ///
    /// The commit is computed and signed on the caller's thread. When this returns, it is durable.
    /// A batch that changes nothing makes no commit, unless the options ask for one; an empty
    /// batch makes one (a re-sign), and so does one with a new key.
    ///
    /// The signer's key has to be the account's, or the options ask for a change of keys: followers
    /// drop an account that signs with a key which its identity does not name. The account is
    /// trusted after it as it was before.
    ///
    /// # Errors
    /// `NotFound`, `State`, `OtherKey`, `Swap`, `Exists`, `Changed` (other callers won each of 16 races),
    /// `Limit` (200 ops; 256 entries a node), `Request` (a path twice), `Problem` (a record with too many
    /// blobs), `Clock`, `RevAhead`, `ClockJumped`, or the signer's. Nothing is written then.
    #[allow(clippy::needless_pass_by_value, reason = "a batch is made for one write")]
    pub fn write(
        &self,
        did: &Did,
        ops: Vec<Op>,
        options: &WriteOptions,
        signer: &dyn Signer,
    ) -> Result<Written> {
        check_batch(&ops)?;
        let place = self.shared.lines.join(did);
        for _ in 0..TRIES {
            let start = Instant::now();
            if let Some(written) = self.try_write(did, &ops, options, signer)? {
                return Ok(written);
            }
            place.lost(start.elapsed());
        }
        Err(Error::Changed { did: did.clone(), during: Preparation::Write { tries: TRIES } })
    }

    /// `None` if another caller changed the account meanwhile.
    fn try_write(
        &self,
        did: &Did,
        ops: &[Op],
        options: &WriteOptions,
        signer: &dyn Signer,
    ) -> Result<Option<Written>> {
        let view = self.view()?;
        let account = account_row(view.accounts()?, did)?;
        let old = writable_head(&account, did)?;
        let key = signer.verifying_key();
        check_swap(did, old, options)?;
        check_key(did, &account, &key, options)?;
        let mut draft = CommitDraft::new(view.rows()?, old);
        for op in ops {
            draft.apply(op)?;
        }
        let is_idle = draft.ops().is_empty() && !ops.is_empty() && !options.commit_anyway;
        if is_idle && account.key.is(&key) {
            return Ok(Some(unchanged(old)));
        }
        let rev = self.next_rev(view.facts()?, did, Some(&account))?;
        let prepared = draft.sign(did, rev, signer, &key)?;
        let written = Written {
            commit: prepared.head.commit.clone(),
            rev,
            since: old.rev,
            data: prepared.head.data.clone(),
            prev_data: old.data.clone(),
            ops: prepared.ops.clone(),
            seq: None,
        };
        let next = Account {
            key: next_key(&account, &key),
            last_rev: rev,
            may_be_ahead: self.stays_ahead(Some(&account), rev),
            head: Some(prepared.head.clone()),
            ..account.clone()
        };
        let event = match prepared.slice.clone() {
            Some(blocks) => {
                commit_event(did, &written, written.ops.clone(), blocks, &*self.shared.clock)
            }
            None => sync_event(&prepared.commit, rev, &*self.shared.clock),
        };
        drop(view);
        let name = did.clone();
        let outcome =
            self.submit(move |tables| store(tables, &name, &account, &next, &prepared, &event))?;
        Ok(match outcome {
            Stored::Stored(seq) => Some(Written { seq: Some(seq), ..written }),
            Stored::LostRace => None,
        })
    }
}

pub(in crate::engine) fn writable_head<'a>(account: &'a Account, did: &Did) -> Result<&'a Head> {
    match &account.head {
        Some(head) if account.state.allows_writes() => Ok(head),
        _ => Err(account.refuse(did, Action::Write)),
    }
}

/// Before anything is prepared: a commit by another key would be signed and announced in vain.
fn check_key(
    did: &Did,
    account: &Account,
    signer: &VerifyingKey,
    options: &WriteOptions,
) -> Result<()> {
    if options.rekey || account.key.is(signer) {
        return Ok(());
    }
    Err(Error::OtherKey {
        did: did.clone(),
        held: account.key.load()?.map(Box::new),
        signer: Box::new(signer.clone()),
    })
}

/// A head signed with the same key is trusted as the one before. Another key is not known to be
/// the identity's.
fn next_key(account: &Account, signer: &VerifyingKey) -> HeadKey {
    if account.key.is(signer) {
        account.key.clone()
    } else {
        HeadKey::Unverified(HeldKey::from(signer))
    }
}

fn check_swap(did: &Did, old: &Head, options: &WriteOptions) -> Result<()> {
    match &options.swap {
        Some(swap) if *swap != old.commit => Err(Error::Swap {
            what: Compared::Head(did.clone()),
            expected: Some(Box::new(swap.clone())),
            found: Some(Box::new(old.commit.clone())),
        }),
        _ => Ok(()),
    }
}

fn unchanged(head: &Head) -> Written {
    Written {
        commit: head.commit.clone(),
        rev: head.rev,
        since: head.rev,
        data: head.data.clone(),
        prev_data: head.data.clone(),
        ops: Vec::new(),
        seq: None,
    }
}

/// The writer's part: nothing is computed here but the number of the event.
fn store(
    tables: &mut Tables<'_>,
    did: &Did,
    old: &Account,
    next: &Account,
    prepared: &Prepared,
    event: &Unnumbered,
) -> Result<Stored> {
    if !is_unchanged(&tables.accounts, did, Some(old))? {
        return Ok(Stored::LostRace);
    }
    let seq = append(tables, event)?;
    prepared.rows.store(tables)?;
    prepared.blobs.store(tables)?;
    put_account(tables, did, next)?;
    hold_rev(tables, did, next)?;
    Ok(Stored::Stored(seq))
}

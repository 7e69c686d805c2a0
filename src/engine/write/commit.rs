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

/// Attempts before a write gives up. Each lost attempt means that another caller has committed.
const TRIES: u32 = 16;

enum Stored {
    Stored(u64),
    LostRace,
}

impl Engine {
    /// Applies a batch of operations as one commit, all or nothing. For
    /// `com.atproto.repo.applyWrites`, `createRecord`, `putRecord` and `deleteRecord`.
    ///
    /// The commit is prepared and signed on the caller's thread, and is durable when this returns.
    /// A batch that changes nothing makes no commit, unless [`WriteOptions::commit_anyway`] is set;
    /// an empty batch makes one (it re-signs the tree), and so does a new key.
    ///
    /// The event is `#commit`; `#sync` if one update, or deletions, exceed the size of a `#commit`.
    /// The account's state does not change.
    ///
    /// The signer's key must be the account's key, unless [`WriteOptions::rekey`] is set: followers
    /// drop commits by a key that the identity does not name. The account's trust does not change,
    /// except by a new key.
    ///
    /// ```
    /// use carrack::engine::{Op, Record, WriteOptions};
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let note = Record::from_json(&serde_json::json!({"text": "ahoy"}))?;
    /// let op = Op::create("com.example.note/1".parse()?, note);
    /// let written = engine.write(&did, vec![op], &WriteOptions::default(), &key)?;
    ///
    /// // Compare-and-swap: only if the head is still this commit.
    /// let options = WriteOptions::default().swap(written.commit);
    /// let deleted = engine.write(&did, vec![Op::delete("com.example.note/1".parse()?)], &options, &key)?;
    /// assert!(deleted.rev > written.rev);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// Nothing is written then. `NotFound` without the account, or without a record to update or
    /// delete; `Exists` if a record to create exists; `State` if the account is not active;
    /// `OtherKey` if the signer's key is not the account's; `Swap` if the head or a record is not
    /// the expected one; `Changed` if other callers won each of 16 attempts; `Limit` (200
    /// operations, 2,000,000 bytes of an event, 256 entries of a node); `Request` for a path that
    /// occurs twice; `Problem` for a record with too many blobs; `Clock`, `RevAhead` and
    /// `ClockJumped` if the clock is wrong; `Key` or `Io` if the signer fails; [those of every
    /// write](Engine#errors-of-every-call).
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

/// Checked first: a commit by another key would be signed and announced in vain.
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

/// With the same key the trust does not change. Another key is not known to be the identity's.
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

/// The writer's part. Only the event's number is determined here.
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
    prepared.blobs.store(tables, prepared.head.tree)?;
    put_account(tables, did, next)?;
    hold_rev(tables, did, next)?;
    Ok(Stored::Stored(seq))
}

use crate::block::Cid;
use crate::commit::Commit;
use crate::engine::account::lifecycle::take_place;
use crate::engine::handle::Engine;
use crate::engine::import::admit::{Admission, admit, head_key};
use crate::engine::import::options::ImportOptions;
use crate::engine::import::staging::StagedTree;
use crate::engine::log::make::arrival_events;
use crate::error::{Error, Preparation, Result};
use crate::event::Unnumbered;
use crate::ident::{Did, Rev};
use crate::key::SignatureStatus;
use crate::store::account::{Account, Head, HeadKey, State, Trust, TrustKey};
use crate::store::accounts::put_account;
use crate::store::accounts::{find_account, require_unchanged};
use crate::store::log::append_all;
use crate::store::restore::rev_lower_bound;
use crate::store::tables::Tables;
use crate::store::write::reclaim::mark_for_removal;
use crate::verify::{BlockSource, FileSource, Input, Keys, Report};

/// The result of [`Engine::import`]: what it stored, or what was stored already if the account had
/// this head.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Imported {
    /// The account.
    pub did: Did,
    /// The CID of the head commit.
    pub commit: Cid,
    /// The revision of the head.
    pub rev: Rev,
    /// The CID of the tree's root.
    pub data: Cid,
    /// The number of records.
    pub records: u64,
    /// The number of distinct blobs that records refer to.
    pub blobs_needed: u64,
    /// How far the account's head is verified after the import.
    pub trust: Trust,
    /// Which key of the identity the head was checked against; `None` if no such check was made.
    pub trust_key: Option<TrustKey>,
    /// The length of the stored sections in bytes.
    pub bytes: u64,
    /// The report of the verification, warnings included.
    pub report: Report,
}

impl Engine {
    /// Verifies a repository and stores it. For `com.atproto.repo.importRepo`. Readers see all of
    /// it or nothing; a refused import leaves the store as it was.
    ///
    /// The key that signed the head becomes the account's key. Without a key
    /// ([`ImportOptions::unverified`]) the account's key is unknown afterwards, even if it was
    /// known before: writes are refused until [`Engine::check_trust`] has found it.
    ///
    /// A new account becomes [`State::Active`], and the events are `#account`, `#identity` and
    /// `#sync`. An import over an account sends `#sync`; an active or inactive account keeps its
    /// state, and a moved one becomes [`State::Deactivated`]. A head that is stored already sends
    /// no event.
    ///
    /// ```
    /// use carrack::Engine;
    /// use carrack::engine::ImportOptions;
    /// use carrack::verify::{ExpectedHead, Input};
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let mut car = Vec::new();
    /// engine.export(&did, &mut car)?;
    ///
    /// let copy = Engine::in_memory()?;
    /// let head = ExpectedHead::signed_by([key.verifying_key()]).did(did.clone());
    /// let imported = copy.import(&Input::from(car), &ImportOptions::default().head(head))?;
    /// assert_eq!(copy.status(&did)?.commit, Some(imported.commit));
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Refused` with every problem of the input, among them `DidMismatch` if it is of another
    /// account than expected and `BadRev` if its revision is not above the stored one, or not above
    /// the minimum of a restored store. `Request` without a key; `HeadNotNamed` if the account takes
    /// writes, is suspended or is taken down, and the options do not name its head; `State` if it is
    /// leaving; `Swap` if they name another head, unless the input has the stored one; `Changed` if the account changed meanwhile; `Io` if the input cannot be read;
    /// [those of every write](Engine#errors-of-every-call).
    pub fn import(&self, input: &Input, options: &ImportOptions) -> Result<Imported> {
        match FileSource::new(input.clone()) {
            Ok(mut source) => self.import_source(&mut source, options),
            Err(Error::Problem(problem)) => Err(Error::Refused((*problem).into())),
            Err(error) => Err(error),
        }
    }

    /// Imports from any source of blocks.
    pub(crate) fn import_source(
        &self,
        source: &mut dyn BlockSource,
        options: &ImportOptions,
    ) -> Result<Imported> {
        self.import_from(source, options, None)
    }

    /// Imports under the key of the stored head: nothing new is known of that key, so the account's
    /// trust does not change.
    pub(crate) fn import_under(
        &self,
        input: &Input,
        options: &ImportOptions,
        held: &HeadKey,
    ) -> Result<Imported> {
        match FileSource::new(input.clone()) {
            Ok(mut source) => self.import_from(&mut source, options, Some(held)),
            Err(Error::Problem(problem)) => Err(Error::Refused((*problem).into())),
            Err(error) => Err(error),
        }
    }

    fn import_from(
        &self,
        source: &mut dyn BlockSource,
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
            // Another account is refused by the verification.
            if options.head.check_did(commit.did()).is_err() {
                return Ok(());
            }
            let view = self.view()?;
            seen = find_account(view.accounts()?, commit.did())?;
            if held.is_some_and(|held| seen.as_ref().map(|seen| &seen.key) != Some(held)) {
                let did = commit.did().clone();
                return Err(Error::Changed { did, during: Preparation::Import });
            }
            admit(seen.as_ref(), rev_lower_bound(view.facts()?)?, commit, options).map(|_| ())
        };
        let (mut report, mut whole) = self.stage(source, &options.head, &mut check)?;
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

    /// The result for a repository that was stored.
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

    /// Points the account at its new tree, if the account has not changed since its head was
    /// compared. Returns the stored account.
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
            require_unchanged(&tables.accounts, &did, seen.as_ref(), Preparation::Import)?;
            let before = seen.clone();
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

/// The account with the imported head.
fn arrived(
    before: Option<&Account>,
    whole: &StagedTree,
    key: &HeadKey,
    may_be_ahead: bool,
) -> Account {
    let state = match before.map(|account| &account.state) {
        None | Some(State::Deleted) => State::Active,
        // An account that moved away and comes back is not activated by an import.
        Some(State::Moved { .. }) => State::Deactivated,
        Some(state) => state.clone(),
    };
    // The origin is kept: that source may still be waiting for the end of its move.
    let origin = before.and_then(|account| account.origin.clone());
    let (last_rev, head) = (whole.rev, Some(whole.head()));
    Account { state, key: key.clone(), last_rev, may_be_ahead, origin, head }
}

/// The events of an import: three for a new account, `#sync` for one that was here.
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

/// The account has this head: removes the staged tree, and stores what was learnt about the key.
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

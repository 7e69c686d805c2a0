use super::chain::{Relation, Tip, check, commit_in, is_first, read};
use super::outcome::{Ignored, Mismatch, OutOfSync, Taken};
use super::sequence::Sequence;
use crate::account::Action;
use crate::engine::{Engine, ImportOptions, Imported, State};
use crate::error::{Error, Result};
use crate::event::{AccountEvent, CommitEvent, Event, HostingStatus, SyncEvent};
use crate::ident::{Did, Rev};
use crate::key::VerifyingKey;
use crate::store::account::{Account, Head};
use crate::verify::{ExpectedHead, Input};
use bytes::Bytes;
use std::sync::Arc;

/// Keeps an engine's copies in sync with one event stream (`com.atproto.sync.subscribeRepos`).
///
/// It compares events with the copies themselves, so a restart loses nothing, and an account that
/// is out of sync stays so until it is recovered. Only the last sequence number is held in memory:
/// continue from a stored cursor with [`Mirror::after`]. Several mirrors can share an engine.
///
/// ```
/// use carrack::engine::{Engine, Op, Record, WriteOptions};
/// use carrack::follow::{Followed, Mirror};
/// use carrack::key::{Curve, SigningKey};
/// use carrack::verify::ExpectedHead;
///
/// let host = Engine::in_memory()?;
/// let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
/// let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// host.create_account(&did, &key)?;
/// let op = Op::create("com.example.post/1".parse()?, Record::from_dag_cbor(vec![0xa0])?);
/// let written = host.write(&did, vec![op], &WriteOptions::default(), &key)?;
///
/// let copies = Engine::in_memory()?;
/// let mut mirror = Mirror::new(&copies);
/// let expect = ExpectedHead::signed_by([key.verifying_key()]);
/// let mut last = None;
/// let mut events = host.events(0)?;
/// while let Some(event) = events.next()? {
///     last = Some(mirror.take(&event.frame(), &expect)?.outcome);
/// }
/// assert_eq!(last, Some(Followed::Applied { rev: written.rev }));
/// assert_eq!(copies.status(&did)?.data, Some(written.data));
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Debug)]
pub struct Mirror {
    engine: Engine,
    sequence: Sequence,
}

/// What a mirror did with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Followed {
    /// The commit was applied: the copy has this head, with the tree that the event names.
    Applied {
        /// Its revision.
        rev: Rev,
    },
    /// The account was created from its first commit, and is complete.
    Created {
        /// Its revision.
        rev: Rev,
    },
    /// The copy has a new head over an unchanged tree.
    Resigned {
        /// Its revision.
        rev: Rev,
    },
    /// The account's document or handle may have changed: resolve the identity before the next
    /// commit.
    Identity {
        /// The handle in the event, which is not proved.
        handle: Option<Arc<str>>,
    },
    /// The state of the copy was set.
    Account {
        /// The state.
        state: State,
    },
    /// The frame was ignored.
    Ignored(Ignored),
    /// The event does not follow the copy, which is unchanged. Request what is missing from the
    /// host: a diff since [`OutOfSync::held_rev`] for [`Engine::apply_diff`], or a full export for
    /// [`Mirror::recover`].
    OutOfSync(OutOfSync),
}

impl Mirror {
    /// Follows a stream from its first received event.
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), sequence: Sequence::default() }
    }

    /// Follows a stream after this sequence number.
    pub fn after(engine: &Engine, seq: u64) -> Self {
        Self { engine: engine.clone(), sequence: Sequence::after(seq) }
    }

    /// Verifies a frame and applies it. The change of a copy is one transaction, durable when this
    /// returns, and is announced in the engine's own log: a commit as `#sync`, a first commit as
    /// `#account`, `#identity` and `#sync`.
    ///
    /// `expect` holds the keys that the account's document names now; the copy becomes verified.
    /// Without keys, the key of the stored head is used, and the copy's trust does not change. New
    /// accounts are created only under a given key.
    ///
    /// # Errors
    /// Nothing has changed then, and the frame's sequence number is not counted. `Refused` with
    /// every problem of a malformed or forged frame, or with `DidMismatch` if it is of another
    /// account than expected; `Request` without a key; `State` for an account that is leaving or
    /// has moved away from this engine; `Swap` or `Changed` if another caller changed the copy at
    /// the same time; `Limit` if a commit replaces more than one transaction may; [those of every
    /// write](Engine#errors-of-every-call).
    pub fn take(&mut self, frame: &[u8], expect: &ExpectedHead) -> Result<Taken<Followed>> {
        let Some(event) = read(frame)? else {
            return Ok(Taken::unknown(Followed::Ignored(Ignored::Unknown)));
        };
        expect.check_did(event.did()).map_err(|problem| Error::Refused(problem.into()))?;
        let copy = self.copy(&event, expect)?;
        if let Some(copy) = &copy {
            check(frame, &event, &copy.expect, self.engine.clock())?;
        }
        let Some(missed) = self.sequence.missed_before(event.seq()) else {
            return Ok(Taken::of(&event, 0, Followed::Ignored(Ignored::Repeated)));
        };
        let followed = match &copy {
            Some(copy) => copy.follow(&event)?,
            None => Followed::Ignored(Ignored::NotHeld),
        };
        self.sequence.advance(event.seq());
        Ok(Taken::of(&event, missed, followed))
    }

    /// Replaces a copy that is out of sync by a full export that is not older.
    ///
    /// # Errors
    /// As [`Engine::import`]; `Refused` with `BadRev` if the copy is ahead of the export. The host
    /// has then lost revisions: delete the copy first to accept that.
    pub fn recover(&self, input: &Input, did: &Did, expect: &ExpectedHead) -> Result<Imported> {
        let account = self.engine.held(did)?;
        let keys = keys_for(account.as_ref(), expect)?;
        let held = account.as_ref().filter(|_| expect.keys.named().is_empty());
        let held = held.map(|account| account.key.clone());
        let replace = account.and_then(|account| account.head).map(|head| head.commit);
        let expect = ExpectedHead::signed_by(keys).did(did.clone());
        let options = copying().head(expect).replace(replace);
        match held {
            Some(held) => self.engine.import_under(input, &options, &held),
            None => self.engine.import(input, &options),
        }
    }

    /// The copy for an event; `None` if there is none and the event does not create one.
    fn copy(&self, event: &Event, expect: &ExpectedHead) -> Result<Option<MirroredCopy<'_>>> {
        let did = event.did();
        let account = self.engine.held(did)?;
        let given = expect.clone();
        let keys = keys_for(account.as_ref(), expect)?;
        let expect = ExpectedHead::signed_by(keys).did(expect.did.clone());
        let (head, last_rev) = match account {
            Some(account)
                if matches!(account.state, State::Leaving { .. } | State::Moved { .. }) =>
            {
                return Err(account.refuse(did, Action::Follow));
            }
            Some(account) => (account.head, Some(account.last_rev)),
            None => (None, None),
        };
        let begins = matches!(event, Event::Commit(commit) if is_first(commit));
        if head.is_none() && (!begins || expect.keys.named().is_empty()) {
            return Ok(None);
        }
        Ok(Some(MirroredCopy { engine: &self.engine, given, expect, head, last_rev }))
    }
}

/// The given keys, or else the key of the stored head.
fn keys_for(account: Option<&Account>, expect: &ExpectedHead) -> Result<Vec<VerifyingKey>> {
    if !expect.keys.named().is_empty() {
        return Ok(expect.keys.named().to_vec());
    }
    let held = account.map(|account| account.key.load()).transpose()?;
    Ok(held.flatten().into_iter().collect())
}

/// A mirror signs nothing: revisions are the host's, so the minimum of a restored store does not
/// apply to them.
fn copying() -> ImportOptions {
    ImportOptions::default().below_floor(true)
}

/// A copy, or an account to be created.
struct MirroredCopy<'a> {
    engine: &'a Engine,
    /// The caller's expectation.
    given: ExpectedHead,
    /// The expectation; without a key, with the key of the stored head.
    expect: ExpectedHead,
    head: Option<Head>,
    /// The last revision of an account that is or was here.
    last_rev: Option<Rev>,
}

impl MirroredCopy<'_> {
    fn follow(&self, event: &Event) -> Result<Followed> {
        match (event, &self.head) {
            (Event::Commit(event), Some(head)) => self.commit(event, head),
            (Event::Commit(event), None) => self.create(event),
            (Event::Sync(event), Some(head)) => self.sync(event, head),
            (Event::Identity(event), Some(_)) => {
                self.engine.announce_identity(&event.did, event.handle.as_deref())?;
                Ok(Followed::Identity { handle: event.handle.clone() })
            }
            (Event::Account(event), Some(_)) => self.account(event),
            (_, None) => Ok(Followed::Ignored(Ignored::NotHeld)),
        }
    }

    fn commit(&self, event: &CommitEvent, head: &Head) -> Result<Followed> {
        let rev = event.rev;
        match tip(head).link(event) {
            Relation::Past(why) => Ok(Followed::Ignored(why)),
            Relation::Broken(why) => Ok(out_of_sync(why, head, rev)),
            Relation::Next if event.ops.is_empty() => {
                self.apply(&event.blocks, head)?;
                Ok(Followed::Resigned { rev })
            }
            Relation::Next => {
                self.apply(&event.blocks, head)?;
                Ok(Followed::Applied { rev })
            }
        }
    }

    fn sync(&self, event: &SyncEvent, head: &Head) -> Result<Followed> {
        let commit = commit_in(&event.blocks)?;
        if let Some(why) = tip(head).past(commit.cid(), event.rev) {
            return Ok(Followed::Ignored(why));
        }
        if *commit.data() != head.data {
            return Ok(out_of_sync(Mismatch::Sync, head, event.rev));
        }
        self.apply(&event.blocks, head)?;
        Ok(Followed::Resigned { rev: event.rev })
    }

    /// The blocks of an event are a diff: what a copy of the previous head lacks, and the nodes
    /// that the inversion reads, which are of the new tree too.
    fn apply(&self, blocks: &Bytes, head: &Head) -> Result<()> {
        let replace = Some(head.commit.clone());
        // Without a given key, the stored head's is used, and nothing new is known of it.
        let options = copying().head(self.given.clone()).replace(replace);
        self.engine.apply_diff(&Input::from(blocks.clone()), &options).map(drop)
    }

    fn create(&self, event: &CommitEvent) -> Result<Followed> {
        // An event from before a deletion does not restore the account.
        if self.last_rev.is_some_and(|last| event.rev <= last) {
            return Ok(Followed::Ignored(Ignored::OldRev));
        }
        let input = Input::from(event.blocks.clone());
        let options = copying().head(self.expect.clone());
        self.engine.import(&input, &options)?;
        Ok(Followed::Created { rev: event.rev })
    }

    fn account(&self, event: &AccountEvent) -> Result<Followed> {
        let state = state_of(event);
        match state {
            State::Deleted => self.engine.delete_account(&event.did)?,
            _ => self.engine.set_state(&event.did, state.clone())?,
        }
        Ok(Followed::Account { state })
    }
}

/// Maps an event's state to an engine's. An inactive account whose reason has no such state becomes
/// deactivated.
fn state_of(event: &AccountEvent) -> State {
    if event.active {
        return State::Active;
    }
    match event.status {
        Some(HostingStatus::Deleted) => State::Deleted,
        Some(HostingStatus::Suspended) => State::Suspended,
        Some(HostingStatus::Takendown) => State::TakenDown,
        _ => State::Deactivated,
    }
}

fn tip(head: &Head) -> Tip<'_> {
    Tip { commit: &head.commit, rev: head.rev, data: &head.data }
}

fn out_of_sync(why: Mismatch, head: &Head, rev: Rev) -> Followed {
    let (held_rev, held_data) = (head.rev, head.data.clone());
    Followed::OutOfSync(OutOfSync { why, held_rev, held_data, rev })
}

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

/// Keeps an engine's copies in step with one event stream.
///
/// What it has to compare an event with is the copies themselves, so nothing is lost by a restart,
/// and an account that is out of sync stays so, event after event, until it is recovered. Only the
/// last number of the stream is remembered in memory; begin with [`Mirror::after`] where a cursor
/// was kept. Several mirrors can share an engine.
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

/// What a mirror has done with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Followed {
    /// The copy has this head now, with the tree that the event names.
    Applied {
        /// Its revision.
        rev: Rev,
    },
    /// The account is here now, whole: this was its first commit.
    Created {
        /// Its revision.
        rev: Rev,
    },
    /// The copy has a new head over the tree that it had.
    Resigned {
        /// Its revision.
        rev: Rev,
    },
    /// The account's document or handle may have changed: resolve it before the next commit.
    Identity {
        /// The handle as the host tells it, which proves nothing.
        handle: Option<Arc<str>>,
    },
    /// The account has this state now.
    Account {
        /// The state.
        state: State,
    },
    /// The frame is passed over.
    Ignored(Ignored),
    /// The copy is as it was, and behind or beside the host's. Ask the host for what it lacks since
    /// [`OutOfSync::held_rev`], for [`Engine::apply_diff`], or for all, for [`Mirror::recover`].
    OutOfSync(OutOfSync),
}

impl Mirror {
    /// Follows a stream from wherever it begins.
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), sequence: Sequence::default() }
    }

    /// Follows a stream behind this number.
    pub fn after(engine: &Engine, seq: u64) -> Self {
        Self { engine: engine.clone(), sequence: Sequence::after(seq) }
    }

    /// Verifies a frame and applies it. What it does to a copy is one transaction, durable when
    /// this returns, and announced in the engine's own log (a commit as `#sync`).
    ///
    /// `expect` has the keys that the account's document names now: the copy is verified from then
    /// on. Without any, the key that the held head is signed with is used, and the copy is trusted
    /// as it was; accounts that are not here are created only under a key
    /// that is given.
    ///
    /// # Errors
    /// `Refused` with every problem of a frame that is malformed or forged, or with `DidMismatch` if
    /// it is of another account than expected; `Request` without a
    /// key; `State` for an account that is moving or has moved away from this engine; `Swap` or
    /// `Changed` if another caller changed the copy at the same time; `Limit` if a commit replaces more than one
    /// transaction takes. Nothing has changed then, and the stream's number does not count.
    pub fn take(&mut self, frame: &[u8], expect: &ExpectedHead) -> Result<Taken<Followed>> {
        let Some(event) = read(frame)? else {
            return Ok(Taken::unknown(Followed::Ignored(Ignored::Unknown)));
        };
        expect.check_did(event.did()).map_err(|problem| Error::Refused(vec![problem]))?;
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

    /// Brings a copy back in step with a full export, which takes the place of what is here, and
    /// is no older than that.
    ///
    /// # Errors
    /// As [`Engine::import`]; `BadRev` if the copy is ahead of the export, which then is of a host
    /// that has lost revisions: delete the copy first, if that is what is wanted.
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

    /// The copy that an event is about; `None` if there is none and none begins with it.
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

/// The keys that are given, or else the one that the held head verified under.
fn keys_for(account: Option<&Account>, expect: &ExpectedHead) -> Result<Vec<VerifyingKey>> {
    if !expect.keys.named().is_empty() {
        return Ok(expect.keys.named().to_vec());
    }
    let held = account.map(|account| account.key.load()).transpose()?;
    Ok(held.flatten().into_iter().collect())
}

/// A mirror signs nothing: the host's revisions rise by themselves, and the lower bounds of a
/// restored store do not bind what is taken from the host.
fn copying() -> ImportOptions {
    ImportOptions::default().below_floor(true)
}

/// A copy, or the place of one.
struct MirroredCopy<'a> {
    engine: &'a Engine,
    /// What the caller has given.
    given: ExpectedHead,
    /// The same; without a key, with the one of the held head.
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

    /// The blocks of an event are a diff: what a copy of the head before lacks, and the nodes that
    /// undoing takes, which are of the new tree too.
    fn apply(&self, blocks: &Bytes, head: &Head) -> Result<()> {
        let replace = Some(head.commit.clone());
        // Without a key that is given, the held head's is used, and nothing new is known of it.
        let options = copying().head(self.given.clone()).replace(replace);
        self.engine.apply_diff(&Input::from(blocks.clone()), &options).map(drop)
    }

    fn create(&self, event: &CommitEvent) -> Result<Followed> {
        // What was deleted does not come back by an event of before.
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

/// What an engine calls the state that an event tells. One that is not active for a reason that
/// has no state here is switched off.
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

use super::chain::{Relation, Tip, check, commit_in, read};
use super::outcome::{Ignored, Mismatch, OutOfSync, Taken};
use super::sequence::Sequence;
use crate::block::Cid;
use crate::env::Clock;
use crate::error::Result;
use crate::event::{AccountEvent, CommitEvent, Event, HostingStatus, SyncEvent};
use crate::ident::{Did, Rev};
use crate::verify::ExpectedHead;
use std::collections::HashMap;

/// Watches one event stream for a relay: verifies every frame, and remembers each account's last
/// head and whether it is active. It holds no copies.
///
/// Its memory is a few hundred bytes per account, so the caller limits the number of accounts. It
/// is lost on a restart: accounts then start at their first valid frame, or at the head given to
/// [`Watch::remember`].
///
/// ```
/// use carrack::engine::Engine;
/// use carrack::follow::{Watch, Watched};
/// use carrack::env::SystemClock;
/// use carrack::ident::Did;
/// use carrack::key::{Curve, SigningKey};
/// use carrack::verify::ExpectedHead;
///
/// let host = Engine::in_memory()?;
/// let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
/// let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
/// let rev = host.create_account(&did, &key)?;
///
/// let keys_of = |_: &Did| ExpectedHead::signed_by([key.verifying_key()]);
/// let mut watch = Watch::new();
/// let mut events = host.events(0)?;
/// while let Some(event) = events.next()? {
///     let taken = watch.take(&event.frame(), &keys_of, &SystemClock)?;
///     assert_eq!(taken.outcome, Watched::Pass);
/// }
/// assert_eq!(watch.known(&did).map(|known| known.rev), Some(rev));
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Watch {
    accounts: HashMap<Did, Memory>,
    sequence: Sequence,
}

/// What to do with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watched {
    /// Pass it on.
    Pass,
    /// Drop it: it is not needed.
    Ignored(Ignored),
    /// Drop it: it does not follow the last head. All later commits of the account are dropped too,
    /// until a `#sync`, a first commit, [`Watch::remember`] or [`Watch::forget`].
    OutOfSync(OutOfSync),
}

/// The last known head of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The CID of the commit.
    pub commit: Cid,
    /// Its revision.
    pub rev: Rev,
    /// The root of its tree.
    pub data: Cid,
}

#[derive(Clone, Debug, Default)]
struct Memory {
    head: Option<Known>,
    out_of_sync: bool,
    /// Why its content is not passed on.
    inactive: Option<HostingStatus>,
}

impl Watch {
    /// A watch without accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Verifies a frame strictly, compares it with the account's last head, and remembers its head.
    ///
    /// `expect_for` returns the keys that the account's document names now. `#identity` and
    /// `#account` are not signed: the caller decides whether this stream is the account's host.
    ///
    /// # Errors
    /// Nothing is remembered then, and the frame's sequence number is not counted. `Refused` with
    /// every problem of a malformed or forged frame; `Request` for a commit without a key.
    pub fn take(
        &mut self,
        frame: &[u8],
        expect_for: &dyn Fn(&Did) -> ExpectedHead,
        clock: &dyn Clock,
    ) -> Result<Taken<Watched>> {
        let Some(event) = read(frame)? else {
            return Ok(Taken::unknown(Watched::Ignored(Ignored::Unknown)));
        };
        check(frame, &event, &expect_for(event.did()), clock)?;
        let Some(missed) = self.sequence.missed_before(event.seq()) else {
            return Ok(Taken::of(&event, 0, Watched::Ignored(Ignored::Repeated)));
        };
        let outcome = match &event {
            Event::Commit(commit) => self.memory(&commit.did).commit(commit)?,
            Event::Sync(sync) => self.memory(&sync.did).sync(sync)?,
            Event::Account(account) => self.memory(&account.did).account(account),
            Event::Identity(_) => Watched::Pass,
        };
        self.sequence.advance(event.seq());
        Ok(Taken::of(&event, missed, outcome))
    }

    /// The last head at which the account was in sync; `None` for an unknown account.
    pub fn known(&self, did: &Did) -> Option<&Known> {
        self.accounts.get(did)?.head.as_ref()
    }

    /// Whether an event of the account did not match, and the account has not been recovered.
    pub fn is_out_of_sync(&self, did: &Did) -> bool {
        self.accounts.get(did).is_some_and(|memory| memory.out_of_sync)
    }

    /// The number of accounts in memory.
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// Continues from a head that the caller knows: one that was stored before a restart, or that
    /// the host returned after a gap.
    pub fn remember(&mut self, did: &Did, head: Known) {
        let memory = self.memory(did);
        (memory.head, memory.out_of_sync) = (Some(head), false);
    }

    /// Forgets an account: it starts again at its next valid frame.
    pub fn forget(&mut self, did: &Did) {
        self.accounts.remove(did);
    }

    fn memory(&mut self, did: &Did) -> &mut Memory {
        self.accounts.entry(did.clone()).or_default()
    }
}

impl Memory {
    fn commit(&mut self, event: &CommitEvent) -> Result<Watched> {
        let Some(head) = &self.head else { return self.go_on(&event.blocks, event.rev) };
        let begins_anew = self.out_of_sync && event.since.is_none();
        match head.tip().link(event) {
            Relation::Past(why) => Ok(Watched::Ignored(why)),
            Relation::Broken(_) if begins_anew => self.go_on(&event.blocks, event.rev),
            Relation::Next if !self.out_of_sync => self.go_on(&event.blocks, event.rev),
            Relation::Next => Ok(Watched::OutOfSync(head.against(Mismatch::Earlier, event.rev))),
            Relation::Broken(why) => {
                let why = if self.out_of_sync { Mismatch::Earlier } else { why };
                let found = head.against(why, event.rev);
                self.out_of_sync = true;
                Ok(Watched::OutOfSync(found))
            }
        }
    }

    fn sync(&mut self, event: &SyncEvent) -> Result<Watched> {
        let commit = commit_in(&event.blocks)?;
        let past = self.head.as_ref().and_then(|head| head.tip().past(commit.cid(), event.rev));
        match past {
            // The host repeats its head, as it must after a change of state.
            None | Some(Ignored::AlreadyHeld) => self.go_on(&event.blocks, event.rev),
            Some(why) => Ok(Watched::Ignored(why)),
        }
    }

    fn account(&mut self, event: &AccountEvent) -> Watched {
        self.inactive = match (&event.status, event.active) {
            (_, true) => None,
            (Some(status), false) => Some(status.clone()),
            (None, false) => Some(HostingStatus::Deactivated),
        };
        // A deleted account comes back with another repository.
        self.out_of_sync |= self.inactive == Some(HostingStatus::Deleted);
        Watched::Pass
    }

    /// Remembers a head, also of an inactive account, whose frames are not passed on.
    fn go_on(&mut self, blocks: &[u8], rev: Rev) -> Result<Watched> {
        let commit = commit_in(blocks)?;
        let (cid, data) = (commit.cid().clone(), commit.data().clone());
        self.head = Some(Known { commit: cid, rev, data });
        self.out_of_sync = false;
        Ok(match self.inactive {
            Some(_) => Watched::Ignored(Ignored::Inactive),
            None => Watched::Pass,
        })
    }
}

impl Known {
    fn tip(&self) -> Tip<'_> {
        Tip { commit: &self.commit, rev: self.rev, data: &self.data }
    }

    fn against(&self, why: Mismatch, rev: Rev) -> OutOfSync {
        OutOfSync { why, held_rev: self.rev, held_data: self.data.clone(), rev }
    }
}

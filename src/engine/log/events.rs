//! Readers of the event log.

use crate::engine::account::status::parse_did;
use crate::engine::handle::Engine;
use crate::engine::log::make::identity_event;
use crate::error::{Entity, Error, Result};
use crate::event::{Event, Unnumbered};
use crate::ident::Did;
use crate::store::accounts::account_row;
use crate::store::log::{append, gaps_below, is_purged, trimmed_below};
use crate::store::log_read::{LogSlot, read_log};
use crate::store::read_table::ReadTable;
use crate::store::sealed::EVENTS;
use crate::store::tables::View;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// An event in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedEvent {
    /// Its sequence number.
    pub seq: u64,
    kept: Unnumbered,
}

impl LoggedEvent {
    /// The frame, as a message of `com.atproto.sync.subscribeRepos`.
    pub fn frame(&self) -> Vec<u8> {
        self.kept.frame(self.seq)
    }

    /// Decodes the event.
    ///
    /// # Errors
    /// `Corrupt` if its row is damaged.
    pub fn event(&self) -> Result<Event> {
        self.kept.event(self.seq)
    }

    /// The time of the event, in microseconds since 1970.
    pub fn micros(&self) -> u64 {
        self.kept.micros
    }
}

/// A reader of the event log. It starts after a cursor and can wait for new events. It owns a
/// handle to the engine.
pub struct Events {
    engine: Engine,
    after: u64,
    ready: VecDeque<Ready>,
}

/// Events that were read and not yet returned.
enum Ready {
    Event(LoggedEvent),
    Unreadable { first: u64, last: u64, cause: String },
}

/// Maximum number of events per read. No snapshot is held between two reads.
const EVENTS_AT_A_TIME: usize = 64;
/// Maximum bytes per read, unless a single event is longer.
const BYTES_AT_A_TIME: usize = 1 << 20;

impl Engine {
    /// Returns a reader of the events after sequence number `after`; 0 starts at the oldest one.
    /// For `com.atproto.sync.subscribeRepos` with `cursor`.
    ///
    /// ```
    /// # use carrack::engine::Engine;
    /// # use carrack::env::SystemRandom;
    /// # use carrack::ident::Did;
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = Engine::in_memory()?;
    /// # let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// engine.create_account(&did, &SigningKey::generate(Curve::K256, &SystemRandom)?)?;
    /// let mut events = engine.events(0)?;
    /// let mut kinds = Vec::new();
    /// while let Some(event) = events.next()? {
    ///     kinds.push(event.event()?.kind());
    /// }
    /// assert_eq!(kinds, ["#identity", "#account", "#commit"]);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` if `after` is above the last number (`FutureCursor` in the lexicon); [those of
    /// every read](Engine#errors-of-every-call).
    pub fn events(&self, after: u64) -> Result<Events> {
        let last = last_seq(&self.view()?)?;
        if after > last {
            return Err(Error::NotFound(Entity::Event { seq: after, last }));
        }
        Ok(Events { engine: self.clone(), after, ready: VecDeque::new() })
    }

    /// The sequence number of the last event; 0 if there was none.
    ///
    /// # Errors
    /// [Those of every read](Engine#errors-of-every-call).
    pub fn last_seq(&self) -> Result<u64> {
        last_seq(&self.view()?)
    }

    /// The sequence number of the oldest event in the log; `None` if the log is empty. A reader
    /// whose cursor plus one is lower has missed events (`OutdatedCursor` in the lexicon).
    ///
    /// # Errors
    /// [Those of every read](Engine#errors-of-every-call).
    pub fn oldest_seq(&self) -> Result<Option<u64>> {
        let view = self.view()?;
        let Some((seq, row)) = view.events()?.first()? else { return Ok(None) };
        let seq = seq.value();
        EVENTS.open(&seq.to_le_bytes(), row.value())?;
        Ok(Some(seq))
    }

    /// Announces that the account's DID document or handle has changed. The event is `#identity`
    /// with `handle`. Returns its sequence number.
    ///
    /// ```
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let seq = engine.announce_identity(&did, Some("alice.example"))?;
    /// assert_eq!(engine.last_seq()?, seq);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` without the account; [those of every write](Engine#errors-of-every-call).
    pub fn announce_identity(&self, did: &Did, handle: Option<&str>) -> Result<u64> {
        let event = identity_event(did, handle, &*self.shared.clock);
        let did = did.clone();
        self.submit(move |tables| {
            account_row(&tables.accounts, &did)?;
            append(tables, &event)
        })
    }
}

fn last_seq(view: &View) -> Result<u64> {
    crate::store::log::last_seq(view.facts()?)
}

impl Events {
    /// Returns the next event, or `None` if there is none yet. Does not wait.
    ///
    /// # Errors
    /// `UnreadableEvents` in place of damaged events: the next call continues after them. `Corrupt`
    /// if the log cannot be read at all; [those of every read](Engine#errors-of-every-call).
    #[allow(clippy::should_implement_trait, reason = "it can fail, and go on after `None`")]
    pub fn next(&mut self) -> Result<Option<LoggedEvent>> {
        if self.ready.is_empty() {
            self.refill()?;
        }
        match self.ready.pop_front() {
            None => Ok(None),
            Some(Ready::Event(event)) => {
                self.after = event.seq;
                Ok(Some(event))
            }
            Some(Ready::Unreadable { first, last, cause }) => {
                self.after = last;
                Err(Error::UnreadableEvents { first, last, cause })
            }
        }
    }

    /// Returns the next event, and waits for it for at most `timeout`; `None` after that.
    ///
    /// # Errors
    /// As [`Events::next`]; `Reopen` also if the engine's writer has failed. The reader continues
    /// after [`Engine::reopen`].
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<LoggedEvent>> {
        let start = Instant::now();
        loop {
            let core = self.engine.core()?;
            let count = core.notify.count();
            if let Some(event) = self.next()? {
                return Ok(Some(event));
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            // A session that ends meanwhile may have a successor.
            if !core.notify.wait(count, left) {
                core.check_writes()?;
            }
        }
    }

    /// The sequence number of the last returned event: the cursor to continue from.
    pub fn cursor(&self) -> u64 {
        self.after
    }

    /// Reads the next events and skips damaged ones. No snapshot is held between two reads.
    fn refill(&mut self) -> Result<()> {
        let view = self.engine.view()?;
        let until = last_seq(&view)?.saturating_add(1);
        let mut from = self.after.saturating_add(1);
        let trimmed = match trimmed_below(view.facts()?)? {
            Some(trimmed) => trimmed,
            None => oldest_or(&view, until),
        };
        let gaps = gaps_below(view.facts()?)?.max(trimmed);
        while self.ready.is_empty() {
            let events = view.events()?;
            let read = read_log(events, from, until, EVENTS_AT_A_TIME, BYTES_AT_A_TIME)?;
            for slot in read.slots {
                let (first, last) = slot.numbers();
                self.ready.extend(missing(from.max(gaps), first));
                from = last.saturating_add(1);
                self.ready.extend(readied(&view, slot)?);
            }
            let Some(next) = read.next else {
                self.ready.extend(missing(from.max(gaps), until));
                return Ok(());
            };
            from = next;
        }
        Ok(())
    }
}

/// Assigned numbers from `first` to before `next` that no event has.
fn missing(first: u64, next: u64) -> Option<Ready> {
    let cause = "there is no event of these numbers".to_owned();
    let last = next.checked_sub(1).filter(|last| first <= *last)?;
    Some(Ready::Unreadable { first, last, cause })
}

/// For a store that does not record what was trimmed: the number of the oldest event; the end of
/// the log if there is none or it cannot be read.
pub(in crate::engine) fn oldest_or(view: &View, end: u64) -> u64 {
    let oldest = view.events().and_then(|events| {
        let first = events.first()?;
        Ok(first.map(|(seq, _)| seq.value()))
    });
    oldest.ok().flatten().unwrap_or(end)
}

/// What a reader receives for an entry of the log; nothing for an account that was deleted since.
fn readied(view: &View, slot: LogSlot) -> Result<Option<Ready>> {
    let (seq, row) = match slot {
        LogSlot::Event { seq, row } => (seq, row),
        LogSlot::Unreadable { first, last, cause } => {
            return Ok(Some(Ready::Unreadable { first, last, cause }));
        }
    };
    match Unnumbered::decode(seq, &row) {
        Ok(kept) if awaits_purge(view, &kept, seq)? => Ok(None),
        Ok(kept) => Ok(Some(Ready::Event(LoggedEvent { seq, kept }))),
        Err(error) => {
            Ok(Some(Ready::Unreadable { first: seq, last: seq, cause: error.to_string() }))
        }
    }
}

/// Whether the event's account was deleted after it.
fn awaits_purge(view: &View, event: &Unnumbered, seq: u64) -> Result<bool> {
    debug_assert!(parse_did(event.did.as_bytes()).is_ok_and(|did| event.is_of(&did)));
    is_purged(view.purges()?, event.did.as_bytes(), seq)
}

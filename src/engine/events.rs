//! The event log as its readers see it.

use super::account::parse_did;
use super::announce::identity_event;
use super::open::{Engine, account_row};
use crate::error::{Error, Result};
use crate::event::{Event, Unnumbered};
use crate::ident::Did;
use crate::store::log::{append, is_purged};
use crate::store::read_table::ReadTable;
use crate::store::tables::View;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its number.
    pub seq: u64,
    kept: Unnumbered,
}

impl LoggedEvent {
    /// The frame, as `com.atproto.sync.subscribeRepos` sends it.
    pub fn frame(&self) -> Vec<u8> {
        self.kept.frame(self.seq)
    }

    /// The event itself.
    ///
    /// # Errors
    /// `Corrupt` if its row is damaged.
    pub fn event(&self) -> Result<Event> {
        self.kept.event(self.seq)
    }

    /// When it was made, in microseconds since 1970.
    pub fn micros(&self) -> u64 {
        self.kept.micros
    }
}

/// Reads the event log from a cursor on, and waits for what comes.
pub struct Events<'a> {
    engine: &'a Engine,
    after: u64,
    ready: VecDeque<LoggedEvent>,
}

/// Events read at a time: no snapshot is held between two reads.
const EVENTS_AT_A_TIME: usize = 64;
/// And no more bytes than these, but for one event.
const BYTES_AT_A_TIME: usize = 1 << 20;

impl Engine {
    /// The events behind number `after`; 0 is before the first.
    ///
    /// ```
    /// # use carrack::engine::{Engine, Options};
    /// # use carrack::ident::{Did, SystemRandom};
    /// # use carrack::key::{Curve, SigningKey};
    /// # use redb::backends::InMemoryBackend;
    /// # let engine = Engine::open_backend(InMemoryBackend::new(), &Options::default())?;
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
    /// `NotFound` if `after` is a number that has not been given out yet.
    pub fn events(&self, after: u64) -> Result<Events<'_>> {
        let last = last_seq(&self.view()?)?;
        if after > last {
            let name = format!("{after}; the last one is {last}");
            return Err(Error::NotFound { what: "event", name });
        }
        Ok(Events { engine: self, after, ready: VecDeque::new() })
    }

    /// The number of the last event, 0 if there was none.
    ///
    /// # Errors
    /// `Store`, `Corrupt`.
    pub fn last_seq(&self) -> Result<u64> {
        last_seq(&self.view()?)
    }

    /// The number of the oldest event that is still held. A reader whose cursor is before it has
    /// missed some.
    ///
    /// # Errors
    /// `Store`.
    pub fn oldest_seq(&self) -> Result<Option<u64>> {
        Ok(self.view()?.events()?.first()?.map(|(seq, _)| seq.value()))
    }

    /// Tells followers that the account's DID document or handle has changed (`#identity`).
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub fn announce_identity(&self, did: &Did, handle: Option<&str>) -> Result<u64> {
        let event = identity_event(did, handle, &*self.clock);
        let did = did.clone();
        self.submit(move |tables| {
            account_row(&tables.accounts, &did)?;
            append(tables, &event)
        })
    }
}

fn last_seq(view: &View) -> Result<u64> {
    crate::store::open::last_seq(view.facts()?)
}

impl Events<'_> {
    /// The next event, or `None` if there is none yet.
    ///
    /// # Errors
    /// `Store`, `Corrupt`.
    #[allow(clippy::should_implement_trait, reason = "it can fail, and go on after `None`")]
    pub fn next(&mut self) -> Result<Option<LoggedEvent>> {
        if self.ready.is_empty() {
            self.refill()?;
        }
        let next = self.ready.pop_front();
        if let Some(event) = &next {
            self.after = event.seq;
        }
        Ok(next)
    }

    /// The next event; waits for it no longer than `timeout`.
    ///
    /// # Errors
    /// As [`Events::next`]; `Closed` if the engine's writer has failed.
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<LoggedEvent>> {
        let start = Instant::now();
        loop {
            let core = self.engine.core()?;
            let rings = core.signal.rings();
            if let Some(event) = self.next()? {
                return Ok(Some(event));
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            // A session that ends while this waits may have a successor.
            if !core.signal.wait(rings, left) {
                core.check_writes()?;
            }
        }
    }

    /// The number of the event that was given last: the cursor to go on from.
    pub fn cursor(&self) -> u64 {
        self.after
    }

    fn refill(&mut self) -> Result<()> {
        let view = self.engine.view()?;
        let mut from = self.after;
        while self.ready.is_empty() {
            let (mut looked, mut bytes) = (false, 0);
            for row in view.events()?.range(from.saturating_add(1)..)?.take(EVENTS_AT_A_TIME) {
                let (seq, event) = row?;
                (looked, from) = (true, seq.value());
                bytes += event.value().len();
                let kept = Unnumbered::decode(seq.value(), event.value())?;
                if !awaits_purge(&view, &kept, seq.value())? {
                    self.ready.push_back(LoggedEvent { seq: seq.value(), kept });
                }
                if bytes >= BYTES_AT_A_TIME {
                    break;
                }
            }
            if !looked {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Whether the event is of an account that has been deleted since.
fn awaits_purge(view: &View, event: &Unnumbered, seq: u64) -> Result<bool> {
    let row = view.purges()?.get(event.did.as_bytes())?;
    let row = row.as_ref().map(redb::AccessGuard::value);
    debug_assert!(parse_did(event.did.as_bytes()).is_ok_and(|did| event.is_of(&did)));
    is_purged(row, seq)
}

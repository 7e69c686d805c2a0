//! The event log: one sequence for the whole engine, in the order of the transactions.

use crate::error::{Error, Result};
use crate::event::Unnumbered;
use crate::ident::Did;
use crate::store::facts::{ReadFacts, count_up, number, set_number};
use crate::store::log_read::{LogSlot, read_log};
use crate::store::read_table::{ReadBytes, ReadTable};
use crate::store::sealed::{EVENTS, PURGES};
use crate::store::tables::{Tables, View};
use crate::store::write::probe_beside;

/// Events looked at in one turn of the writer, for removal.
const EVENTS_A_TURN: usize = 2000;
/// Bytes of events read in one turn.
const BYTES_A_TURN: usize = 8 << 20;
const NEXT_SEQ: &str = "next_seq";
const BYTES: &str = "events_bytes";
const GAPS: &str = "gaps_below";
const TRIMMED: &str = "trimmed_below";

/// How much of the event log is kept: a maximum age and a maximum size. The oldest events are
/// removed in the background.
///
/// ```
/// use carrack::engine::Retention;
/// let one_day = Retention::default().age_micros(24 * 3_600 * 1_000_000);
/// assert_eq!(one_day.bytes, Retention::default().bytes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// The maximum age of an event, in microseconds. The default is 72 hours.
    pub age_micros: u64,
    /// The maximum size of all events, in bytes. The default is 2 GiB.
    pub bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            age_micros: crate::limits::EVENTS_AGE_MICROS,
            bytes: crate::limits::EVENTS_BYTES_MAX,
        }
    }
}

impl Retention {
    /// Sets the maximum age of an event, in microseconds.
    #[must_use]
    pub fn age_micros(mut self, age_micros: u64) -> Self {
        self.age_micros = age_micros;
        self
    }

    /// Sets the maximum size of all events, in bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }
}

/// Numbers below this may be missing between two events: they were purged or never assigned. A
/// missing number at or above it is damage.
pub(crate) fn gaps_below(facts: &impl ReadFacts) -> Result<u64> {
    Ok(number(facts, GAPS)?.unwrap_or(0))
}

/// Numbers below `seq` may be missing from here on.
pub(crate) fn allow_gaps(tables: &mut Tables<'_>, seq: u64) -> Result<()> {
    if gaps_below(&tables.facts)? >= seq {
        return Ok(());
    }
    set_number(tables, GAPS, seq)
}

/// The last assigned number; 0 before the first.
pub(crate) fn last_seq(facts: &impl ReadFacts) -> Result<u64> {
    Ok(number(facts, NEXT_SEQ)?.map_or(0, |next| next.saturating_sub(1)))
}

/// Numbers up to `seq` are never assigned again.
pub(crate) fn pass_seq(tables: &mut Tables<'_>, seq: u64) -> Result<()> {
    let next = last_seq(&tables.facts)?.max(seq).saturating_add(1);
    allow_gaps(tables, next)?;
    set_number(tables, NEXT_SEQ, next)
}

/// The next number of the event sequence.
fn next_seq(tables: &mut Tables<'_>) -> Result<u64> {
    count_up(tables, NEXT_SEQ, 1)
}

/// Numbers an event and adds it.
pub(crate) fn append(tables: &mut Tables<'_>, event: &Unnumbered) -> Result<u64> {
    let row = event.encode();
    // Everything is read, and damage found, before the first write.
    let total = bytes(&tables.facts)? + row.len() as u64;
    let seq = next_seq(tables)?;
    tables.events.insert(seq, &EVENTS.seal(&seq.to_le_bytes(), &row)[..])?;
    set_number(tables, BYTES, total)?;
    Ok(seq)
}

/// Adds events in this order; gives the number of the last.
pub(crate) fn append_all(tables: &mut Tables<'_>, events: &[Unnumbered]) -> Result<u64> {
    let mut last = 0;
    for event in events {
        last = append(tables, event)?;
    }
    Ok(last)
}

/// Bytes of all events, without their seals.
fn bytes(facts: &impl ReadFacts) -> Result<u64> {
    Ok(number(facts, BYTES)?.unwrap_or(0))
}

/// Marks the log as empty: its events count as trimmed.
pub(crate) fn forget_events(tables: &mut Tables<'_>) -> Result<()> {
    tables.facts.remove(BYTES)?;
    let next = last_seq(&tables.facts)?.saturating_add(1);
    note_trimmed(tables, next)
}

/// Makes the log of a copy begin at `seq`: `total` bytes of events are in it.
pub(crate) fn begin_log_at(tables: &mut Tables<'_>, seq: u64, total: u64) -> Result<()> {
    set_number(tables, BYTES, total)?;
    note_trimmed(tables, seq)
}

/// Allows the gaps of events that were to be purged and were left out of a copy.
pub(crate) fn allow_purged_gaps(view: &View, tables: &mut Tables<'_>) -> Result<()> {
    let mut until = 0;
    for row in view.purges()?.entries()? {
        let (did, row) = row?;
        until = until.max(parse_purge(PURGES.open(did.value(), row.value())?)?.1);
    }
    allow_gaps(tables, until)
}

/// Whether an event is of an account that was deleted since.
pub(crate) fn is_purged_row(view: &View, seq: u64, row: &[u8]) -> Result<bool> {
    let row = EVENTS.open(&seq.to_le_bytes(), row)?;
    match Unnumbered::did_of(row) {
        Some(did) => is_purged(view.purges()?, did, seq),
        None => Ok(false),
    }
}

/// Events before this number were trimmed; `None` in a store that does not record it.
pub(crate) fn trimmed_below(facts: &impl ReadFacts) -> Result<Option<u64>> {
    number(facts, TRIMMED)
}

/// Records that events before `seq` were trimmed or never assigned. The first entry alone does not
/// show where the log begins: a damaged page could hide it.
pub(crate) fn note_trimmed(tables: &mut Tables<'_>, seq: u64) -> Result<()> {
    if trimmed_below(&tables.facts)?.is_some_and(|noted| noted >= seq) {
        return Ok(());
    }
    set_number(tables, TRIMMED, seq)
}

/// Marks a deleted account's events before `until` for removal.
pub(crate) fn purge(tables: &mut Tables<'_>, did: &Did, until: u64) -> Result<()> {
    let did = did.as_str().as_bytes();
    tables.purges.insert(did, &PURGES.seal(did, &purge_row(0, until))[..])?;
    Ok(())
}

/// Events to be removed, all of them readable.
struct Gone {
    seqs: Vec<u64>,
    bytes: u64,
}

/// Events of a deleted account to be removed.
pub(crate) struct Purge {
    did: Vec<u8>,
    gone: Gone,
    /// The next event to read; `None` at the end.
    next: Option<u64>,
    until: u64,
}

impl Purge {
    /// Whether nothing of the account is left then.
    pub(crate) fn is_last(&self) -> bool {
        self.next.is_none()
    }
}

/// Plans the next removals for a deleted account. Unreadable events stay: readers do not receive
/// them.
pub(crate) fn plan_purge(view: &View, did: &[u8], row: &[u8]) -> Result<Purge> {
    let (from, until) = parse_purge(PURGES.open(did, row)?)?;
    let events = view.events()?;
    let read = read_log(events, from, until, EVENTS_A_TURN, BYTES_A_TURN)?;
    let mut gone = Gone { seqs: Vec::new(), bytes: 0 };
    for slot in &read.slots {
        if let LogSlot::Event { seq, row } = slot
            && Unnumbered::did_of(row) == Some(did)
        {
            gone.bytes += row.len() as u64;
            gone.seqs.push(*seq);
        }
    }
    gone.drop_what_is_beside_damage(&read.slots);
    gone.probe(events)?;
    Ok(Purge { did: did.to_vec(), gone, next: read.next, until })
}

/// Removes what was planned.
pub(crate) fn carry_out_purge(tables: &mut Tables<'_>, purge: &Purge) -> Result<()> {
    remove(tables, &purge.gone)?;
    allow_gaps(tables, purge.until)?;
    match purge.next {
        None => tables.purges.remove(&purge.did[..])?,
        Some(next) => {
            let row = PURGES.seal(&purge.did, &purge_row(next, purge.until));
            tables.purges.insert(&purge.did[..], &row[..])?
        }
    };
    Ok(())
}

/// Whether an event of this account is one that a purge has not reached yet.
pub(crate) fn is_purged(purges: &impl ReadBytes, did: &[u8], seq: u64) -> Result<bool> {
    Ok(match PURGES.get(purges, &did)? {
        None => false,
        Some(row) => seq < parse_purge(&row)?.1,
    })
}

fn purge_row(from: u64, until: u64) -> Vec<u8> {
    [from.to_be_bytes(), until.to_be_bytes()].concat()
}

fn parse_purge(row: &[u8]) -> Result<(u64, u64)> {
    let broken = || Error::Corrupt("a purge's row cannot be read".to_owned());
    let (from, rest) = row.split_first_chunk::<8>().ok_or_else(broken)?;
    let until: [u8; 8] = rest.try_into().map_err(|_| broken())?;
    Ok((u64::from_be_bytes(*from), u64::from_be_bytes(until)))
}

/// The oldest events, as far as they are over the retention.
pub(crate) struct Trim(Gone);

/// Plans the removal of the oldest events; `None` if none is due. Unreadable events end the plan:
/// events after them are not removed.
pub(crate) fn plan_trim(view: &View, keep: &Retention, now: u64) -> Result<Option<Trim>> {
    let mut total = bytes(view.facts()?)?;
    let oldest = now.saturating_sub(keep.age_micros);
    let events = view.events()?;
    let mut gone = Gone { seqs: Vec::new(), bytes: 0 };
    for event in events.entries()?.take(EVENTS_A_TURN) {
        let (seq, row) = event?;
        // One whose row is damaged is of no use to any reader.
        let opened = EVENTS.open(&seq.value().to_le_bytes(), row.value());
        let is_fresh = opened
            .and_then(|row| Unnumbered::decode(seq.value(), row))
            .is_ok_and(|event| event.micros >= oldest);
        if is_fresh && total <= keep.bytes {
            break;
        }
        let length = payload_length(seq.value(), row.value());
        total = total.saturating_sub(length);
        gone.bytes += length;
        gone.seqs.push(seq.value());
        if gone.bytes >= BYTES_A_TURN as u64 {
            break;
        }
    }
    gone.probe(events)?;
    Ok(Some(gone).filter(|gone| !gone.seqs.is_empty()).map(Trim))
}

fn payload_length(seq: u64, row: &[u8]) -> u64 {
    EVENTS.open(&seq.to_le_bytes(), row).map_or(row.len(), <[u8]>::len) as u64
}

/// Removes what was planned.
pub(crate) fn carry_out_trim(tables: &mut Tables<'_>, trim: &Trim) -> Result<()> {
    remove(tables, &trim.0)?;
    match trim.0.seqs.last() {
        Some(last) => note_trimmed(tables, last.saturating_add(1)),
        None => Ok(()),
    }
}

impl Gone {
    /// Keeps events next to an unreadable page: a removal may merge a page with its neighbour.
    fn drop_what_is_beside_damage(&mut self, slots: &[LogSlot]) {
        for slot in slots {
            if let LogSlot::Unreadable { first, last, .. } = slot {
                let reach = EVENTS_BESIDE_DAMAGE;
                let beside = first.saturating_sub(reach)..=last.saturating_add(reach);
                self.seqs.retain(|seq| !beside.contains(seq));
            }
        }
    }

    fn probe(&self, events: &impl ReadTable<u64, &'static [u8]>) -> Result<()> {
        match (self.seqs.first(), self.seqs.last()) {
            (Some(first), Some(last)) => probe_beside(events, first, last),
            _ => Ok(()),
        }
    }
}

/// Events on each side of unreadable ones that a purge leaves: more than a page holds.
const EVENTS_BESIDE_DAMAGE: u64 = 256;

fn remove(tables: &mut Tables<'_>, gone: &Gone) -> Result<()> {
    let total = bytes(&tables.facts)?.saturating_sub(gone.bytes);
    for seq in &gone.seqs {
        if tables.events.remove(seq)?.is_none() {
            return Err(Error::Corrupt(format!("event {seq} lies where it is not found")));
        }
    }
    set_number(tables, BYTES, total)
}

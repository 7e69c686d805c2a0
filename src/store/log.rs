//! The event log: one sequence for the whole engine, in the order of the transactions.

use super::open::next_seq;
use super::tables::Tables;
use crate::error::{Error, Result};
use crate::event::Unnumbered;
use crate::ident::Did;
use redb::{ReadableTable, ReadableTableMetadata};

/// Events looked at in one turn of the writer, for removal.
const EVENTS_A_TURN: usize = 2000;
/// Bytes of events read in one turn.
const BYTES_A_TURN: usize = 8 << 20;
const BYTES: &str = "events_bytes";

/// How much of the log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events older than this many microseconds go.
    pub age_micros: u64,
    /// Of events beyond this many bytes, the oldest go.
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

/// Numbers an event and adds it.
pub(crate) fn append(tables: &mut Tables<'_>, event: &Unnumbered) -> Result<u64> {
    let row = event.encode();
    // What can be found damaged is read before anything is written.
    let total = bytes(tables)? + row.len() as u64;
    let seq = next_seq(tables)?;
    tables.events.insert(seq, &row[..])?;
    tables.facts.insert(BYTES, &total.to_be_bytes()[..])?;
    Ok(seq)
}

/// Bytes of all events.
pub(crate) fn bytes(tables: &Tables<'_>) -> Result<u64> {
    let stored = tables.facts.get(BYTES)?.map(|value| value.value().try_into());
    match stored {
        None => Ok(0),
        Some(Ok(bytes)) => Ok(u64::from_be_bytes(bytes)),
        Some(Err(_)) => Err(Error::Corrupt(format!("the fact {BYTES} is not a number"))),
    }
}

fn add_bytes(tables: &mut Tables<'_>, more: u64, less: u64) -> Result<()> {
    let total = (bytes(tables)? + more).saturating_sub(less);
    tables.facts.insert(BYTES, &total.to_be_bytes()[..])?;
    Ok(())
}

/// What the log holds of a deleted account is to be removed: everything before event `until`.
pub(crate) fn purge(tables: &mut Tables<'_>, did: &Did, until: u64) -> Result<()> {
    let row = [0u64.to_be_bytes(), until.to_be_bytes()].concat();
    tables.purges.insert(did.as_str().as_bytes(), &row[..])?;
    Ok(())
}

/// Removes some events of an account that is to be purged, and says how many it has looked at.
pub(crate) fn purge_some(tables: &mut Tables<'_>) -> Result<usize> {
    if tables.purges.is_empty()? {
        return Ok(0);
    }
    let first =
        tables.purges.first()?.map(|(did, row)| (did.value().to_vec(), row.value().to_vec()));
    let Some((did, row)) = first else { return Ok(0) };
    let (from, until) = parse_purge(&row)?;
    let (mut looked, mut next, mut freed, mut read) = (0, from, 0, 0);
    let mut gone = Vec::new();
    for found in tables.events.range(from..until)?.take(EVENTS_A_TURN) {
        let (seq, event) = found?;
        (looked, next) = (looked + 1, seq.value() + 1);
        read += event.value().len();
        // One that cannot be read is nobody's: it goes when its time comes.
        if Unnumbered::did_of(event.value()) == Some(&did[..]) {
            freed += event.value().len() as u64;
            gone.push(seq.value());
        }
        if read >= BYTES_A_TURN {
            break;
        }
    }
    for seq in gone {
        tables.events.remove(seq)?;
    }
    add_bytes(tables, 0, freed)?;
    if looked < EVENTS_A_TURN && read < BYTES_A_TURN {
        tables.purges.remove(&did[..])?;
    } else {
        let row = [next.to_be_bytes(), until.to_be_bytes()].concat();
        tables.purges.insert(&did[..], &row[..])?;
    }
    Ok(looked + 1)
}

/// Whether the event is one that a purge has not reached yet.
pub(crate) fn is_purged(row: Option<&[u8]>, seq: u64) -> Result<bool> {
    Ok(match row {
        None => false,
        Some(row) => seq < parse_purge(row)?.1,
    })
}

fn parse_purge(row: &[u8]) -> Result<(u64, u64)> {
    let broken = || Error::Corrupt("a purge's row cannot be read".to_owned());
    let (from, rest) = row.split_first_chunk::<8>().ok_or_else(broken)?;
    let until: [u8; 8] = rest.try_into().map_err(|_| broken())?;
    Ok((u64::from_be_bytes(*from), u64::from_be_bytes(until)))
}

/// Removes some events that are over the retention, and says how many.
pub(crate) fn trim_some(tables: &mut Tables<'_>, keep: &Retention, now: u64) -> Result<usize> {
    let mut total = bytes(tables)?;
    let oldest = now.saturating_sub(keep.age_micros);
    let mut gone = Vec::new();
    let mut freed = 0;
    for found in tables.events.iter()?.take(EVENTS_A_TURN) {
        let (seq, event) = found?;
        // One that cannot be read is of no use to anybody.
        let is_fresh = Unnumbered::decode(seq.value(), event.value())
            .is_ok_and(|event| event.micros >= oldest);
        if is_fresh && total <= keep.bytes {
            break;
        }
        let length = event.value().len() as u64;
        total = total.saturating_sub(length);
        freed += length;
        gone.push(seq.value());
        if freed >= BYTES_A_TURN as u64 {
            break;
        }
    }
    for seq in &gone {
        tables.events.remove(seq)?;
    }
    if !gone.is_empty() {
        add_bytes(tables, 0, freed)?;
    }
    Ok(gone.len())
}

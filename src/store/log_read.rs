//! Reading the event log past pages that cannot be read.

use crate::error::{Error, Result};
use crate::store::read_table::ReadTable;
use crate::store::sealed::EVENTS;

/// An entry of the log, as it was read.
pub(crate) enum LogSlot {
    /// An event.
    Event { seq: u64, row: Vec<u8> },
    /// Events of these numbers, if there are any, cannot be read.
    Unreadable { first: u64, last: u64, cause: String },
}

impl LogSlot {
    /// The first and the last number of the entry.
    pub(crate) fn numbers(&self) -> (u64, u64) {
        match self {
            Self::Event { seq, .. } => (*seq, *seq),
            Self::Unreadable { first, last, .. } => (*first, *last),
        }
    }
}

/// A stretch of the log.
pub(crate) struct Stretch {
    pub(crate) slots: Vec<LogSlot>,
    /// The number to continue from; `None` at the end.
    pub(crate) next: Option<u64>,
}

/// Reads events from number `from` to before `until`, at most `most` of them and `most_bytes`
/// bytes. A damaged page is reported with its numbers, and reading continues after it.
pub(crate) fn read_log(
    events: &impl ReadTable<u64, &'static [u8]>,
    from: u64,
    until: u64,
    most: usize,
    most_bytes: usize,
) -> Result<Stretch> {
    let (mut slots, mut next, mut bytes) = (Vec::new(), from, 0);
    while next < until {
        let read = read_good(events, &mut slots, &mut next, until, most, &mut bytes, most_bytes)?;
        let is_full = slots.len() >= most || bytes >= most_bytes;
        let error = match read {
            Some(error) => error,
            None if is_full => return Ok(Stretch { slots, next: Some(next) }),
            None => match check_end(events, next, until) {
                Ok(()) => return Ok(Stretch { slots, next: None }),
                Err(error) => damage(error)?,
            },
        };
        let behind = first_readable(events, next, until)?;
        let last = behind.unwrap_or(until).saturating_sub(1);
        slots.push(LogSlot::Unreadable { first: next, last, cause: error.to_string() });
        next = last.saturating_add(1);
    }
    Ok(Stretch { slots, next: None })
}

/// Reads up to the first page that cannot be read, and gives that error.
fn read_good(
    events: &impl ReadTable<u64, &'static [u8]>,
    slots: &mut Vec<LogSlot>,
    next: &mut u64,
    until: u64,
    most: usize,
    bytes: &mut usize,
    most_bytes: usize,
) -> Result<Option<Error>> {
    let entries = match events.range(*next..until) {
        Ok(entries) => entries,
        Err(error) => return damage(error).map(Some),
    };
    for entry in entries {
        if slots.len() >= most || *bytes >= most_bytes {
            break;
        }
        let (seq, row) = match entry {
            Ok(entry) => entry,
            Err(error) => return damage(error).map(Some),
        };
        let seq = seq.value();
        if seq < *next || seq >= until {
            let message =
                format!("an event of number {seq} stands where {next} or a later one does");
            return Ok(Some(Error::Corrupt(message)));
        }
        let row = match EVENTS.open(&seq.to_le_bytes(), row.value()) {
            Ok(row) => row.to_vec(),
            Err(error) => return Ok(Some(error)),
        };
        *bytes += row.len();
        slots.push(LogSlot::Event { seq, row });
        *next = seq.saturating_add(1);
    }
    Ok(None)
}

/// Whether there is nothing from `next` on and before `until`. A search that a changed key has misled
/// ends too early; the last entry of the table is found without one.
fn check_end(events: &impl ReadTable<u64, &'static [u8]>, next: u64, until: u64) -> Result<()> {
    let last = events.entries()?.next_back().transpose()?;
    let Some((last, row)) = last else {
        return match events.len()? {
            0 => Ok(()),
            _ => Err(Error::Corrupt("the event log has lost its entries".to_owned())),
        };
    };
    EVENTS.open(&last.value().to_le_bytes(), row.value())?;
    if last.value() < next {
        return Ok(());
    }
    match events.range(next..)?.next().transpose()? {
        Some((after, row)) if after.value() >= until => {
            EVENTS.open(&after.value().to_le_bytes(), row.value()).map(|_| ())
        }
        _ => Err(Error::Corrupt(format!("events from {next} on are not found by their numbers"))),
    }
}

/// An error of the page; any other ends the reading.
fn damage(error: Error) -> Result<Error> {
    if matches!(error, Error::Corrupt(_)) { Ok(error) } else { Err(error) }
}

/// The number of the first event that can be read at or behind `from`, where reading failed: looked
/// for in steps that double, then between the last two.
fn first_readable(
    events: &impl ReadTable<u64, &'static [u8]>,
    from: u64,
    until: u64,
) -> Result<Option<u64>> {
    let (mut bad, mut step) = (from, 1);
    let mut good = loop {
        let at = from.saturating_add(step);
        if at >= until {
            match first_from(events, until.saturating_sub(1).max(from), until)? {
                Probed::Unreadable => return Ok(None),
                _ => break until.saturating_sub(1).max(from),
            }
        }
        match first_from(events, at, until)? {
            Probed::Unreadable => bad = at,
            _ => break at,
        }
        step = step.saturating_mul(2);
    };
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        match first_from(events, middle, until)? {
            Probed::Unreadable => bad = middle,
            _ => good = middle,
        }
    }
    Ok(match first_from(events, good, until)? {
        Probed::Event(seq) => Some(seq),
        _ => None,
    })
}

enum Probed {
    Event(u64),
    End,
    Unreadable,
}

fn first_from(
    events: &impl ReadTable<u64, &'static [u8]>,
    from: u64,
    until: u64,
) -> Result<Probed> {
    let first = events.range(from..until).and_then(|mut range| range.next().transpose());
    match first {
        Ok(Some((seq, row)))
            if seq.value() >= from
                && seq.value() < until
                && EVENTS.open(&seq.value().to_le_bytes(), row.value()).is_ok() =>
        {
            Ok(Probed::Event(seq.value()))
        }
        Ok(None) if check_end(events, from, until).is_ok() => Ok(Probed::End),
        Ok(_) => Ok(Probed::Unreadable),
        Err(error) => damage(error).map(|_| Probed::Unreadable),
    }
}

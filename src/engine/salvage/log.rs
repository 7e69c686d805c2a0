//! What can be kept of a damaged event log: the events behind the last one that cannot be read. Its
//! readers learn that the log begins there, as they do after older events were removed. Events on both
//! sides of a gap would hide it once numbers below a confirmed minimum may be missing.

use crate::engine::log::events::oldest_or;
use crate::error::{Error, Result};
use crate::event::Unnumbered;
use crate::store::copy_intact::IntactLog;
use crate::store::log::{gaps_below, last_seq, trimmed_below};
use crate::store::log_read::{LogSlot, read_log};
use crate::store::read_table::ReadTable;
use crate::store::sealed::PURGES;
use crate::store::tables::View;

/// Events that a backup of a damaged store leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EventsLeftOut {
    /// The last number that is left out; events before it are left out as well.
    pub until: u64,
    /// Why the first unreadable event cannot be read.
    pub cause: String,
}

/// The events that are kept.
pub(super) struct LogPlan {
    pub(super) log: IntactLog,
    pub(super) left_out: Option<EventsLeftOut>,
}

const EVENTS_AT_A_TIME: usize = 256;
const BYTES_AT_A_TIME: usize = 4 << 20;

/// Reads the whole log.
pub(super) fn plan_log(view: &View) -> Result<LogPlan> {
    let end = last_seq(view.facts()?)?.saturating_add(1);
    let mut kept = Kept { begin: 0, bytes: 0, cause: None };
    let purges = damage(check_purges(view))?;
    let with_purges = purges.is_none();
    let unreadable = match purges {
        // Without these, events of deleted accounts would be shown again.
        Some(why) => Some(why),
        None => damage(kept.read(view, end))?,
    };
    if let Some(why) = unreadable {
        kept.lose(end.saturating_sub(1), why);
    }
    let Kept { begin, bytes, cause } = kept;
    Ok(match cause {
        None => LogPlan { log: IntactLog::All, left_out: None },
        Some(cause) => LogPlan {
            log: IntactLog::From { seq: begin, bytes, with_purges },
            left_out: Some(EventsLeftOut { until: begin.saturating_sub(1), cause }),
        },
    })
}

/// The damage, if that is why it failed.
fn damage(done: Result<()>) -> Result<Option<String>> {
    match done {
        Ok(()) => Ok(None),
        Err(Error::Corrupt(why)) => Ok(Some(why)),
        Err(error) => Err(error),
    }
}

fn check_purges(view: &View) -> Result<()> {
    let mut count = 0;
    for row in view.purges()?.entries()? {
        let (did, row) = row?;
        PURGES.open(did.value(), row.value())?;
        count += 1;
    }
    if count == view.purges()?.len()? {
        return Ok(());
    }
    Err(Error::Corrupt("the marks of events to be removed are not all found".to_owned()))
}

/// The readable end of the log.
struct Kept {
    begin: u64,
    bytes: u64,
    cause: Option<String>,
}

impl Kept {
    fn lose(&mut self, last: u64, cause: String) {
        self.begin = last.saturating_add(1);
        self.bytes = 0;
        self.cause.get_or_insert(cause);
    }

    fn read(&mut self, view: &View, end: u64) -> Result<()> {
        let trimmed = match trimmed_below(view.facts()?)? {
            Some(trimmed) => trimmed,
            None => oldest_or(view, end),
        };
        let gaps = gaps_below(view.facts()?)?.max(trimmed);
        let mut from = 1;
        loop {
            let read = read_log(view.events()?, from, end, EVENTS_AT_A_TIME, BYTES_AT_A_TIME)?;
            for slot in read.slots {
                let (first, last) = slot.numbers();
                self.missing(from.max(gaps), first);
                self.slot(slot);
                from = last.saturating_add(1);
            }
            let Some(next) = read.next else { break };
            from = next;
        }
        self.missing(from.max(gaps), end);
        Ok(())
    }

    fn slot(&mut self, slot: LogSlot) {
        match slot {
            LogSlot::Unreadable { last, cause, .. } => self.lose(last, cause),
            LogSlot::Event { seq, row } => match Unnumbered::decode(seq, &row) {
                Ok(_) => self.bytes += row.len() as u64,
                Err(error) => self.lose(seq, error.to_string()),
            },
        }
    }

    /// Numbers from `first` to before `next` were given to events, and none has them.
    fn missing(&mut self, first: u64, next: u64) {
        if first < next {
            self.lose(next - 1, format!("there are no events from {first} to {}", next - 1));
        }
    }
}

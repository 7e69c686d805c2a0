//! A restored store takes no writes before an operator confirms the restore, with the minimum
//! sequence number and revision.

use crate::error::{Error, Result};
use crate::ident::Rev;
use crate::store::facts::{ReadFacts, number, set_fact, set_number};
use crate::store::sealed::FACTS;
use crate::store::tables::Tables;

const RESTORED: &str = "restored";
const REV_LOWER_BOUND: &str = "rev_floor";

/// A restored store whose restore is not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Restored {
    /// The time when the copy was made or marked, in microseconds since 1970.
    pub micros: u64,
    /// The sequence number of the copy's last event, 0 if there was none: the minimum to confirm is
    /// at least this.
    pub last_seq: u64,
    /// The newest revision of all accounts in the copy, `None` without accounts: the minimum to
    /// confirm is at least this.
    pub last_rev: Option<Rev>,
}

impl Restored {
    /// When, the last number, and the newest revision (0 for none), 8 bytes each.
    fn encode(&self) -> Vec<u8> {
        let rev = self.last_rev.map_or(0, Rev::as_u64);
        [self.micros, self.last_seq, rev].map(u64::to_be_bytes).concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let broken = || Error::Corrupt(format!("the fact {RESTORED} cannot be read"));
        let (micros, rest) = bytes.split_first_chunk::<8>().ok_or_else(broken)?;
        let (last_seq, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
        let rev = u64::from_be_bytes(rest.try_into().map_err(|_| broken())?);
        Ok(Self {
            micros: u64::from_be_bytes(*micros),
            last_seq: u64::from_be_bytes(*last_seq),
            last_rev: if rev == 0 { None } else { Some(Rev::from_u64(rev)?) },
        })
    }
}

/// The restore gate: refuses the writes of a restored store until an operator confirms the restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestoreGate {
    /// The store takes writes.
    Open,
    /// It was restored, and takes none before [`RestoreGate::open`].
    Closed(Restored),
}

impl RestoreGate {
    /// Reads the gate from the store's facts.
    pub(crate) fn read(facts: &impl ReadFacts) -> Result<Self> {
        Ok(match FACTS.get(facts, &RESTORED)? {
            None => Self::Open,
            Some(fact) => Self::Closed(Restored::decode(&fact)?),
        })
    }

    /// The restored store, if its restore is not confirmed.
    pub(crate) fn unconfirmed(self) -> Option<Restored> {
        match self {
            Self::Open => None,
            Self::Closed(restored) => Some(restored),
        }
    }

    /// Returns an error while the gate is closed.
    pub(crate) fn require_open(self) -> Result<()> {
        let Self::Closed(Restored { last_seq, last_rev, .. }) = self else { return Ok(()) };
        Err(Error::RestoreUnconfirmed { last_seq, last_rev })
    }

    /// Closes the gate: the store refuses writes.
    pub(crate) fn close(tables: &mut Tables<'_>, restored: &Restored) -> Result<()> {
        set_fact(tables, RESTORED, &restored.encode())
    }

    /// Opens the gate: the store takes writes, and signs no revision at or below `rev`.
    pub(crate) fn open(tables: &mut Tables<'_>, rev: Rev) -> Result<()> {
        set_number(tables, REV_LOWER_BOUND, rev.as_u64())?;
        tables.facts.remove(RESTORED)?;
        Ok(())
    }
}

/// The lower bound for revisions that a confirmed restore has set, for all accounts, those included
/// that are not here yet.
pub(crate) fn rev_lower_bound(facts: &impl ReadFacts) -> Result<Option<Rev>> {
    Ok(number(facts, REV_LOWER_BOUND)?.map(Rev::from_u64).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        for last_rev in [None, Some(Rev::from_u64(7).unwrap())] {
            let restored = Restored { micros: 1, last_seq: u64::MAX, last_rev };
            let bytes = restored.encode();
            assert_eq!(Restored::decode(&bytes).unwrap(), restored);
            for length in 0..bytes.len() {
                assert!(matches!(Restored::decode(&bytes[..length]), Err(Error::Corrupt(_))));
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(matches!(Restored::decode(&longer), Err(Error::Corrupt(_))));
        }
    }
}

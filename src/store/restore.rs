//! A store that was restored waits for its floors: until they are given, nothing is written.

use crate::error::{Error, Result};
use crate::ident::Rev;
use crate::store::facts::{ReadFacts, number, set_fact, set_number};
use crate::store::sealed::FACTS;
use crate::store::tables::Tables;

const RESTORED: &str = "restored";
const REV_FLOOR: &str = "rev_floor";

/// What a store says of itself that was restored and has not been given its floors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// When the copy was made, or marked as one, in microseconds since 1970.
    pub micros: u64,
    /// The number of the last event that it holds, 0 if there was none. The floor for the sequence
    /// is not below it.
    pub last_seq: u64,
    /// The newest revision that it holds, of all accounts. The floor for revisions is not below it.
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

/// What the store waits for, if it was restored and has no floors yet.
pub(crate) fn awaited(facts: &impl ReadFacts) -> Result<Option<Restored>> {
    FACTS.get(facts, &RESTORED)?.map(|fact| Restored::decode(&fact)).transpose()
}

/// Refuses while floors are awaited.
pub(crate) fn require_given(facts: &impl ReadFacts) -> Result<()> {
    match awaited(facts)? {
        None => Ok(()),
        Some(restored) => {
            Err(Error::FloorsAwaited { last_seq: restored.last_seq, last_rev: restored.last_rev })
        }
    }
}

/// The store takes no writes from here on, until floors are given.
pub(crate) fn await_floors(tables: &mut Tables<'_>, restored: &Restored) -> Result<()> {
    set_fact(tables, RESTORED, &restored.encode())
}

/// No revision is given out at or below `rev` any more, and the store takes writes again.
pub(crate) fn give(tables: &mut Tables<'_>, rev: Rev) -> Result<()> {
    set_number(tables, REV_FLOOR, rev.as_u64())?;
    tables.facts.remove(RESTORED)?;
    Ok(())
}

/// The floor under the revisions of all accounts, those included that are not here yet.
pub(crate) fn rev_floor(facts: &impl ReadFacts) -> Result<Option<Rev>> {
    Ok(number(facts, REV_FLOOR)?.map(Rev::from_u64).transpose()?)
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

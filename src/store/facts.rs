//! Facts about the whole store: sealed values by name.

use crate::error::{Error, Result};
use crate::store::read_table::ReadTable;
use crate::store::sealed::FACTS;
use crate::store::tables::Tables;

/// The table of facts, of a read transaction or of a write transaction.
pub(crate) trait ReadFacts: ReadTable<&'static str, &'static [u8]> {}

impl<T: ReadTable<&'static str, &'static [u8]>> ReadFacts for T {}

/// Stores a fact, sealed.
pub(crate) fn set_fact(tables: &mut Tables<'_>, name: &str, payload: &[u8]) -> Result<()> {
    tables.facts.insert(name, &FACTS.seal(name.as_bytes(), payload)[..])?;
    Ok(())
}

/// A fact that is a number.
pub(crate) fn number(facts: &impl ReadFacts, name: &'static str) -> Result<Option<u64>> {
    let broken = |_| Error::Corrupt(format!("the fact {name} is not a number"));
    let Some(stored) = FACTS.get(facts, &name)? else { return Ok(None) };
    stored[..].try_into().map(|number| Some(u64::from_be_bytes(number))).map_err(broken)
}

/// Stores a fact that is a number.
pub(crate) fn set_number(tables: &mut Tables<'_>, name: &str, number: u64) -> Result<()> {
    set_fact(tables, name, &number.to_be_bytes())
}

/// The first of `count` numbers that are given out now. Numbers start at 1.
pub(crate) fn count_up(tables: &mut Tables<'_>, name: &'static str, count: u64) -> Result<u64> {
    let next = number(&tables.facts, name)?.unwrap_or(1);
    set_number(tables, name, next.saturating_add(count))?;
    Ok(next)
}

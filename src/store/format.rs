//! Which version of the format a store has, and how one of an older version becomes one of this.

use crate::error::{Error, Result};
use crate::store::session::Session;
use crate::store::tables::{Tables, fact};
use crate::store::transaction::once;
use std::sync::Arc;

/// The version of the whole format; `manual::format` describes it.
const STORE_FORMAT: u32 = 2;
/// The state of version 2, which is not frozen. Stores of another state are not read.
const DRAFT: u32 = 2;
/// The oldest version that is read.
const OLDEST_FORMAT: u32 = 1;

const FORMAT_FACT: &str = "format";
const DRAFT_FACT: &str = "draft";

/// Checks that the store can be used; gives its version if that is an older one, which is read, and
/// becomes this one before anything is written.
pub(crate) fn check(session: &Arc<Session>) -> Result<Option<u32>> {
    match number(session, FORMAT_FACT)? {
        Some(STORE_FORMAT) => check_draft(session).map(|()| None),
        Some(newer) if newer > STORE_FORMAT => Err(Error::Format(format!(
            "the store has format {newer}, this Carrack knows up to {STORE_FORMAT}: use a newer Carrack"
        ))),
        Some(older) if older >= OLDEST_FORMAT => Ok(Some(older)),
        Some(other) => Err(Error::Format(format!("the store has the unknown format {other}"))),
        None => Err(Error::Format("the store does not say its format".to_owned())),
    }
}

/// Whether a store says that it is of an older version.
pub(crate) fn is_older(session: &Arc<Session>) -> Result<bool> {
    let format = number(session, FORMAT_FACT)?;
    Ok(format.is_some_and(|format| (OLDEST_FORMAT..STORE_FORMAT).contains(&format)))
}

/// Makes a store of an older version one of this version, in one transaction. Rows of accounts
/// keep their form until they are written.
pub(crate) fn upgrade(session: &Session) -> Result<()> {
    once(session, say)
}

/// Says that the store is of this version.
pub(crate) fn say(tables: &mut Tables<'_>) -> Result<()> {
    tables.facts.insert(FORMAT_FACT, &STORE_FORMAT.to_be_bytes()[..])?;
    tables.facts.insert(DRAFT_FACT, &DRAFT.to_be_bytes()[..])?;
    Ok(())
}

fn check_draft(session: &Arc<Session>) -> Result<()> {
    let name = match number(session, DRAFT_FACT)? {
        Some(DRAFT) => return Ok(()),
        Some(other) => format!("draft {other}"),
        None => "no draft".to_owned(),
    };
    Err(Error::Format(format!(
        "the store is of {name} of format {STORE_FORMAT}, this Carrack reads draft {DRAFT}: export \
         its accounts with the Carrack that wrote it"
    )))
}

fn number(session: &Arc<Session>, name: &str) -> Result<Option<u32>> {
    Ok(fact(session, name)?.and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes))
}

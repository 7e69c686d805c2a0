//! Opening a store: the format's version, the engine's name, what a crash left behind.

use crate::account::EngineName;
use crate::env::Random;
use crate::error::{Error, Result};
use crate::shown::Quoted;
use crate::store::counts::say_counted;
use crate::store::facts::set_fact;
use crate::store::format;
use crate::store::log::{allow_gaps, last_seq, note_trimmed};
use crate::store::read_table::ReadTable;
use crate::store::sealed::{FACTS, JOURNAL};
use crate::store::session::Session;
use crate::store::tables::{View, fact, missing_table, table_names};
use crate::store::transaction::once;
use crate::store::write::reclaim::mark_for_removal;
use std::sync::Arc;

const ENGINE: &str = "engine";
/// Which set of tables the store has.
const TABLES: &str = "tables";
const TABLES_NOW: u64 = 2;

/// What a store says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    /// The engine's name, drawn at creation.
    pub(crate) engine: EngineName,
    /// The version of the format that the store had, if that was an older one.
    pub(crate) older: Option<u32>,
}

/// Checks what the database is, makes a new one ready, upgrades an older one, and marks for removal
/// what was left half written. One that `is_kept` is left as it is.
pub(crate) fn prepare(
    session: &Arc<Session>,
    random: &dyn Random,
    is_kept: bool,
) -> Result<Opened> {
    let names = table_names(session)?;
    if names.is_empty() && is_kept {
        return Err(Error::Format("it has no content".to_owned()));
    }
    if names.is_empty() {
        create(session, random)?;
    } else if !names.iter().any(|name| name.starts_with("carrack.")) {
        let name = names.first().map_or("", String::as_str);
        let message = format!("a database of something else (it has a table {})", Quoted(name));
        return Err(Error::Format(message));
    }
    // First of all: a newer format may have other tables.
    let older = format::check(session)?;
    // Of a store that is kept as it is, in memory only.
    complete_tables(session)?;
    let view = View::of(session)?;
    let engine = FACTS.get(view.facts()?, &ENGINE)?;
    let engine = engine.and_then(|name| EngineName::from_bytes(&name));
    let engine = engine.ok_or_else(|| Error::Corrupt("the engine has no name".to_owned()))?;
    if is_kept {
        return Ok(Opened { engine, older });
    }
    if older.is_some() {
        format::upgrade(session)?;
    }
    if !view.journal()?.is_empty()? {
        remove_leftovers(session)?;
    }
    Ok(Opened { engine, older })
}

fn create(session: &Session, random: &dyn Random) -> Result<()> {
    let mut name = [0; 16];
    random.fill(&mut name).map_err(|error| Error::io("reading randomness", error))?;
    once(session, move |tables| {
        format::say(tables)?;
        set_fact(tables, ENGINE, &name)?;
        set_fact(tables, TABLES, &TABLES_NOW.to_be_bytes())?;
        say_counted(tables)?;
        note_trimmed(tables, 1)
    })
}

/// Makes the tables that a store of format 1 lacks. In one that had them all, a missing one is
/// damage: it must not be taken for an empty one.
fn complete_tables(session: &Arc<Session>) -> Result<()> {
    let names = table_names(session)?;
    let Some(missing) = missing_table(&names) else { return Ok(()) };
    let has_had = match fact(session, TABLES)? {
        Some(value) => FACTS.open(TABLES.as_bytes(), &value).map(|_| true)?,
        None => false,
    };
    if has_had || missing.ends_with(".1") {
        return Err(Error::Corrupt(format!("the table {missing} is not there")));
    }
    once(session, |tables| {
        // What was purged before is not known.
        let next = last_seq(&tables.facts)?.saturating_add(1);
        allow_gaps(tables, next)?;
        set_fact(tables, TABLES, &TABLES_NOW.to_be_bytes())
    })
}

/// What was being written when the engine stopped was not finished: no reader sees it, and its rows
/// go.
fn remove_leftovers(session: &Session) -> Result<()> {
    once(session, |tables| {
        let mut left = Vec::new();
        for entry in ReadTable::entries(&tables.journal)? {
            let (tree, what_for) = entry?;
            JOURNAL.open(&tree.value().to_le_bytes(), what_for.value())?;
            left.push(tree.value());
        }
        for tree in left {
            tables.journal.remove(tree)?;
            mark_for_removal(tables, tree)?;
        }
        Ok(())
    })
}

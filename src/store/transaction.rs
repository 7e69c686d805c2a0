//! Write transactions: begun, committed, aborted, with a panic of the database caught on the way.

use crate::error::Error;
use crate::store::panics::{of_panic, panic_message};
use crate::store::session::Session;
use crate::store::tables::Tables;
use redb::{Durability, WriteTransaction};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One write, durable when this returns, for when there is no writer yet.
pub(crate) fn once(
    session: &Session,
    write: impl FnOnce(&mut Tables<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let lost = |cause: String| {
        session.storage().freeze(&cause);
        Error::Reopen(cause)
    };
    let txn = begin(session, true).map_err(lost)?;
    let done = catch_unwind(AssertUnwindSafe(|| write(&mut Tables::open(&txn)?)));
    match done.unwrap_or_else(|panic| Err(of_panic("of a write", &*panic))) {
        Ok(()) => commit(txn).map_err(lost),
        Err(error) => {
            abort(txn).map_err(lost)?;
            Err(error)
        }
    }
}

/// Begins a transaction. Opening the file after a crash takes milliseconds instead of a scan.
pub(in crate::store) fn begin(
    session: &Session,
    flushes: bool,
) -> Result<WriteTransaction, String> {
    let mut txn = session.begin_write().map_err(|error| error.to_string())?;
    txn.set_quick_repair(true);
    if !flushes {
        txn.set_durability(Durability::None).map_err(|error| error.to_string())?;
    }
    Ok(txn)
}

/// Commits; a failure or a panic on the way leaves what is durable unknown.
pub(in crate::store) fn commit(txn: WriteTransaction) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(|| txn.commit())) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(panic) => Err(panic_message(&*panic)),
    }
}

/// Aborts a transaction. If that fails, the state in memory cannot be trusted.
pub(in crate::store) fn abort(txn: WriteTransaction) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(|| txn.abort())) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(panic) => Err(panic_message(&*panic)),
    }
}

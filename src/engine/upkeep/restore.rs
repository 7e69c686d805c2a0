//! The restore gate: the minimum sequence number and revision that a restored store needs before it
//! takes writes.

use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::ident::{Rev, RevError};
use crate::limits::RESTORE_SEQ_MAX;
use crate::store::account::Account;
use crate::store::log::last_seq;
use crate::store::log::pass_seq;
use crate::store::read_table::ReadBytes;
use crate::store::restore::{RestoreGate, Restored, rev_lower_bound};
use crate::store::tables::{Tables, View};

impl Engine {
    /// Describes the restored store if its restore is not confirmed ([`Engine::confirm_restore`]);
    /// `None` for a store that takes writes.
    ///
    /// # Errors
    /// [Those of every read](Engine#errors-of-every-call).
    pub fn unconfirmed_restore(&self) -> Result<Option<Restored>> {
        Ok(RestoreGate::read(self.view()?.facts()?)?.unconfirmed())
    }

    /// Marks this store as restored, for a copy of its file that [`Engine::backup`] did not make,
    /// such as a file system snapshot. It can be read and refuses writes until
    /// [`Engine::confirm_restore`]. Marking it again changes nothing.
    ///
    /// # Errors
    /// `ReadOnly` if the store is read-only; [those of every read](Engine#errors-of-every-call).
    pub fn mark_restored(&self) -> Result<Restored> {
        let micros = self.shared.clock.now_micros();
        self.core()?.writer.submit_ungated(move |tables| {
            if let RestoreGate::Closed(restored) = RestoreGate::read(&tables.facts)? {
                return Ok(restored);
            }
            let restored = Restored {
                micros,
                last_seq: last_seq(&tables.facts)?,
                last_rev: newest_rev(&tables.accounts)?,
            };
            RestoreGate::close(tables, &restored)?;
            Ok(restored)
        })
    }

    /// Confirms a restore: sets the minimum sequence number and revision, and enables writes. `seq`
    /// is the highest sequence number, and `rev` the newest revision of any account, that the lost
    /// store may have published. Too high a value is harmless; too low a value makes relays and
    /// followers ignore later writes.
    ///
    /// The next event gets a number above `seq`, and every later revision is above `rev`, also for
    /// accounts that this copy does not hold. Minimums are never lowered, and repeating the call
    /// changes nothing. It can raise the minimums of a store that takes writes too. No event is
    /// sent.
    ///
    /// ```
    /// use carrack::engine::Engine;
    /// use carrack::env::{SystemClock, Clock};
    /// use carrack::ident::Rev;
    /// use carrack::key::{Curve, SigningKey};
    /// use carrack::ErrorKind;
    ///
    /// let engine = Engine::in_memory()?;
    /// let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// engine.mark_restored()?;
    /// let refused = engine.create_account(&did, &key).unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::Refused);
    ///
    /// let rev = Rev::from_micros(SystemClock.now_micros(), 0)?;
    /// engine.confirm_restore(4_000, rev)?;
    /// assert!(engine.create_account(&did, &key)? > rev);
    /// assert_eq!(engine.events(0)?.next()?.map(|event| event.seq), Some(4_001));
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Request` if a minimum is below what the store holds; `Clock` if `rev` is further ahead of
    /// the clock than [`CLOCK_DRIFT_MAX_MICROS`](crate::limits::CLOCK_DRIFT_MAX_MICROS); `Limit` if
    /// `seq` is above [`RESTORE_SEQ_MAX`]; `ReadOnly` if the store is read-only; [those of every
    /// read](Engine#errors-of-every-call). Nothing changes then.
    pub fn confirm_restore(&self, seq: u64, rev: Rev) -> Result<()> {
        if seq > RESTORE_SEQ_MAX {
            let what = "lower bound for the sequence, in events";
            return Err(Error::Limit { what, limit: RESTORE_SEQ_MAX, got: seq });
        }
        if rev.is_future(&*self.shared.clock) {
            return Err(Error::Clock(RevError::Ahead { rev }));
        }
        self.core()?.writer.submit_ungated(move |tables| {
            check_lower_bounds(tables, seq, rev)?;
            pass_seq(tables, seq)?;
            RestoreGate::open(tables, rev)
        })
    }

    /// Refuses while a restore is unconfirmed, for calls that do other work before the writer,
    /// which refuses in any case.
    pub(crate) fn require_confirmed_restore(&self) -> Result<()> {
        RestoreGate::read(self.view()?.facts()?)?.require_open()
    }
}

/// The restore record of a copy of this snapshot.
pub(in crate::engine) fn restored(view: &View, micros: u64) -> Result<Restored> {
    let last_rev = newest_rev(view.accounts()?)?;
    Ok(Restored { micros, last_seq: last_seq(view.facts()?)?, last_rev })
}

fn check_lower_bounds(tables: &Tables<'_>, seq: u64, rev: Rev) -> Result<()> {
    let held = last_seq(&tables.facts)?;
    if seq < held {
        return Err(Error::Request(format!(
            "the lower bound {seq} for the sequence is below {held}, the last number that the store \
             itself has given"
        )));
    }
    match newest_rev(&tables.accounts)?.max(rev_lower_bound(&tables.facts)?) {
        Some(held) if rev < held => Err(Error::Request(format!(
            "the lower bound {rev} for revisions is below {held}, the newest that the store itself \
             holds"
        ))),
        _ => Ok(()),
    }
}

fn newest_rev(accounts: &impl ReadBytes) -> Result<Option<Rev>> {
    let mut newest = None;
    for row in accounts.entries()? {
        let (did, row) = row?;
        newest = newest.max(Some(Account::decode(did.value(), row.value())?.last_rev));
    }
    Ok(newest)
}

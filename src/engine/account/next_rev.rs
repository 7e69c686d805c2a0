//! The revision that the next commit of an account gets.

use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::event::Timestamp;
use crate::ident::{Did, Rev};
use crate::limits::CLOCK_DRIFT_MAX_MICROS;
use crate::store::account::Account;
use crate::store::accounts::{account_row, put_account};
use crate::store::facts::ReadFacts;
use crate::store::restore::{RestoreGate, rev_lower_bound};
use std::sync::Arc;

impl Engine {
    /// Accepts the clock's present time after it jumped ahead ([`Error::ClockJumped`]), and allows
    /// signing again. Use it for a machine that was suspended, or whose clock was behind when the
    /// engine was opened; opening the engine again has the same effect. Check the clock first: a
    /// revision from the future blocks its account until that time.
    ///
    /// Sends no event and writes nothing.
    pub fn accept_clock(&self) {
        self.shared.watch.accept(&*self.shared.clock);
    }

    /// Accepts that the account's last revision is ahead of the clock. The account takes writes,
    /// each with the revision one microsecond after the last, until the clock is less than five
    /// minutes behind. Without this call the account is blocked until then ([`Error::RevAhead`]).
    /// Other hosts refuse revisions more than five minutes ahead of their clocks, so they do not
    /// follow these commits before that time.
    ///
    /// The fact is stored with the account. It changes nothing for an account that is not ahead,
    /// and sends no event.
    ///
    /// # Errors
    /// `NotFound` without the account; [those of every write](Engine#errors-of-every-call).
    pub fn accept_rev(&self, did: &Did) -> Result<()> {
        let (did, clock) = (did.clone(), Arc::clone(&self.shared.clock));
        self.submit(move |tables| {
            let account = account_row(&tables.accounts, &did)?;
            let last = Some(account.last_rev).max(rev_lower_bound(&tables.facts)?);
            if account.may_be_ahead || !last.is_some_and(|last| last.is_future(&*clock)) {
                return Ok(());
            }
            put_account(tables, &did, &Account { may_be_ahead: true, ..account })
        })
    }

    /// The revision to sign for this account, given its row. Refused while a restore is
    /// unconfirmed, after the clock has jumped, and in a read-only store.
    pub(in crate::engine) fn next_rev(
        &self,
        facts: &impl ReadFacts,
        did: &Did,
        account: Option<&Account>,
    ) -> Result<Rev> {
        self.next_rev_above(facts, did, account, None)
    }

    /// The same, and above `rev`.
    pub(in crate::engine) fn next_rev_above(
        &self,
        facts: &impl ReadFacts,
        did: &Did,
        account: Option<&Account>,
        rev: Option<Rev>,
    ) -> Result<Rev> {
        self.core()?.writer.require_writable()?;
        RestoreGate::read(facts)?.require_open()?;
        self.shared.watch.check(&*self.shared.clock)?;
        let last = account.map(|account| account.last_rev).max(rev).max(rev_lower_bound(facts)?);
        match last.filter(|last| last.is_future(&*self.shared.clock)) {
            Some(last) if account.is_some_and(|account| account.may_be_ahead) => {
                Ok(last.next(self.shared.clock_id)?)
            }
            Some(last) => Err(ahead(did, last)),
            None => Ok(Rev::after(last, &*self.shared.clock, self.shared.clock_id)?),
        }
    }

    /// Whether an account that was accepted as ahead of the clock still is, with this revision.
    pub(in crate::engine) fn stays_ahead(&self, account: Option<&Account>, rev: Rev) -> bool {
        account.is_some_and(|account| account.may_be_ahead) && rev.is_future(&*self.shared.clock)
    }
}

fn ahead(did: &Did, rev: Rev) -> Error {
    // Rounded up to the millisecond, the resolution of the text.
    let until = rev.micros().saturating_sub(CLOCK_DRIFT_MAX_MICROS).saturating_add(999);
    Error::RevAhead { did: did.clone(), rev, until: Timestamp::from_micros(until) }
}

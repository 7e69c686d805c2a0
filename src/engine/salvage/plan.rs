//! Decides which accounts of a damaged store are whole.

use crate::engine::salvage::left_out::LeftOut;
use crate::engine::upkeep::scrub::{ScrubReport, account_before, next_account, scrub_account};
use crate::error::{Error, Result};
use crate::ident::{Did, Rev};
use crate::progress::Progress;
use crate::store::account::Account;
use crate::store::read_table::ReadTable;
use crate::store::revs::revs_of;
use crate::store::sealed::REVS;
use crate::store::tables::View;
use std::collections::BTreeMap;

/// Accounts that met a read after which the database refused all others, and why.
pub(super) type Refused = BTreeMap<Did, String>;

/// The accounts that are copied.
#[derive(Default)]
pub(super) struct AccountsPlan {
    /// In the order of their names.
    pub(super) whole: Vec<Did>,
    pub(super) with_revs: Vec<Did>,
    pub(super) without_revs: Vec<Did>,
    /// Ascending.
    pub(super) trees: Vec<u64>,
    pub(super) left_out: Vec<LeftOut>,
    /// The newest revision of those whose rows can be read.
    pub(super) last_rev: Option<Rev>,
}

/// The account at which the database began to refuse all reads.
pub(super) struct Stopped {
    pub(super) did: Did,
    pub(super) cause: String,
}

/// Checks each account as a scrub does.
pub(super) fn plan_accounts(
    view: &View,
    refused: &Refused,
) -> Result<std::result::Result<AccountsPlan, Stopped>> {
    let mut plan = AccountsPlan::default();
    for (did, row) in readable_accounts(view, &mut plan.left_out)? {
        let checked = match refused.get(&did) {
            Some(cause) => Err(Error::Corrupt(cause.clone())),
            None => plan.check(view, &did, &row),
        };
        match checked {
            Ok(()) => {}
            Err(Error::Corrupt(cause)) => {
                plan.left_out.push(LeftOut { did: Some(did), cause });
            }
            Err(Error::Reopen(cause)) => return Ok(Err(Stopped { did, cause })),
            Err(error) => return Err(error),
        }
    }
    plan.trees.sort_unstable();
    Ok(Ok(plan))
}

/// All accounts whose rows can be read, in order: forward, and behind damage from the end.
fn readable_accounts(view: &View, lost: &mut Vec<LeftOut>) -> Result<Vec<(Did, Vec<u8>)>> {
    let (mut found, mut behind) = (Vec::<(Did, Vec<u8>)>::new(), Vec::new());
    let damage = loop {
        match next_account(view, found.last().map(|(did, _)| did)) {
            Ok(None) => break None,
            Ok(Some((did, _))) if found.last().is_some_and(|(last, _)| *last >= did) => {
                break Some("the names of accounts are out of order".to_owned());
            }
            Ok(Some(account)) => found.push(account),
            Err(Error::Corrupt(why)) => break Some(why),
            Err(error) => return Err(error),
        }
    };
    if damage.is_some() {
        let last = found.last().map(|(did, _)| did.clone());
        loop {
            match account_before(view, behind.last().map(|(did, _): &(Did, _)| did)) {
                Ok(Some((did, row))) if last.as_ref().is_none_or(|last| did > *last) => {
                    if behind.last().is_some_and(|(first, _)| *first <= did) {
                        break;
                    }
                    behind.push((did, row));
                }
                Ok(_) | Err(Error::Corrupt(_)) => break,
                Err(error) => return Err(error),
            }
        }
    }
    found.extend(behind.into_iter().rev());
    let missing = view.accounts()?.len()?.saturating_sub(found.len() as u64);
    if missing > 0 || damage.is_some() {
        let why = damage.unwrap_or_else(|| "they are not found in order".to_owned());
        let cause = format!("the rows of {missing} accounts cannot be read: {why}");
        lost.push(LeftOut { did: None, cause });
    }
    Ok(found)
}

impl AccountsPlan {
    /// Adds an account if it is whole.
    fn check(&mut self, view: &View, did: &Did, row: &[u8]) -> Result<()> {
        let account = Account::decode(did.as_str().as_bytes(), row)?;
        self.last_rev = self.last_rev.max(Some(account.last_rev));
        let mut report = ScrubReport::default();
        scrub_account(view, did, &account, &mut report, Progress::none())?;
        if let Some(problem) = report.problems.into_listed().into_iter().next() {
            return Err(Error::Corrupt(problem.to_string()));
        }
        match check_revs(view, did) {
            Ok(()) => self.with_revs.push(did.clone()),
            // Diffs are full exports then, which is always right.
            Err(Error::Corrupt(_)) => self.without_revs.push(did.clone()),
            Err(error) => return Err(error),
        }
        self.trees.extend(account.head.map(|head| head.tree));
        self.whole.push(did.clone());
        Ok(())
    }
}

fn check_revs(view: &View, did: &Did) -> Result<()> {
    let (start, end) = revs_of(did);
    let mut last = None;
    for entry in view.revs()?.range(&start[..]..&end[..])? {
        let (key, value) = entry?;
        REVS.open(key.value(), value.value())?;
        let key = key.value().to_vec();
        if key < start || key >= end || last.as_ref().is_some_and(|last| *last >= key) {
            return Err(Error::Corrupt("revisions are out of order".to_owned()));
        }
        last = Some(key);
    }
    Ok(())
}

//! The table of accounts: looked up, and replaced if unchanged.

use crate::error::{Error, Result};
use crate::ident::Did;
use crate::store::account::Account;
use crate::store::read_table::ReadBytes;
use crate::store::sealed::checked_get;
use crate::store::tables::Tables;

/// The account row of `did`.
pub(crate) fn account_row(accounts: &impl ReadBytes, did: &Did) -> Result<Account> {
    let not_found = || Error::NotFound { what: "account", name: did.to_string() };
    find_account(accounts, did)?.ok_or_else(not_found)
}

/// The account row of `did`, if there is one.
pub(crate) fn find_account(accounts: &impl ReadBytes, did: &Did) -> Result<Option<Account>> {
    checked_get(accounts, &did.as_str().as_bytes(), |did, row| Account::decode(did, row))
}

/// Stores an account row.
pub(crate) fn put_account(tables: &mut Tables<'_>, did: &Did, account: &Account) -> Result<()> {
    let name = did.as_str().as_bytes();
    tables.accounts.insert(name, &account.encode(name)[..])?;
    Ok(())
}

/// Stores an account row if the one before is still `before`.
///
/// # Errors
/// As [`require_unchanged`].
pub(crate) fn replace_if(
    tables: &mut Tables<'_>,
    did: &Did,
    before: Option<&Account>,
    account: &Account,
    action: &str,
) -> Result<()> {
    require_unchanged(&tables.accounts, did, before, action)?;
    put_account(tables, did, account)
}

/// Refuses if the account row is not `before`, which it was when `action` ("an import", say) began.
///
/// # Errors
/// `Swap`.
pub(crate) fn require_unchanged(
    accounts: &impl ReadBytes,
    did: &Did,
    before: Option<&Account>,
    action: &str,
) -> Result<()> {
    let found = find_account(accounts, did)?;
    if found.as_ref() == before {
        return Ok(());
    }
    Err(Error::Swap {
        what: format!("account {did} during {action}"),
        expected: state_and_head(before),
        found: state_and_head(found.as_ref()),
    })
}

fn state_and_head(account: Option<&Account>) -> String {
    match account {
        None => "no account".to_owned(),
        Some(Account { state, head: None, .. }) => format!("{state} without a head"),
        Some(Account { state, head: Some(head), .. }) => {
            format!("{state} with head {}", head.commit)
        }
    }
}

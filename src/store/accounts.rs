//! The table of accounts: looked up, and replaced if unchanged.

use crate::error::{Entity, Error, Preparation, Result};
use crate::ident::Did;
use crate::store::account::Account;
use crate::store::read_table::ReadBytes;
use crate::store::sealed::checked_get;
use crate::store::tables::Tables;

/// The account row of `did`.
pub(crate) fn account_row(accounts: &impl ReadBytes, did: &Did) -> Result<Account> {
    let not_found = || Error::NotFound(Entity::Account(did.clone()));
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
    during: Preparation,
) -> Result<()> {
    require_unchanged(&tables.accounts, did, before, during)?;
    put_account(tables, did, account)
}

/// Checks that the account row is still `before`, its value when the preparation began.
///
/// # Errors
/// `Changed`.
pub(crate) fn require_unchanged(
    accounts: &impl ReadBytes,
    did: &Did,
    before: Option<&Account>,
    during: Preparation,
) -> Result<()> {
    if is_unchanged(accounts, did, before)? {
        return Ok(());
    }
    Err(Error::Changed { did: did.clone(), during })
}

/// Whether the account row is still `before`.
pub(crate) fn is_unchanged(
    accounts: &impl ReadBytes,
    did: &Did,
    before: Option<&Account>,
) -> Result<bool> {
    Ok(find_account(accounts, did)?.as_ref() == before)
}

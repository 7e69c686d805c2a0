//! Checks the head of a diff, and decides what is known of its key.

use crate::commit::Commit;
use crate::engine::import::admit::head_key;
use crate::engine::import::options::ImportOptions;
use crate::env::Clock;
use crate::error::{Error, Result};
use crate::key::{SignatureStatus, VerifyingKey};
use crate::problem::Problems;
use crate::store::account::{Account, HeadKey, Trust};
use crate::verify::{ExpectedHead, Keys};

/// Checks the account, the key and the clock, and returns the account's key with this head. Without a
/// key in the options, the stored head's is used, and the trust is that of the stored head.
pub(in crate::engine) fn check_head(
    commit: &Commit,
    account: &Account,
    options: &ImportOptions,
    clock: &dyn Clock,
) -> Result<HeadKey> {
    let ImportOptions { head: expect, historic, .. } = options;
    let held = account.key.load()?;
    match (&expect.keys, held) {
        (Keys::Unchecked, _) if account.key.trust() == Trust::Verified => {
            Err(Error::Request(format!(
                "account {} is verified, and a diff whose signature is not checked would end that: \
                 give the key, or none (no `ImportOptions::unverified`), which checks \
                 it with the key of the stored head",
                commit.did()
            )))
        }
        (Keys::Unchecked, held) => {
            check(commit, expect, clock).map(|_| ())?;
            Ok(unverified(commit, account, held))
        }
        (Keys::AnyOf(given), None) if given.is_empty() => Err(Error::Request(
            "no key to check the signature with, and none known for the account: give one, or say \
             that the account stays unverified (`ImportOptions::unverified`)"
                .to_owned(),
        )),
        (Keys::AnyOf(given), Some(held)) if given.is_empty() => {
            let expect = expect.clone().keys(Keys::AnyOf(vec![held]));
            check(commit, &expect, clock).map(|_| ())?;
            Ok(account.key.clone())
        }
        (Keys::AnyOf(given), _) => {
            let signature = check(commit, expect, clock)?;
            Ok(head_key(commit, given, historic, signature))
        }
    }
}

fn check(commit: &Commit, expect: &ExpectedHead, clock: &dyn Clock) -> Result<SignatureStatus> {
    let mut found = Problems::default();
    let signature = expect.check(commit, clock, &mut |problem| found.push(problem));
    if found.is_empty() { Ok(signature) } else { Err(Error::Refused(found)) }
}

/// The key of an unverified account whose new head was not checked: still the one that is known, if it
/// has signed this head too.
fn unverified(commit: &Commit, account: &Account, held: Option<VerifyingKey>) -> HeadKey {
    let signed = held.is_some_and(|key| commit.check(&[key]) == SignatureStatus::Valid);
    if signed { account.key.clone() } else { HeadKey::Unknown }
}

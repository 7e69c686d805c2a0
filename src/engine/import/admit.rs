//! Decides whether a repository may replace an account's, and what is known of the key that signed
//! it.

use crate::account::Action;
use crate::commit::Commit;
use crate::engine::import::options::ImportOptions;
use crate::error::{Compared, Error, Result};
use crate::ident::Rev;
use crate::key::{SignatureStatus, VerifyingKey};
use crate::problem::{Code, Problem};
use crate::store::account::{Account, Head, HeadKey, HeldKey, TrustKey};

/// The decision on a repository whose head is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Admission {
    /// Store it.
    Take,
    /// The account has this head already.
    Same(Head),
}

/// Whether a repository with this head may replace the account's.
pub(in crate::engine) fn admit(
    account: Option<&Account>,
    floor: Option<Rev>,
    commit: &Commit,
    options: &ImportOptions,
) -> Result<Admission> {
    let problem = |code, message: String| Problem::new(code, message).cid(commit.cid());
    let Some(rev) = commit.rev().filter(|_| commit.version() == 3) else {
        let message = format!(
            "a legacy commit of version {}: it can be verified, and not hosted; \
             its server has to sign a commit of version 3",
            commit.version()
        );
        return Err(problem(Code::BadCommit, message).into());
    };
    let above_bound = || match floor {
        Some(floor) if rev <= floor && !options.below_floor => {
            Err(Error::from(below_floor(rev, floor).cid(commit.cid())))
        }
        _ => Ok(Admission::Take),
    };
    let Some(account) = account else { return above_bound() };
    if account.state.is_leaving()
        && account.head.as_ref().is_none_or(|head| head.commit != *commit.cid())
    {
        return Err(account.refuse(commit.did(), Action::ImportWhileLeaving));
    }
    let Some(head) = &account.head else {
        if let Some(expected) = &options.replace {
            return Err(Error::Swap {
                what: Compared::Head(commit.did().clone()),
                expected: Some(Box::new(expected.clone())),
                found: None,
            });
        }
        return if rev >= account.last_rev {
            above_bound()
        } else {
            Err(not_newer(rev, account.last_rev).cid(commit.cid()).into())
        };
    };
    if head.commit == *commit.cid() {
        return Ok(Admission::Same(head.clone()));
    }
    match &options.replace {
        Some(expected) if *expected != head.commit => {
            return Err(Error::Swap {
                what: Compared::Head(commit.did().clone()),
                expected: Some(Box::new(expected.clone())),
                found: Some(Box::new(head.commit.clone())),
            });
        }
        None if !account.state.allows_replacement() => {
            return Err(Error::HeadNotNamed {
                did: commit.did().clone(),
                state: account.state.clone(),
                head: Box::new(head.commit.clone()),
            });
        }
        _ => {}
    }
    if rev <= head.rev {
        return Err(not_newer(rev, head.rev).cid(commit.cid()).into());
    }
    above_bound()
}

/// Followers ignore a head whose revision is below a published one, or treat it as an error.
fn below_floor(rev: Rev, floor: Rev) -> Problem {
    let message = format!(
        "revision {rev} is not above {floor}, the minimum that was set after the restore of the store: \
         a later one may have been published. Have the account sign a newer commit where it is, or \
         move it here, which signs one; or, if none was ever published from this store, say so \
         (`ImportOptions::below_floor`)"
    );
    Problem::new(Code::BadRev, message)
}

fn not_newer(rev: Rev, last: Rev) -> Problem {
    Problem::new(Code::BadRev, format!("revision {rev} is not newer than {last}, which is here"))
}

/// The key that signed a head, given the keys that its signature was checked against.
pub(in crate::engine) fn head_key(
    commit: &Commit,
    keys: &[VerifyingKey],
    historic: &[VerifyingKey],
    signature: SignatureStatus,
) -> HeadKey {
    let signed =
        |key: &&VerifyingKey| commit.check(std::slice::from_ref(*key)) == SignatureStatus::Valid;
    let found = match (signature, keys) {
        (SignatureStatus::Valid, [only]) => Some(only),
        (SignatureStatus::Valid, several) => several.iter().find(signed),
        _ => None,
    };
    found.map_or(HeadKey::Unknown, |key| {
        let is_historic = historic.contains(key);
        let age = if is_historic { TrustKey::Historic } else { TrustKey::Current };
        HeadKey::Verified(HeldKey::from(key), Some(age))
    })
}

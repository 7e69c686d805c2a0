//! Checks a head that is held against the account's identity.

use crate::block::Cid;
use crate::commit::Commit;
use crate::engine::handle::Engine;
use crate::engine::import::admit::head_key;
use crate::error::{Compared, Error, Result};
use crate::ident::Did;
use crate::key::SignatureStatus;
use crate::key::VerifyingKey;
use crate::store::account::{Account, HeadKey, Trust, TrustKey};
use crate::store::accounts::account_row;
use crate::store::accounts::put_account;
use crate::store::read::record::commit_block;
use crate::store::tables::View;
use crate::verify::ExpectedHead;

/// What a check of a head against its account's identity has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TrustChecked {
    /// The head that was checked.
    pub commit: Cid,
    /// What is known of its signature.
    pub signature: SignatureStatus,
    /// How far the head is verified now.
    pub trust: Trust,
    /// Which key of the identity signed it.
    pub trust_key: Option<TrustKey>,
    /// The account's key from now on, as did:key, if it is known.
    pub key: Option<String>,
}

impl TrustChecked {
    /// Whether a key of the identity has signed the head.
    pub fn is_valid(&self) -> bool {
        self.signature == SignatureStatus::Valid
    }
}

impl Engine {
    /// Checks the head that is held against the keys of the account's identity, and remembers the
    /// outcome if one of them has signed it: the account is verified from then on, and writes take
    /// that key. For an account that was imported without a key, or whose key was changed by a
    /// write ([`WriteOptions::rekey`](crate::engine::WriteOptions::rekey)).
    ///
    /// `expect` has the keys, of which any will do, and may name the account; `historic` are those
    /// among them that the identity has had and has no longer. A signature by none of them changes
    /// nothing and is no error: the answer says so.
    ///
    /// ```
    /// use carrack::engine::{Engine, Trust, TrustKey, WriteOptions};
    /// use carrack::key::{Curve, SigningKey};
    /// use carrack::verify::ExpectedHead;
    ///
    /// let engine = Engine::in_memory()?;
    /// let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// let (old, new) = (
    ///     SigningKey::from_bytes(Curve::K256, &[7; 32])?,
    ///     SigningKey::from_bytes(Curve::P256, &[8; 32])?,
    /// );
    /// engine.create_account(&did, &old)?;
    /// assert!(engine.write(&did, vec![], &WriteOptions::default(), &new).is_err());
    /// let rekey = WriteOptions::default().rekey(true);
    /// engine.write(&did, vec![], &rekey, &new)?;
    /// assert_eq!(engine.status(&did)?.trust, Trust::Unverified);
    ///
    /// let expect = ExpectedHead::signed_by([new.verifying_key()]);
    /// let checked = engine.check_trust(&did, &expect, &[])?;
    /// assert_eq!((checked.trust, checked.trust_key), (Trust::Verified, Some(TrustKey::Current)));
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Problem` with `DidMismatch` if `expect` names another account; `Request` without a key;
    /// `NotFound`; `State` if the account has no head; `Swap` if the head changed meanwhile;
    /// `RestoreUnconfirmed`; `Format` if the store is only read; `Store`, `Corrupt`, `Closed`.
    pub fn check_trust(
        &self,
        did: &Did,
        expect: &ExpectedHead,
        historic: &[VerifyingKey],
    ) -> Result<TrustChecked> {
        expect.check_did(did)?;
        if expect.keys.named().is_empty() {
            return Err(Error::Request("no key to check the head with: give one".to_owned()));
        }
        let view = self.view()?;
        let account = account_row(view.accounts()?, did)?;
        let commit = head_commit(&view, did, &account)?;
        drop(view);
        let signature = commit.check(expect.keys.named());
        let key = match signature {
            SignatureStatus::Valid => {
                let key = head_key(&commit, expect.keys.named(), historic, signature);
                self.trust(did, &commit, &key)?;
                key
            }
            _ => account.key,
        };
        Ok(TrustChecked {
            commit: commit.cid().clone(),
            signature,
            trust: key.trust(),
            trust_key: key.trust_key(),
            key: key.load()?.map(|key| key.to_did_key()),
        })
    }

    /// Notes the key of the head, if that is still this one.
    fn trust(&self, did: &Did, commit: &Commit, key: &HeadKey) -> Result<()> {
        let (did, commit, key) = (did.clone(), commit.cid().clone(), key.clone());
        self.submit(move |tables| {
            let account = account_row(&tables.accounts, &did)?;
            let found = account.head.as_ref().map(|head| &head.commit);
            if found != Some(&commit) {
                return Err(Error::Swap {
                    what: Compared::CheckedHead(did.clone()),
                    expected: Some(Box::new(commit.clone())),
                    found: found.cloned().map(Box::new),
                });
            }
            if account.key == key {
                return Ok(());
            }
            put_account(tables, &did, &Account { key: key.clone(), ..account })
        })
    }
}

/// The commit that is the account's head.
fn head_commit(view: &View, did: &Did, account: &Account) -> Result<Commit> {
    let head = account.readable_head(did)?;
    Ok(Commit::decode(&commit_block(view.rows()?, head)?)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::engine::WriteOptions;
    use crate::key::{Curve, SigningKey};

    /// What was found out about one head is not said of the next, which another key has signed.
    #[test]
    fn a_check_is_of_the_head_that_was_looked_at() {
        let engine = Engine::in_memory().unwrap();
        let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
        let [old, new] = [7, 8].map(|n| SigningKey::from_bytes(Curve::K256, &[n; 32]).unwrap());
        engine.create_account(&did, &old).unwrap();
        let view = engine.view().unwrap();
        let account = account_row(view.accounts().unwrap(), &did).unwrap();
        let commit = head_commit(&view, &did, &account).unwrap();
        let key = head_key(&commit, &[old.verifying_key()], &[], SignatureStatus::Valid);

        let rekey = WriteOptions::default().rekey(true);
        engine.write(&did, Vec::new(), &rekey, &new).unwrap();
        let before = engine.status(&did).unwrap();
        let error = engine.trust(&did, &commit, &key).unwrap_err();
        assert!(matches!(error, Error::Swap { .. }), "{error}");
        assert_eq!(engine.status(&did).unwrap(), before);
    }
}

//! Checks a stored head against the account's identity. See [`crate::manual::trust`].

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

/// The result of [`Engine::check_trust`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TrustChecked {
    /// The CID of the head that was checked.
    pub commit: Cid,
    /// The status of its signature under the given keys.
    pub signature: SignatureStatus,
    /// How far the head is verified after the check.
    pub trust: Trust,
    /// Whether the key that signed it is one that the identity names now, or one that it named
    /// before.
    pub trust_key: Option<TrustKey>,
    /// The account's key after the check, as a did:key; `None` if it is not known.
    pub key: Option<String>,
}

impl TrustChecked {
    /// Whether one of the given keys has signed the head.
    pub fn is_valid(&self) -> bool {
        self.signature == SignatureStatus::Valid
    }
}

impl Engine {
    /// Checks the stored head against the keys of the account's identity. If one of them has signed
    /// it, the account becomes verified and takes writes with that key. For an account that was
    /// imported without a key, or whose key was changed by a write
    /// ([`WriteOptions::rekey`](crate::engine::WriteOptions::rekey)).
    ///
    /// `expect` holds the keys, any one of which is enough, and may name the account. `historic`
    /// lists those of them that the identity named before and no longer names. A signature by none
    /// of them is not an error and changes nothing: see [`TrustChecked::is_valid`]. No event is
    /// sent.
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
    /// `NotFound` without the account; `State` if it has no head; `Swap` if the head changed
    /// meanwhile; [those of every write](Engine#errors-of-every-call).
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

    /// Stores the key of the head, if the head is still this one.
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

/// The account's head commit.
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

    /// A check applies to the head that was read, not to the next one, which another key has
    /// signed.
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

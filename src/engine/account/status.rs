use crate::block::Cid;
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::ident::{Did, Rev};
use crate::store::account::{Account, State, Trust, TrustKey};
use crate::store::accounts::account_row;
use crate::store::needed_blobs::needed;
use crate::store::read_table::ReadTable;
use crate::store::sealed::InOrder;
use crate::store::tables::View;

/// An account as an engine holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountStatus {
    /// The account.
    pub did: Did,
    /// Its state, which decides whether it can be read and written.
    pub state: State,
    /// How far its head was verified.
    pub trust: Trust,
    /// Which key of its identity a verified head was checked against; `None` if no such check was
    /// made, as for an account that was created here.
    pub trust_key: Option<TrustKey>,
    /// The key that its head verifies under, as a did:key; `None` if it is not known.
    pub key: Option<String>,
    /// The CID of the head commit. This field and those below are `None` or 0 for a deleted
    /// account.
    pub commit: Option<Cid>,
    /// The revision of the head.
    pub rev: Option<Rev>,
    /// The CID of the tree's root.
    pub data: Option<Cid>,
    /// The number of records.
    pub records: u64,
    /// The number of blocks: commit, nodes and records. A record at two paths counts twice.
    pub blocks: u64,
    /// The length of a full export in bytes, without its header.
    pub bytes: u64,
    /// The number of distinct blobs that records refer to.
    pub blobs_needed: u64,
    /// How many of those are not stored here. Carrack stores no blobs, so this equals
    /// `blobs_needed`.
    pub blobs_missing: u64,
}

impl Engine {
    /// All accounts, in the order of their DIDs, deleted ones included. For
    /// `com.atproto.sync.listRepos`.
    ///
    /// ```
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// assert_eq!(engine.accounts()?.len(), 1);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// [Those of every read](Engine#errors-of-every-call).
    pub fn accounts(&self) -> Result<Vec<AccountStatus>> {
        let view = self.view()?;
        let mut all = Vec::new();
        let mut order = InOrder::default();
        for row in view.accounts()?.entries()? {
            let (did, account) = row?;
            order.next::<&[u8]>(did.value())?;
            let account = Account::decode(did.value(), account.value())?;
            let did = parse_did(did.value())?;
            all.push(status_of(&view, did, &account)?);
        }
        order.end(view.accounts()?.len()?)?;
        Ok(all)
    }

    /// The status of one account. For `com.atproto.sync.getRepoStatus` and
    /// `com.atproto.server.checkAccountStatus`. It counts the blobs, so its time grows with their
    /// number.
    ///
    /// # Errors
    /// `NotFound` without the account; [those of every read](Engine#errors-of-every-call).
    pub fn status(&self, did: &Did) -> Result<AccountStatus> {
        let view = self.view()?;
        let account = account_row(view.accounts()?, did)?;
        status_of(&view, did.clone(), &account)
    }
}

pub(in crate::engine) fn parse_did(key: &[u8]) -> Result<Did> {
    std::str::from_utf8(key)
        .ok()
        .and_then(|did| did.parse().ok())
        .ok_or_else(|| Error::Corrupt("an account's name is not a DID".to_owned()))
}

fn status_of(view: &View, did: Did, account: &Account) -> Result<AccountStatus> {
    let head = account.head.as_ref();
    let blobs_needed = match head {
        Some(head) => needed(view, head.tree)?.len() as u64,
        None => 0,
    };
    Ok(AccountStatus {
        did,
        state: account.state.clone(),
        trust: account.key.trust(),
        trust_key: account.key.trust_key(),
        key: account.key.load()?.map(|key| key.to_did_key()),
        commit: head.map(|head| head.commit.clone()),
        rev: head.map(|head| head.rev),
        data: head.map(|head| head.data.clone()),
        records: head.map_or(0, |head| head.records),
        blocks: head.map_or(0, |head| head.blocks),
        bytes: head.map_or(0, |head| head.bytes),
        blobs_needed,
        // No blobs are stored: all needed ones are missing.
        blobs_missing: blobs_needed,
    })
}

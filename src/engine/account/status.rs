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

/// What an engine knows of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountStatus {
    /// The account.
    pub did: Did,
    /// What it may be used for.
    pub state: State,
    /// How far its head was verified.
    pub trust: Trust,
    /// Which key of its identity a verified head was checked against; `None` if none was asked for,
    /// as for an account that was created here.
    pub trust_key: Option<TrustKey>,
    /// The key that its head verifies under, as a did:key, if it is known.
    pub key: Option<String>,
    /// The head; this and what follows is `None` or 0 for a deleted account.
    pub commit: Option<Cid>,
    /// The revision.
    pub rev: Option<Rev>,
    /// The root of the tree.
    pub data: Option<Cid>,
    /// Records.
    pub records: u64,
    /// Commit, nodes and records; a record at two paths counts twice.
    pub blocks: u64,
    /// Bytes of an export, but for its header.
    pub bytes: u64,
    /// Distinct blobs that records need.
    pub blobs_needed: u64,
    /// Those of them that are not here.
    pub blobs_missing: u64,
}

impl Engine {
    /// All accounts, in the order of their DIDs.
    ///
    /// # Errors
    /// `Store`, `Corrupt`.
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

    /// One account.
    ///
    /// # Errors
    /// `NotFound`, `Store`, `Corrupt`.
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
        // This engine holds no blobs yet: what is needed is missing.
        blobs_missing: blobs_needed,
    })
}

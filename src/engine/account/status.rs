use crate::block::Cid;
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::ident::{Did, Rev};
use crate::store::account::{Account, State, Trust, TrustKey};
use crate::store::accounts::account_row;
use crate::store::counts::blobs_needed;
use crate::store::read_table::{ReadBytes, ReadTable};
use crate::store::sealed::{InOrder, check_place};
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

    /// At most `limit` accounts, in the order of their DIDs, those after `after` only. For
    /// `com.atproto.sync.listRepos`, with the last DID as the cursor. Fewer than `limit` are the
    /// last ones.
    ///
    /// Each call reads a snapshot of its own: an account that is created between two calls is
    /// listed if its DID is behind the cursor.
    ///
    /// ```
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # engine.create_account(&"did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?, &key)?;
    /// let mut after = None;
    /// loop {
    ///     let page = engine.accounts_after(after.as_ref(), 1000)?;
    ///     for account in &page {
    ///         println!("{} {}", account.did, account.state);
    ///     }
    ///     if page.len() < 1000 {
    ///         break;
    ///     }
    ///     after = page.last().map(|account| account.did.clone());
    /// }
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// [Those of every read](Engine#errors-of-every-call).
    pub fn accounts_after(&self, after: Option<&Did>, limit: usize) -> Result<Vec<AccountStatus>> {
        let view = self.view()?;
        let start = after.map_or_else(Vec::new, |did| [did.as_str().as_bytes(), &[0]].concat());
        let (mut page, mut order) = (Vec::new(), InOrder::default());
        for row in view.accounts()?.range(&start[..]..)?.take(limit) {
            let (did, account) = row?;
            order.next::<&[u8]>(did.value())?;
            let account = Account::decode(did.value(), account.value())?;
            page.push(status_of(&view, parse_did(did.value())?, &account)?);
        }
        check_page(view.accounts()?, &start, &page, page.len() < limit)?;
        Ok(page)
    }

    /// The status of one account. For `com.atproto.sync.getRepoStatus` and
    /// `com.atproto.server.checkAccountStatus`. Its time does not depend on the account's size. (In
    /// a store of format 1, blobs are counted in the background after the upgrade; before that,
    /// and in one that is opened read-only, this call counts them.)
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

/// Whether a part of the table of accounts is all of it: found backwards and by other searches, too.
/// A pointer that leads to another page of the table would leave accounts out.
fn check_page(
    accounts: &impl ReadBytes,
    start: &[u8],
    page: &[AccountStatus],
    is_end: bool,
) -> Result<()> {
    let lost = || Err(Error::Corrupt("the table of accounts has lost some".to_owned()));
    check_place(accounts, start)?;
    let last = page.last().map(|account| account.did.as_str().as_bytes());
    if let Some(last) = last {
        let mut backwards = accounts.range(start..=last)?.rev();
        for account in page.iter().rev() {
            match backwards.next().transpose()? {
                Some((did, _)) if did.value() == account.did.as_str().as_bytes() => {}
                _ => return lost(),
            }
        }
        if backwards.next().is_some() {
            return lost();
        }
    }
    if !is_end {
        return Ok(());
    }
    match (accounts.entries()?.next_back().transpose()?, last) {
        (Some((end, _)), Some(last)) if end.value() != last => lost(),
        (Some((end, _)), None) if end.value() >= start => lost(),
        (None, _) if accounts.len()? > 0 => lost(),
        _ => Ok(()),
    }
}

fn status_of(view: &View, did: Did, account: &Account) -> Result<AccountStatus> {
    let head = account.head.as_ref();
    let blobs_needed = match head {
        Some(head) => blobs_needed(view, head.tree)?,
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

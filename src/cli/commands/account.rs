use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::stderr::note;
use crate::cli::keys::read_key;
use crate::cli::restore_notice::{RestoreObject, notice};
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::{bytes, count, or_dash, things, trust};
use carrack::Engine;
use carrack::block::Cid;
use carrack::engine::{AccountStatus, State, Trust, TrustKey};
use carrack::ident::{Did, Rev};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct AccountsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct StatusArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The account
    did: Did,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The account
    did: Did,
    /// The key that signs; `carrack key new` makes one
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn accounts(args: &AccountsArgs) -> Result<Answer, Failure> {
    let engine = store::reading(&args.store)?;
    let mut output = Output::new();
    if args.json {
        return accounts_json(&engine, &mut output);
    }
    let mut listed = 0;
    each_page(&engine, |page| {
        listed += page.len();
        page.iter().try_for_each(|account| {
            output.line(format_args!(
                "{}  {}  {}  {}, {}",
                account.did,
                account.state.name(),
                or_dash(account.rev),
                things(account.records, "record"),
                bytes(account.bytes)
            ))
        })
    })?;
    if listed == 0 {
        output.line(format_args!("no accounts"))?;
    }
    output.flush()?;
    if let Some(notice) = notice(&engine)? {
        note(format_args!("{notice}"));
    }
    Ok(Answer::Yes)
}

/// Accounts that are read at a time: some hundred milliseconds, as a snapshot must not be held long.
const PAGE: usize = 1000;

/// Reads all accounts, a page at a time. The store does not change meanwhile: its readers exclude a
/// writer.
fn each_page(
    engine: &Engine,
    mut take: impl FnMut(&[AccountStatus]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = engine.accounts_after(after.as_ref(), PAGE)?;
        take(&page)?;
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.did.clone()),
            _ => return Ok(()),
        }
    }
}

/// Prints the object as its accounts are read. After a failure it ends with `error`.
fn accounts_json(engine: &Engine, output: &mut Output) -> Result<Answer, Failure> {
    let mut separator = "{\"accounts\":[";
    let printed = each_page(engine, |page| {
        for account in page {
            output.own_text(separator.as_bytes())?;
            output.value(&ListedAccount::of(account))?;
            separator = ",";
        }
        Ok(())
    });
    let floors = match printed.and_then(|()| RestoreObject::of(engine)) {
        Ok(floors) => floors,
        // Nothing is printed yet: a failure like that of every command.
        Err(failure) if separator != "," => return Err(failure),
        Err(failure) => {
            output.own_text(b"],\"error\":")?;
            output.value(&failure.message())?;
            output.own_text(b"}\n")?;
            output.flush()?;
            return Err(failure.printed());
        }
    };
    if separator != "," {
        output.own_text(separator.as_bytes())?;
    }
    output.own_text(b"]")?;
    if let Some(floors) = floors {
        output.own_text(b",\"floors_awaited\":")?;
        output.value(&floors)?;
    }
    output.own_text(b"}\n")?;
    output.flush()?;
    Ok(Answer::Yes)
}

pub(in crate::cli) fn status(args: &StatusArgs) -> Result<Answer, Failure> {
    let engine = store::reading(&args.store)?;
    print_status(&engine, &args.did, args.json)
}

pub(in crate::cli) fn create(args: &CreateArgs) -> Result<Answer, Failure> {
    let key = read_key(&args.key_file)?;
    let engine = store::existing_or_new(&args.store)?;
    engine.create_account(&args.did, &key)?;
    print_status(&engine, &args.did, args.json)
}

/// Prints what `status` prints.
fn print_status(engine: &Engine, did: &Did, json: bool) -> Result<Answer, Failure> {
    let account = engine.status(did)?;
    let mut output = Output::new();
    if json {
        let floors_awaited = RestoreObject::of(engine)?;
        output.json(&StatusObject { account: ListedAccount::of(&account), floors_awaited })?;
        return Ok(Answer::Yes);
    }
    print(&mut output, &account)?;
    if let Some(notice) = notice(engine)? {
        output.field("writes", format_args!("none: {notice}"))?;
    }
    output.flush()?;
    Ok(Answer::Yes)
}

/// Only a restored store whose restore is unconfirmed has the last field.
#[derive(Serialize)]
struct StatusObject<'a> {
    #[serde(flatten)]
    account: ListedAccount<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    floors_awaited: Option<RestoreObject>,
}

#[derive(Serialize)]
struct ListedAccount<'a> {
    did: &'a Did,
    commit: Option<&'a Cid>,
    rev: Option<Rev>,
    data: Option<&'a Cid>,
    records: u64,
    state: &'a State,
    trust: Trust,
    trust_key: Option<TrustKey>,
    key: Option<&'a str>,
    blobs_needed: u64,
    blobs_missing: u64,
    bytes: u64,
    /// Only of an account that leaves or has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
}

impl<'a> ListedAccount<'a> {
    fn of(account: &'a AccountStatus) -> Self {
        Self {
            did: &account.did,
            commit: account.commit.as_ref(),
            rev: account.rev,
            data: account.data.as_ref(),
            records: account.records,
            state: &account.state,
            trust: account.trust,
            trust_key: account.trust_key,
            key: account.key.as_deref(),
            blobs_needed: account.blobs_needed,
            blobs_missing: account.blobs_missing,
            bytes: account.bytes,
            to: destination(&account.state),
        }
    }
}

fn destination(state: &State) -> Option<&str> {
    match state {
        State::Leaving { to, .. } | State::Moved { to, .. } => Some(to),
        _ => None,
    }
}

fn print(output: &mut Output, account: &AccountStatus) -> Result<(), Failure> {
    output.line(format_args!("{}", account.did))?;
    output.field("state", &account.state)?;
    output.field("revision", or_dash(account.rev))?;
    output.field("commit", or_dash(account.commit.as_ref()))?;
    output.field("data", or_dash(account.data.as_ref()))?;
    output.field("records", count(account.records))?;
    output.field("size", bytes(account.bytes))?;
    let missing = count(account.blobs_missing);
    output.field("blobs", format_args!("{} needed, {missing} missing", account.blobs_needed))?;
    output.field("trust", trust(account.trust, account.trust_key))?;
    output.field("key", or_dash(account.key.as_ref()))
}

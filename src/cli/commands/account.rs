use crate::cli::answer::Output;
use crate::cli::commands::floors::{notice, notice_json};
use crate::cli::failure::{Failure, tell};
use crate::cli::run::Answer;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::{bytes, count, or_dash, things};
use carrack::Engine;
use carrack::engine::{AccountStatus, State, Trust, TrustKey};
use carrack::ident::Did;
use carrack::key::key_file;
use clap::Args;
use serde_json::{Value, json};
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
    did: Did,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArgs {
    #[command(flatten)]
    store: StoreArgs,
    did: Did,
    /// The key that signs; `carrack key new` makes one
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
}

pub(in crate::cli) fn accounts(args: &AccountsArgs) -> Result<Answer, Failure> {
    let engine = store::existing(&args.store)?;
    let accounts = engine.accounts()?;
    let mut output = Output::new();
    if args.json {
        let accounts: Vec<Value> = accounts.iter().map(to_json).collect();
        let mut answer = json!({ "accounts": accounts });
        say_awaited(&mut answer, &engine)?;
        output.json(&answer)?;
        return Ok(Answer::Yes);
    }
    for account in &accounts {
        output.line(format_args!(
            "{}  {}  {}  {}, {}",
            account.did,
            account.state.name(),
            or_dash(account.rev),
            things(account.records, "record"),
            bytes(account.bytes)
        ))?;
    }
    if accounts.is_empty() {
        output.line(format_args!("no accounts"))?;
    }
    output.flush()?;
    if let Some(awaited) = notice(&engine)? {
        tell(format_args!("{awaited}"));
    }
    Ok(Answer::Yes)
}

pub(in crate::cli) fn status(args: &StatusArgs) -> Result<Answer, Failure> {
    let engine = store::existing(&args.store)?;
    let account = engine.status(&args.did)?;
    let mut output = Output::new();
    if args.json {
        let mut answer = to_json(&account);
        say_awaited(&mut answer, &engine)?;
        output.json(&answer)?;
        return Ok(Answer::Yes);
    }
    print(&mut output, &account)?;
    if let Some(awaited) = notice(&engine)? {
        output.field("writes", format_args!("none: {awaited}"))?;
        output.flush()?;
    }
    Ok(Answer::Yes)
}

/// Adds what a restored store waits for; an answer of any other store has no such field.
fn say_awaited(answer: &mut Value, engine: &Engine) -> Result<(), Failure> {
    let awaited = notice_json(engine)?;
    if let (Some(fields), false) = (answer.as_object_mut(), awaited.is_null()) {
        fields.insert("floors_awaited".to_owned(), awaited);
    }
    Ok(())
}

pub(in crate::cli) fn create(args: &CreateArgs) -> Result<Answer, Failure> {
    let key = key_file::read(&args.key_file)?;
    let engine = store::existing_or_new(&args.store)?;
    engine.create_account(&args.did, &key)?;
    print(&mut Output::new(), &engine.status(&args.did)?)?;
    Ok(Answer::Yes)
}

fn to_json(account: &AccountStatus) -> Value {
    let mut out = json!({
        "did": account.did.as_str(),
        "commit": account.commit.as_ref().map(ToString::to_string),
        "rev": account.rev.map(|rev| rev.to_string()),
        "data": account.data.as_ref().map(ToString::to_string),
        "records": account.records,
        "state": account.state.name(),
        "trust": account.trust.name(),
        "trust_key": account.trust_key.map(TrustKey::name),
        "key": account.key,
        "blobs_needed": account.blobs_needed,
        "blobs_missing": account.blobs_missing,
        "bytes": account.bytes,
    });
    if let (Some(to), Some(fields)) = (destination(&account.state), out.as_object_mut()) {
        fields.insert("to".to_owned(), to.into());
    }
    out
}

fn destination(state: &State) -> Option<&str> {
    match state {
        State::Leaving { to, .. } | State::Moved { to, .. } => Some(to),
        _ => None,
    }
}

/// How far a head is verified, in words.
pub(in crate::cli) fn trust(trust: Trust, key: Option<TrustKey>) -> String {
    match key {
        Some(key) => format!("{}, {} key", trust.name(), key.name()),
        None => trust.name().to_owned(),
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
    output.field("key", or_dash(account.key.as_ref()))?;
    output.flush()
}

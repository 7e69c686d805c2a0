//! `carrack account`: what an operator changes of an account.

use crate::cli::answer::Answer;
use crate::cli::commands::account::show;
use crate::cli::failure::Failure;
use crate::cli::io::stderr::tell;
use crate::cli::keys::read_key;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::things;
use carrack::Error;
use carrack::engine::{AccountStatus, State, WriteOptions};
use carrack::ident::Did;
use clap::{Args, Subcommand};
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct AccountArgs {
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Let it be read and written
    Activate(StateArgs),
    /// Make it read-only, as its owner does
    Deactivate(StateArgs),
    /// Make it read-only for a time, as its operator does
    Suspend(StateArgs),
    /// Make it read-only, as its operator does for good
    Takedown(StateArgs),
    /// Delete its repository and its events; the DID and the last revision are kept
    Delete(DeleteArgs),
    /// Sign its head anew with another key, which becomes the account's
    Rekey(RekeyArgs),
}

#[derive(Debug, Args)]
struct StateArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The account
    did: Did,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct DeleteArgs {
    #[command(flatten)]
    account: StateArgs,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct RekeyArgs {
    #[command(flatten)]
    account: StateArgs,
    /// The key that the account has
    #[arg(long, value_name = "OLD")]
    key_file: PathBuf,
    /// The key that it gets; `carrack key new` makes one
    #[arg(long, value_name = "NEW")]
    new_key_file: PathBuf,
}

impl AccountArgs {
    /// Whether it prints JSON.
    pub(in crate::cli) fn json(&self) -> bool {
        match &self.command {
            AccountCommand::Activate(args)
            | AccountCommand::Deactivate(args)
            | AccountCommand::Suspend(args)
            | AccountCommand::Takedown(args) => args.json,
            AccountCommand::Delete(args) => args.account.json,
            AccountCommand::Rekey(args) => args.account.json,
        }
    }
}

pub(in crate::cli) fn run(args: &AccountArgs) -> Result<Answer, Failure> {
    match &args.command {
        AccountCommand::Activate(args) => set(args, State::Active),
        AccountCommand::Deactivate(args) => set(args, State::Deactivated),
        AccountCommand::Suspend(args) => set(args, State::Suspended),
        AccountCommand::Takedown(args) => set(args, State::TakenDown),
        AccountCommand::Delete(args) => delete(args),
        AccountCommand::Rekey(args) => rekey(args),
    }
}

fn set(args: &StateArgs, state: State) -> Result<Answer, Failure> {
    let engine = store::existing(&args.store)?;
    engine.set_state(&args.did, state).map_err(with_what_is_possible)?;
    show(&engine, &args.did, args.json)
}

fn delete(args: &DeleteArgs) -> Result<Answer, Failure> {
    let StateArgs { store, did, json } = &args.account;
    let engine = store::existing(store)?;
    let account = engine.status(did)?;
    if account.state != State::Deleted {
        let stdin = std::io::stdin();
        let is_terminal = stdin.is_terminal();
        if !args.yes && !confirmed(&account, is_terminal, &mut stdin.lock())? {
            return Ok(Answer::No(format!("{did} was not deleted: that was not its DID")));
        }
        engine.delete_account(did).map_err(with_what_is_possible)?;
    }
    show(&engine, did, *json)
}

/// Asks for the DID: a `y` is typed too easily behind the wrong command.
fn confirmed(
    account: &AccountStatus,
    is_terminal: bool,
    input: &mut impl BufRead,
) -> Result<bool, Failure> {
    if !is_terminal {
        let message = "the deletion is not confirmed, and there is no terminal to ask: give --yes";
        return Err(Failure::unusable(message));
    }
    let did = &account.did;
    let records = things(account.records, "record");
    tell(format_args!(
        "{did} is {}, with {records} here. They cannot be brought back. Type the DID to delete it:",
        account.state
    ));
    let mut line = String::new();
    // More than the longest DID is none.
    std::io::Read::take(input, 4096)
        .read_line(&mut line)
        .map_err(|error| Failure::io("reading the answer", &error))?;
    Ok(line.trim() == did.as_str())
}

fn rekey(args: &RekeyArgs) -> Result<Answer, Failure> {
    let StateArgs { store, did, json } = &args.account;
    let old = read_key(&args.key_file)?.verifying_key().to_did_key();
    let new = read_key(&args.new_key_file)?;
    let engine = store::existing(store)?;
    let account = engine.status(did)?;
    let held = account.key.as_deref();
    // Done already, by this command when it was given before.
    if held != Some(&new.verifying_key().to_did_key()) {
        check_held(did, held, &old)?;
        let options = WriteOptions::default().rekey(true).swap(account.commit);
        engine.write(did, Vec::new(), &options, &new).map_err(with_what_is_possible)?;
    }
    show(&engine, did, *json)
}

/// The key that is given up is shown to be the account's.
fn check_held(did: &Did, held: Option<&str>, old: &str) -> Result<(), Failure> {
    match held {
        Some(held) if held == old => Ok(()),
        Some(held) => Err(Failure::no(format!(
            "the key of {did} is {held}, and --key-file has {old}: give the account's key"
        ))),
        None => {
            Err(Failure::no(format!("the key of {did} is not known: `carrack trust` finds it out")))
        }
    }
}

/// Adds to a refusal by the account's state what that state allows.
fn with_what_is_possible(error: Error) -> Failure {
    let Error::State { state, .. } = &error else { return error.into() };
    let possible = match state {
        State::Deleted => "it can be created, imported or moved here anew",
        State::Leaving { .. } => {
            "repeat `carrack migrate` to finish its move, or give it up with --abort"
        }
        State::Moved { .. } => "it can be deleted, or a newer repository can be imported over it",
        State::Active => "it takes writes",
        _ => "`carrack account activate` lets it be written",
    };
    Failure::no(format!("{error}; {possible}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrack::Engine;
    use carrack::key::{Curve, SigningKey};

    #[test]
    fn only_the_did_confirms() {
        let engine = Engine::in_memory().unwrap();
        let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
        let key = SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
        engine.create_account(&did, &key).unwrap();
        let account = engine.status(&did).unwrap();
        let typed = |line: &str| confirmed(&account, true, &mut line.as_bytes()).unwrap();
        assert!(typed("did:plc:ewvi7nxzyoun6zhxrhs64oiz\n"));
        for other in ["", "\n", "y\n", "yes\n", "did:plc:ewvi7nxzyoun6zhxrhs64oi\n"] {
            assert!(!typed(other), "{other:?}");
        }
        let unasked = confirmed(&account, false, &mut did.as_str().as_bytes());
        assert!(matches!(unasked, Err(Failure::Told { code: 2, .. })), "{unasked:?}");
    }
}

use crate::cli::answer::Answer;
use crate::cli::args::{Cli, Command};
use crate::cli::commands::{
    account, account_state, apply, backup, blobs, compact, completions, diff, dump, event, events,
    export, follow, get, import, key, ls, man, migrate, plc, proof, scrub, tree, trust, verify,
    write,
};
use crate::cli::exit::fail;
use crate::cli::failure::{Failure, NO, UNUSABLE};
use crate::cli::io::panics::{Guarded, guarded};
use crate::cli::io::stderr::{be_quiet, print_usage, tell};
use crate::cli::{bench, demo};
use clap::{CommandFactory, Parser};
use std::process::ExitCode;

/// Reads the command line and carries it out.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            print_usage(&error, |args| Cli::try_parse_from(args).err());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if cli.quiet {
        be_quiet();
    }
    match outcome(guarded(|| carry_out(&cli.command))) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No(why)) => {
            tell(format_args!("error: {why}"));
            ExitCode::from(NO)
        }
        Ok(Answer::Unread(why)) => {
            tell(format_args!("error: {why}"));
            ExitCode::from(UNUSABLE)
        }
        Err(failure) => fail(failure, cli.command.json(), cli.command.judges()),
    }
}

/// A panic explains a failure better than what became of it.
fn outcome(ended: Guarded<Result<Answer, Failure>>) -> Result<Answer, Failure> {
    match (ended.done, ended.panic) {
        (Some(Ok(answer)), _) => Ok(answer),
        (Some(Err(failure)), None) => Err(failure),
        (Some(Err(Failure::ReaderGone)), _) => Err(Failure::ReaderGone),
        // Its JSON is printed already.
        (Some(Err(Failure::Printed { .. })), Some(panic)) => Err(Failure::broken(&panic).printed()),
        (_, panic) => Err(Failure::broken(&panic.unwrap_or_default())),
    }
}

fn carry_out(command: &Command) -> Result<Answer, Failure> {
    match command {
        Command::Verify(args) => verify::run(args),
        Command::Ls(args) => ls::run(args),
        Command::Get(args) => get::run(args),
        Command::Dump(args) => dump::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Tree(args) => tree::run(args),
        Command::Import(args) => import::run(args),
        Command::Apply(args) => apply::run(args),
        Command::Export(args) => export::run(args),
        Command::Proof(args) => proof::run(args),
        Command::Accounts(args) => account::accounts(args),
        Command::Status(args) => account::status(args),
        Command::Account(args) => account_state::run(args),
        Command::Blobs(args) => blobs::run(args),
        Command::Key(args) => key::run(args),
        Command::Create(args) => account::create(args),
        Command::Write(args) => write::run(args),
        Command::Events(args) => events::run(args),
        Command::Event(args) => event::run(args),
        Command::Follow(args) => follow::run(args),
        Command::Plc(args) => plc::run(args),
        Command::Migrate(args) => migrate::run(args),
        Command::Trust(args) => trust::run(args),
        Command::Scrub(args) => scrub::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Compact(args) => compact::run(args),
        Command::Floors(args) => backup::floors(args),
        Command::Completions(args) => completions::run(args, Cli::command()),
        Command::Man(args) => man::run(args, Cli::command()),
        Command::Demo(args) => demo::run(args),
        Command::Bench(args) => bench::run(args),
    }
}

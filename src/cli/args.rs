use crate::cli::bench::BenchArgs;
use crate::cli::commands::account::{AccountsArgs, CreateArgs, StatusArgs};
use crate::cli::commands::account_state::AccountArgs;
use crate::cli::commands::apply::ApplyArgs;
use crate::cli::commands::backup::{BackupArgs, FloorsArgs};
use crate::cli::commands::blobs::BlobsArgs;
use crate::cli::commands::compact::CompactArgs;
use crate::cli::commands::completions::CompletionsArgs;
use crate::cli::commands::diff::DiffArgs;
use crate::cli::commands::dump::DumpArgs;
use crate::cli::commands::event::EventArgs;
use crate::cli::commands::events::EventsArgs;
use crate::cli::commands::export::ExportArgs;
use crate::cli::commands::follow::FollowArgs;
use crate::cli::commands::get::GetArgs;
use crate::cli::commands::import::ImportArgs;
use crate::cli::commands::key::KeyArgs;
use crate::cli::commands::ls::LsArgs;
use crate::cli::commands::man::ManArgs;
use crate::cli::commands::migrate::MigrateArgs;
use crate::cli::commands::plc::PlcArgs;
use crate::cli::commands::proof::ProofArgs;
use crate::cli::commands::scrub::ScrubArgs;
use crate::cli::commands::tree::TreeArgs;
use crate::cli::commands::trust::TrustArgs;
use crate::cli::commands::verify::VerifyArgs;
use crate::cli::commands::write::WriteArgs;
use crate::cli::demo::DemoArgs;
use clap::{Parser, Subcommand};

/// Stores, verifies and moves AT Protocol repositories.
///
/// FILE is a path; `-` is standard input or output. STORE is the file in which an engine stores
/// accounts; `import`, `create`, `follow` and `migrate` create it.
///
/// Exit code 0: done, or yes. 1: no (invalid, refused, not found). 2: wrong usage, or a file or
/// store that cannot be read or written.
#[derive(Debug, Parser)]
#[command(name = "carrack", version, propagate_version = true)]
pub(in crate::cli) struct Cli {
    #[command(subcommand)]
    pub(in crate::cli) command: Command,
    /// Print no progress and no notes on standard error; warnings and errors are printed
    #[arg(short, long, global = true)]
    pub(in crate::cli) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Verify a repository offline, or with --proof what a partial one proves
    Verify(VerifyArgs),
    /// List the records of a FILE, or of an account in a STORE, as lines `path cid`
    Ls(LsArgs),
    /// Print one record of a FILE, or of an account in a STORE
    Get(GetArgs),
    /// Print every record of a FILE, or of an account in a STORE, as a line of JSON
    Dump(DumpArgs),
    /// Compare two repositories: which records were created, updated and deleted
    Diff(DiffArgs),
    /// Show the structure of a repository's tree
    Tree(TreeArgs),
    /// Verify a repository and store it
    Import(ImportArgs),
    /// Update a copy of an account to a newer head with a diff, verified against the copy
    Apply(ApplyArgs),
    /// Export an account's repository as a CAR in streaming order
    Export(ExportArgs),
    /// Write a CAR that proves a record present or absent
    Proof(ProofArgs),
    /// List the accounts of a store
    Accounts(AccountsArgs),
    /// Show an account
    Status(StatusArgs),
    /// Change the state of an account, change its key, or delete it
    Account(AccountArgs),
    /// List the blobs that the records of an account need
    Blobs(BlobsArgs),
    /// Create signing keys
    Key(KeyArgs),
    /// Create an account with its first commit
    Create(CreateArgs),
    /// Write records: one commit for each line of JSON on standard input
    Write(WriteArgs),
    /// Print the event log, or write its frames to files
    Events(EventsArgs),
    /// Check events
    Event(EventArgs),
    /// Apply frames of an event stream, in order, to the copies in a store
    Follow(FollowArgs),
    /// Check identities
    Plc(PlcArgs),
    /// Move an account from one store to another on this machine; no other process may have them
    /// open
    Migrate(MigrateArgs),
    /// Check an account's head against its identity, and store the result
    Trust(TrustArgs),
    /// Rehash and check everything in a store, and list every fault; no other process may be writing
    /// to it
    Scrub(ScrubArgs),
    /// Copy a store that no other process is writing to into a new file; confirm or mark a restored
    /// store
    Backup(BackupArgs),
    /// Rewrite a store without the bytes of deleted data; no other process may have it open
    Compact(CompactArgs),
    /// The former name of `backup confirm`, and with --ask of `backup mark`
    #[command(hide = true)]
    Floors(FloorsArgs),
    /// Create, migrate and verify a sample account
    Demo(DemoArgs),
    /// Measure this machine: transfers, commits, reads, many accounts
    ///
    /// Stores and generated repositories are written to a temporary folder, which is removed at the
    /// end (an interrupted run leaves it: its name begins with carrack-bench-). Each measurement
    /// runs in its own process. A figure that the system does not provide is a dash, or null.
    Bench(BenchArgs),
    /// Print the script that completes commands and options in a shell
    Completions(CompletionsArgs),
    /// Print the manual page of this command, or write the pages of all commands
    Man(ManArgs),
}

impl Command {
    /// Whether the command prints JSON.
    pub(in crate::cli) fn json(&self) -> bool {
        match self {
            Self::Verify(args) => args.json,
            Self::Ls(args) => args.json,
            Self::Get(args) => args.json,
            Self::Dump(args) => args.json,
            Self::Diff(args) => args.json,
            Self::Tree(args) => args.json,
            Self::Proof(args) => args.json,
            Self::Import(args) => args.json,
            Self::Apply(args) => args.json,
            Self::Export(args) => args.json,
            Self::Accounts(args) => args.json,
            Self::Status(args) => args.json,
            Self::Account(args) => args.json(),
            Self::Blobs(args) => args.json,
            Self::Key(args) => args.json(),
            Self::Create(args) => args.json,
            Self::Event(args) => args.json(),
            Self::Follow(args) => args.json,
            Self::Plc(args) => args.json(),
            Self::Migrate(args) => args.json,
            Self::Trust(args) => args.json,
            Self::Scrub(args) => args.json,
            Self::Backup(args) => args.json(),
            Self::Compact(args) => args.json,
            Self::Floors(args) => args.json,
            Self::Demo(args) => args.json,
            Self::Bench(args) => args.json(),
            // `write` prints JSON lines in any case, and reports refusals itself.
            _ => false,
        }
    }

    /// Whether its JSON has a verdict, which a refusal must have too.
    pub(in crate::cli) fn judges(&self) -> bool {
        matches!(
            self,
            Self::Verify(_)
                | Self::Import(_)
                | Self::Apply(_)
                | Self::Event(_)
                | Self::Plc(_)
                | Self::Trust(_)
                | Self::Scrub(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}

use crate::cli::answer::Answer;
use crate::cli::commands::backup::copy::copy;
use crate::cli::commands::backup::restore::{confirm, mark};
use crate::cli::failure::Failure;
use crate::cli::store::StoreArgs;
use carrack::ident::Rev;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(in crate::cli) struct BackupArgs {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    #[command(flatten)]
    store: Option<StoreArgs>,
    /// The new file; an existing file is not overwritten
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum BackupCommand {
    /// Confirm a restore: set the minimum sequence number and revision, and enable writes
    Confirm(ConfirmArgs),
    /// Mark a store as restored, if its copy was not made by `backup`: it takes no writes until the
    /// restore is confirmed
    Mark(MarkArgs),
}

#[derive(Debug, Args)]
struct ConfirmArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The highest sequence number of an event that was ever published
    #[arg(long, value_name = "N")]
    seq: u64,
    /// The newest revision, of any account, that was ever published
    #[arg(long, value_name = "REV")]
    rev: Rev,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct MarkArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// `backup confirm` and `backup mark` under their former name, `carrack floors`.
#[derive(Debug, Args)]
pub(in crate::cli) struct FloorsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// As of `backup confirm`
    #[arg(long, value_name = "N", requires = "rev", required_unless_present = "ask")]
    seq: Option<u64>,
    /// As of `backup confirm`
    #[arg(long, value_name = "REV", requires = "seq")]
    rev: Option<Rev>,
    /// As `backup mark`
    #[arg(long, conflicts_with_all = ["seq", "rev"])]
    ask: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

impl BackupArgs {
    pub(in crate::cli) fn json(&self) -> bool {
        match &self.command {
            Some(BackupCommand::Confirm(args)) => args.json,
            Some(BackupCommand::Mark(args)) => args.json,
            None => self.json,
        }
    }
}

pub(in crate::cli) fn run(args: &BackupArgs) -> Result<Answer, Failure> {
    match (&args.command, &args.store, &args.file) {
        (Some(BackupCommand::Confirm(args)), ..) => {
            confirm(&args.store, args.seq, args.rev, args.json)
        }
        (Some(BackupCommand::Mark(args)), ..) => mark(&args.store, args.json),
        (None, Some(store), Some(file)) => copy(store, file, args.json),
        (None, ..) => Err(Failure::unusable("give a STORE and a FILE")),
    }
}

pub(in crate::cli) fn floors(args: &FloorsArgs) -> Result<Answer, Failure> {
    match (args.seq, args.rev) {
        (Some(seq), Some(rev)) => confirm(&args.store, seq, rev, args.json),
        _ => mark(&args.store, args.json),
    }
}

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use crate::cli::io::output::Output;
use carrack::env::SystemRandom;
use carrack::key::{Curve, SigningKey, key_file};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Create a signing key in a new file that only you can read, and print its did:key
    New(NewArgs),
}

#[derive(Debug, Args)]
struct NewArgs {
    /// The new file; an existing file is not overwritten
    file: PathBuf,
    /// k256 or p256
    #[arg(long, default_value_t = Curve::K256)]
    curve: Curve,
}

pub(in crate::cli) fn run(args: &KeyArgs) -> Result<Answer, Failure> {
    let KeyCommand::New(args) = &args.command;
    if is_standard(&args.file) {
        return Err(Failure::unusable(
            "a key goes into a file that only you can read, and not to standard output: name a file",
        ));
    }
    let key = SigningKey::generate(args.curve, &SystemRandom)?;
    key_file::write_new(&args.file, &key)?;
    let mut output = Output::new();
    output.line(format_args!("{}", key.verifying_key()))?;
    output.flush()?;
    Ok(Answer::Yes)
}

use crate::cli::answer::Answer;
use crate::cli::environment::random;
use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use crate::cli::io::output::Output;
use carrack::key::{Curve, SigningKey, key_file};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde::Serialize;
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
    /// The curve
    #[arg(long, default_value_t = Curve::K256, value_parser = curves())]
    curve: Curve,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The names of the curves, which help and completions list.
fn curves() -> impl TypedValueParser<Value = Curve> {
    let names = [Curve::K256, Curve::P256].map(Curve::as_str);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Curve>())
}

impl KeyArgs {
    pub(in crate::cli) fn json(&self) -> bool {
        let KeyCommand::New(args) = &self.command;
        args.json
    }
}

pub(in crate::cli) fn run(args: &KeyArgs) -> Result<Answer, Failure> {
    let KeyCommand::New(args) = &args.command;
    if is_standard(&args.file) {
        return Err(Failure::unusable(
            "a key goes into a file that only you can read, and not to standard output: name a file",
        ));
    }
    let key = SigningKey::generate(args.curve, &*random())?;
    key_file::write_new(&args.file, &key)?;
    let key = key.verifying_key();
    let mut output = Output::new();
    if args.json {
        let file = args.file.display().to_string();
        output.json(&KeyObject { key: key.to_did_key(), curve: args.curve.as_str(), file })?;
    } else {
        output.line(format_args!("{key}"))?;
        output.flush()?;
    }
    Ok(Answer::Yes)
}

#[derive(Serialize)]
struct KeyObject {
    key: String,
    curve: &'static str,
    file: String,
}

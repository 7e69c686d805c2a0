use crate::cli::answer::Answer;
use crate::cli::commands::verify::collection::verify_collection_proof;
use crate::cli::commands::verify::record::verify_record_proof;
use crate::cli::commands::verify::verified::Verified;
use crate::cli::commands::verify::whole::verify_repository;
use crate::cli::failure::{Failure, NO};
use crate::cli::io::input::DecompressionLimit;
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::keys::{GivenKeys, KeySources};
use crate::cli::report::verdict;
use crate::cli::selector::RecordName;
use crate::cli::tally::{ListObject, NamedObject, Tally, UnreadObject};
use carrack::ident::Nsid;
use carrack::verify::Report;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    keys: KeySources,
    /// Verify FILE as a proof that PATH is present or absent; a URI names the account too
    #[arg(long, value_name = "PATH")]
    proof: Option<RecordName>,
    /// Verify FILE as a proof of all records of the collection NSID
    #[arg(long, value_name = "NSID", conflicts_with = "proof")]
    proof_collection: Option<Nsid>,
    #[command(flatten)]
    limit: DecompressionLimit,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Repositories as CARs, also compressed with gzip or zstd; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(in crate::cli) fn run(args: &VerifyArgs) -> Result<Answer, Failure> {
    args.keys.check_standard_inputs(&args.files)?;
    let mut keys = args.keys.read()?;
    if let Some(did) = args.proof.as_ref().and_then(|record| record.did.as_ref()) {
        keys.expect_did(did, Path::new("--proof"))?;
    }
    let mut output = Output::new();
    let [file] = &args.files[..] else { return verify_several(args, &keys, &mut output) };
    let verified = verify_one(args, file, &keys)?;
    if args.json {
        output.json(&verified)?;
    } else {
        verified.print(&mut output, file)?;
    }
    Ok(verdict(file, verified.report()))
}

/// Compressed data that is damaged is invalid as a CAR is that is.
fn verify_one(args: &VerifyArgs, file: &Path, keys: &GivenKeys) -> Result<Verified, Failure> {
    let verified = match (&args.proof, &args.proof_collection) {
        (Some(path), _) => verify_record_proof(file, &path.path, keys, args.limit),
        (None, Some(collection)) => verify_collection_proof(file, collection, keys, args.limit),
        (None, None) => verify_repository(file, keys, args.json, args.limit),
    };
    match verified {
        Err(Failure::Told { code: NO, problems, .. }) if !problems.is_empty() => {
            let mut report = Report::default();
            report.problems = problems;
            Ok(Verified::Whole(report, None))
        }
        verified => verified,
    }
}

/// Verifies all files, whatever is wrong with one of them, and sums up.
fn verify_several(
    args: &VerifyArgs,
    keys: &GivenKeys,
    output: &mut Output,
) -> Result<Answer, Failure> {
    let mut tally = Tally::default();
    if args.json {
        let mut list = ListObject::begin(output, "files")?;
        for file in &args.files {
            let name = file.display().to_string();
            match told(args, file, keys, &mut tally)? {
                Ok(verified) => list.entry(&NamedObject { file: name, object: &verified })?,
                Err(error) => list.entry(&UnreadObject { file: name, error: &error })?,
            }
        }
        list.end(&tally)?;
    } else {
        for file in &args.files {
            if let Ok(verified) = told(args, file, keys, &mut tally)? {
                verified.print(output, file)?;
            }
        }
        output.line(format_args!("{}", tally.line("file")))?;
        output.flush()?;
    }
    Ok(tally.answer("file"))
}

/// Verifies a file and says on standard error what is wrong with it; the inner error is that it
/// cannot be read.
fn told(
    args: &VerifyArgs,
    file: &Path,
    keys: &GivenKeys,
    tally: &mut Tally,
) -> Result<Result<Verified, String>, Failure> {
    match verify_one(args, file, keys) {
        Ok(verified) => {
            match verdict(file, verified.report()) {
                Answer::No(why) | Answer::Unread(why) => {
                    tally.invalid += 1;
                    tell(format_args!("{why}"));
                }
                Answer::Yes => tally.valid += 1,
            }
            Ok(Ok(verified))
        }
        Err(Failure::ReaderGone) => Err(Failure::ReaderGone),
        Err(failure) => {
            tally.unread += 1;
            tell(format_args!("{}", failure.message()));
            Ok(Err(failure.message().to_owned()))
        }
    }
}

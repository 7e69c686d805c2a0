use crate::cli::answer::Answer;
use crate::cli::failure::{Failure, in_words};
use crate::cli::io::input;
use crate::cli::io::output::Output;
use crate::cli::plc_log::{GivenLog, stated_signing_key};
use crate::cli::text::{or_dash, things};
use carrack::block::Cid;
use carrack::ident::Did;
use carrack::identity::plc::PlcState;
use carrack::limits::PLC_LOG_BYTES_MAX;
use carrack::{Code, Problem};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct PlcArgs {
    #[command(subcommand)]
    command: PlcCommand,
}

#[derive(Debug, Subcommand)]
enum PlcCommand {
    /// Verify the log of a did:plc: every signature and, with times, the rules of recovery
    Verify(LogArgs),
}

#[derive(Debug, Args)]
struct LogArgs {
    /// The log as the directory's `/DID/log/audit`, `/DID/log` or `/export` returns it; `-` is
    /// standard input
    file: PathBuf,
    /// The identity whose lines of an export are verified, and that any log has to be of
    #[arg(long)]
    did: Option<Did>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl PlcArgs {
    pub(in crate::cli) fn json(&self) -> bool {
        let PlcCommand::Verify(args) = &self.command;
        args.json
    }
}

pub(in crate::cli) fn run(args: &PlcArgs) -> Result<Answer, Failure> {
    let PlcCommand::Verify(args) = &args.command;
    let json = input::read_as(Code::BadLog, &args.file, PLC_LOG_BYTES_MAX as u64)?;
    let verified = GivenLog::verify(&json, args.did.as_ref()).map_err(in_words);
    let mut output = Output::new();
    match (&verified, args.json) {
        (Ok(log), true) => output.json(&LogObject::valid(log))?,
        (Err(problem), true) => output.json(&LogObject::invalid(problem))?,
        (Ok(log), false) => print(&mut output, log)?,
        (Err(_), false) => {}
    }
    Ok(match verified {
        Ok(_) => Answer::Yes,
        Err(problem) => Answer::No(format!("{} is not valid: {problem}", args.file.display())),
    })
}

/// Of an invalid log, only the problems are printed.
#[derive(Default, Serialize)]
struct LogObject<'a> {
    verdict: &'static str,
    form: Option<&'static str>,
    did: Option<&'a Did>,
    tombstoned: Option<bool>,
    chain: Option<Vec<&'a Cid>>,
    nullified: Option<Vec<bool>>,
    signing_key: Option<&'a str>,
    rotation_keys: Option<&'a [String]>,
    also_known_as: Option<&'a [String]>,
    pds: Option<&'a str>,
    problems: &'a [Problem],
}

impl<'a> LogObject<'a> {
    fn valid(log: &'a GivenLog) -> Self {
        let state = log.state();
        Self {
            verdict: "valid",
            form: Some(log.form()),
            did: Some(log.did()),
            tombstoned: Some(state.is_none()),
            chain: Some(log.chain()),
            nullified: log.nullified(),
            signing_key: state.and_then(stated_signing_key),
            rotation_keys: state.map(|state| &state.rotation_keys[..]),
            also_known_as: state.map(|state| &state.also_known_as[..]),
            pds: state.and_then(PlcState::pds),
            problems: &[],
        }
    }

    fn invalid(problem: &'a Problem) -> Self {
        let problems = std::slice::from_ref(problem);
        Self { verdict: "invalid", problems, ..Self::default() }
    }
}

fn print(output: &mut Output, log: &GivenLog) -> Result<(), Failure> {
    output.line(format_args!("{}", log.did()))?;
    let standing = things(log.chain().len() as u64, "operation");
    if let Some(nullified) = log.nullified() {
        let undone = nullified.into_iter().filter(|nullified| *nullified).count();
        output.field("log", format_args!("{standing}, {undone} undone"))?;
    } else {
        let missing = "without times: whether any was undone is not checked";
        output.field("log", format_args!("{standing}, {missing}"))?;
    }
    match log.state() {
        None => output.field("state", "tombstoned")?,
        Some(state) => {
            output.field("handles", state.handles().collect::<Vec<_>>().join(", "))?;
            output.field("server", or_dash(state.pds()))?;
            output.field("signing key", or_dash(stated_signing_key(state)))?;
            for key in &state.rotation_keys {
                output.field("rotation key", key)?;
            }
        }
    }
    output.field("verdict", "valid")?;
    output.flush()
}

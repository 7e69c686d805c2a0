use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::keys::read_key;
use crate::cli::store::{self, StoreArgs};
use carrack::block::{Cid, json};
use carrack::engine::{Op, Record, WriteOptions, Written};
use carrack::ident::{Did, RepoPath};
use carrack::key::SigningKey;
use carrack::{Engine, Error};
use clap::Args;
use data_encoding::{BASE64, BASE64_NOPAD};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::io::{BufRead, Read};
use std::path::PathBuf;

/// A line of input. The largest record as JSON with every byte escaped takes less than half of it;
/// read as JSON, the worst line of this length takes some 300 MiB.
const LINE_BYTES_MAX: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(in crate::cli) struct WriteArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The account
    did: Did,
    /// The account's signing key
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Sign with another key than the account's and make it the account's; the account is
    /// unverified until `carrack trust` has checked the head
    #[arg(long)]
    rekey: bool,
    /// Write although the account's last revision, signed by a wrong clock, is ahead of this one
    #[arg(long)]
    accept_rev: bool,
    /// Print an object for a line that is refused too
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &WriteArgs) -> Result<Answer, Failure> {
    let key = read_key(&args.key_file)?;
    let engine = store::existing(&args.store)?;
    // Before the first line: a problem of the account is not one of the line.
    engine.status(&args.did)?;
    if args.accept_rev {
        engine.accept_rev(&args.did)?;
    }
    let mut input = std::io::stdin().lock();
    let mut output = Output::new();
    let mut number = 0_u64;
    while let Some(line) = read_line(&mut input)? {
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match write_line(&engine, args, &key, &line) {
            Ok(written) => output.json(&written)?,
            Err(failure) => return refused(failure, number, args.json, &mut output),
        }
    }
    Ok(Answer::Yes)
}

/// A line without its end; `None` at the end of the input.
fn read_line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    // One byte more than allowed shows that a line is too long.
    let read = input.take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line);
    read.map_err(|error| Failure::io("reading the standard input", &error))?;
    Ok(if line.is_empty() { None } else { Some(line) })
}

fn refused(
    failure: Failure,
    number: u64,
    json: bool,
    output: &mut Output,
) -> Result<Answer, Failure> {
    if json {
        output.json(&RefusedObject { line: number, error: failure.message() })?;
    }
    if number > 1 {
        tell(format_args!("the lines before line {number} are committed"));
    }
    Err(failure.preceded_by(format_args!("line {number}: ")))
}

fn write_line(
    engine: &Engine,
    args: &WriteArgs,
    key: &SigningKey,
    line: &[u8],
) -> Result<Written, Failure> {
    let (ops, options) = parse(line)?;
    let options = options.rekey(args.rekey);
    Ok(engine.write(&args.did, ops, &options, key)?)
}

fn parse(line: &[u8]) -> Result<(Vec<Op>, WriteOptions), Failure> {
    if line.len() as u64 > LINE_BYTES_MAX {
        return Err(Failure::no(format!("longer than {LINE_BYTES_MAX} bytes; use more commits")));
    }
    let line = std::str::from_utf8(line)
        .map_err(|error| Failure::no(format!("not UTF-8 (byte {})", error.valid_up_to())))?;
    let LineObject { ops, swap } = object(line, line)
        .map_err(|failure| failure.preceded_by("not one JSON object a line: "))?;
    let swap = swap.map(|swap| parse_cid(&swap, "swap")).transpose()?;
    let ops = ops.into_iter().enumerate().map(|(place, op)| {
        let op = parse_op(op.get(), line);
        op.map_err(|failure| failure.preceded_by(format_args!("op {}: ", place + 1)))
    });
    Ok((ops.collect::<Result<_, _>>()?, WriteOptions::default().swap(swap)))
}

/// A line of input. A misspelt "swap" must not disable the check.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineObject<'a> {
    #[serde(borrow)]
    ops: Vec<&'a RawValue>,
    swap: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpObject<'a> {
    action: Action,
    path: String,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    cbor: Option<String>,
    prev: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Action {
    Create,
    Update,
    Delete,
}

/// Reads an object that is a part of `line`. A list of the fields' values would do for serde.
fn object<'a, T: Deserialize<'a>>(json: &'a str, line: &str) -> Result<T, Failure> {
    if !json.trim_start().starts_with('{') {
        return Err(Failure::no("not a JSON object"));
    }
    serde_json::from_str(json).map_err(|error| {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let reason = text.strip_suffix(&place).unwrap_or(&text);
        Failure::no(format!("{reason} (column {})", start_in(line, json) + error.column()))
    })
}

/// How many bytes of the line are in front of a part of it.
fn start_in(line: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(line.as_ptr().addr())
}

fn parse_op(json: &str, line: &str) -> Result<Op, Failure> {
    let op: OpObject<'_> = object(json, line)?;
    let path: RepoPath = op.path.parse()?;
    let record = parse_record(op.record, op.cbor.as_deref(), line)
        .map_err(|error| in_record(error, &path))?;
    let prev = op.prev.map(|prev| parse_cid(&prev, "prev")).transpose()?;
    match (op.action, record, prev) {
        (Action::Create, Some(record), None) => Ok(Op::create(path, record)),
        (Action::Create, Some(_), Some(_)) => Err(Failure::no("a create has no \"prev\"")),
        (Action::Update, Some(record), prev) => Ok(Op::Update { path, record, prev }),
        (Action::Create | Action::Update, None, _) => {
            Err(Failure::no("no \"record\", and no \"cbor\""))
        }
        (Action::Delete, None, prev) => Ok(Op::Delete { path, prev }),
        (Action::Delete, Some(_), _) => Err(Failure::no("a delete has no record")),
    }
}

/// Why an op has no record: something in the record, or the op.
enum RecordError {
    Record(Error),
    Op(Failure),
}

fn parse_record(
    record: Option<&RawValue>,
    cbor: Option<&str>,
    line: &str,
) -> Result<Option<Record>, RecordError> {
    let record = match (record, cbor) {
        (None, None) => return Ok(None),
        (Some(record), None) => {
            let value = json::parse(record.get()).map_err(|mut problem| {
                problem.offset = problem.offset.map(|at| at + start_in(line, record.get()) as u64);
                RecordError::Record(problem.into())
            })?;
            Record::from_json(&value)
        }
        (None, Some(text)) => {
            let base64 = if text.ends_with('=') { BASE64 } else { BASE64_NOPAD };
            let bytes = base64.decode(text.as_bytes()).map_err(|error| {
                RecordError::Op(Failure::no(format!("\"cbor\" is not base64: {error}")))
            })?;
            Record::from_dag_cbor(bytes)
        }
        (Some(_), Some(_)) => {
            return Err(RecordError::Op(Failure::no("both \"record\" and \"cbor\"")));
        }
    };
    record.map(Some).map_err(RecordError::Record)
}

fn in_record(error: RecordError, path: &RepoPath) -> Failure {
    match error {
        RecordError::Op(failure) => failure,
        RecordError::Record(Error::Problem(problem)) => problem.path(path.as_bytes()).into(),
        RecordError::Record(error) => error.into(),
    }
}

fn parse_cid(text: &str, name: &str) -> Result<Cid, Failure> {
    text.parse().map_err(|error| Failure::no(format!("\"{name}\": {error}")))
}

/// The JSON of a refused line.
#[derive(Serialize)]
struct RefusedObject<'a> {
    line: u64,
    error: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> String {
        parse(line.as_bytes()).unwrap_err().message().to_owned()
    }

    #[test]
    fn records_come_as_json_or_as_bytes() {
        let line = r#"{"ops":[
            {"action":"create","path":"com.example.a/1","record":{"a":1}},
            {"action":"update","path":"com.example.a/2","cbor":"oWFhAQ=="},
            {"action":"update","path":"com.example.a/3","cbor":"oWFhAQ","prev":null},
            {"action":"delete","path":"com.example.a/4"}],"swap":null}"#;
        let (ops, options) = parse(line.as_bytes()).unwrap();
        let path = |n: u8| format!("com.example.a/{n}").parse::<RepoPath>().unwrap();
        let record = Record::from_dag_cbor(&b"\xa1\x61a\x01"[..]).unwrap();
        let expected = [
            Op::create(path(1), record.clone()),
            Op::update(path(2), record.clone()),
            Op::update(path(3), record),
            Op::delete(path(4)),
        ];
        assert_eq!(ops, expected);
        assert_eq!(options.swap, None);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (line, word) in [
            ("", "not one JSON object"),
            ("[]", "not a JSON object"),
            ("[[],null]", "not a JSON object"),
            ("{}", "ops"),
            (r#"{"ops":null}"#, "null"),
            (r#"{"ops":[],"ops":[]}"#, "duplicate field `ops` (column 15)"),
            (r#"{"ops":[["create","com.example.a/1",{}]]}"#, "op 1: not a JSON object"),
            (
                r#"{"ops":[{"action":"delete","path":"com.example.a/1","path":"a.b.c/2"}]}"#,
                "duplicate",
            ),
            (r#"{"ops":[],"swpa":"x"}"#, "swpa"),
            (r#"{"ops":[],"swap":"x"}"#, "swap"),
            (r#"{"ops":[{"action":"make","path":"com.example.a/1"}]}"#, "`make`"),
            (r#"{"ops":[{"action":"create","path":"com.example.a/1"}]}"#, "record"),
            (r#"{"ops":[{"action":"delete","path":"com.example.a/1","record":{}}]}"#, "delete"),
            (r#"{"ops":[{"action":"delete","path":"a/1"}]}"#, "op 1"),
            (
                r#"{"ops":[{"action":"create","path":"com.example.a/1","cbor":"oWFhAQ="}]}"#,
                "base64",
            ),
            (r#"{"ops":[{"action":"create","path":"com.example.a/1","cbor":"oWFhAR"}]}"#, "base64"),
            (
                r#"{"ops":[{"action":"create","path":"com.example.a/1","record":{"a":0.5}}]}"#,
                "record.a: 0.5",
            ),
            (
                r#"{"ops":[{"action":"create","path":"com.example.a/1","record":{"a":0,"a":0}}]}"#,
                r#"record.a: the key occurs twice, path "com.example.a/1", at byte 73"#,
            ),
            (
                r#"{"ops":[{"action":"create","path":"com.example.a/1","record":{"a":"\ud800"}}]}"#,
                "hex escape",
            ),
        ] {
            let said = refusal(line);
            assert!(said.contains(word), "{line}: {said}");
        }
    }

    #[test]
    fn a_line_is_bounded() {
        let mut input = std::io::repeat(b'x').take(LINE_BYTES_MAX + 100);
        let mut input = std::io::BufReader::new(&mut input);
        let line = read_line(&mut input).unwrap().unwrap();
        assert!(parse(&line).unwrap_err().message().contains("longer than"));
    }
}

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::stderr::tell;
use crate::cli::keys::read_key;
use crate::cli::store::{self, StoreArgs};
use carrack::block::Cid;
use carrack::engine::{Op, Record, WriteOptions, Written};
use carrack::ident::{Did, RepoPath};
use carrack::key::SigningKey;
use carrack::{Engine, Error};
use clap::Args;
use data_encoding::{BASE64, BASE64_NOPAD};
use serde::Serialize;
use serde_json::{Map, Value};
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
    /// Also print refused lines on standard output
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
    let value: Value = serde_json::from_slice(line)
        .map_err(|error| Failure::no(format!("not one JSON object a line: {error}")))?;
    let Value::Object(mut fields) = value else {
        return Err(Failure::no("not a JSON object with a list \"ops\""));
    };
    let swap = take_cid(&mut fields, "swap")?;
    let Some(Value::Array(ops)) = fields.remove("ops") else {
        return Err(Failure::no("no list \"ops\""));
    };
    nothing_left(&fields)?;
    let ops = ops.into_iter().enumerate().map(|(place, op)| {
        parse_op(op).map_err(|failure| failure.preceded_by(format_args!("op {}: ", place + 1)))
    });
    Ok((ops.collect::<Result<_, _>>()?, WriteOptions::default().swap(swap)))
}

fn parse_op(op: Value) -> Result<Op, Failure> {
    let Value::Object(mut fields) = op else { return Err(Failure::no("not an object")) };
    let action = take_text(&mut fields, "action")?.unwrap_or_default();
    let path = take_text(&mut fields, "path")?.ok_or_else(|| Failure::no("no \"path\""))?;
    let path: RepoPath = path.parse()?;
    let record = take_record(&mut fields, &path)?;
    let prev = take_cid(&mut fields, "prev")?;
    nothing_left(&fields)?;
    match (action.as_str(), record, prev) {
        ("create", Some(record), None) => Ok(Op::create(path, record)),
        ("create", Some(_), Some(_)) => Err(Failure::no("a create has no \"prev\"")),
        ("update", Some(record), prev) => Ok(Op::Update { path, record, prev }),
        ("create" | "update", None, _) => Err(Failure::no("no \"record\", and no \"cbor\"")),
        ("delete", None, prev) => Ok(Op::Delete { path, prev }),
        ("delete", Some(_), _) => Err(Failure::no("a delete has no record")),
        _ => Err(Failure::no("\"action\" is create, update or delete")),
    }
}

fn take_record(
    fields: &mut Map<String, Value>,
    path: &RepoPath,
) -> Result<Option<Record>, Failure> {
    let record = fields.remove("record").filter(|record| !record.is_null());
    let cbor = take_text(fields, "cbor")?;
    let record = match (record, cbor) {
        (None, None) => return Ok(None),
        (Some(record), None) => Record::from_json(&record),
        (None, Some(text)) => {
            let base64 = if text.ends_with('=') { BASE64 } else { BASE64_NOPAD };
            let bytes = base64
                .decode(text.as_bytes())
                .map_err(|error| Failure::no(format!("\"cbor\" is not base64: {error}")))?;
            Record::from_dag_cbor(bytes)
        }
        (Some(_), Some(_)) => return Err(Failure::no("both \"record\" and \"cbor\"")),
    };
    let record = record.map_err(|error| match error {
        Error::Problem(problem) => Error::from(problem.path(path.as_bytes())),
        error => error,
    });
    Ok(Some(record?))
}

fn take_cid(fields: &mut Map<String, Value>, name: &str) -> Result<Option<Cid>, Failure> {
    let cid = take_text(fields, name)?.map(|text| text.parse::<Cid>());
    cid.transpose().map_err(|error| Failure::no(format!("\"{name}\": {error}")))
}

/// Null counts as absent.
fn take_text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Failure> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Failure::no(format!("\"{name}\" is not a text"))),
    }
}

/// A misspelt "swap" must not disable the check.
fn nothing_left(fields: &Map<String, Value>) -> Result<(), Failure> {
    match fields.keys().next() {
        None => Ok(()),
        Some(name) => Err(Failure::no(format!("a field {name:?} that is not known"))),
    }
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
            ("{}", "ops"),
            (r#"{"ops":[],"swpa":"x"}"#, "swpa"),
            (r#"{"ops":[],"swap":"x"}"#, "swap"),
            (r#"{"ops":[{"action":"make","path":"com.example.a/1"}]}"#, "action"),
            (r#"{"ops":[{"action":"create","path":"com.example.a/1"}]}"#, "record"),
            (r#"{"ops":[{"action":"delete","path":"com.example.a/1","record":{}}]}"#, "delete"),
            (r#"{"ops":[{"action":"delete","path":"a/1"}]}"#, "op 1"),
            (
                r#"{"ops":[{"action":"create","path":"com.example.a/1","cbor":"oWFhAQ="}]}"#,
                "base64",
            ),
            (r#"{"ops":[{"action":"create","path":"com.example.a/1","cbor":"oWFhAR"}]}"#, "base64"),
            (r#"{"ops":[{"action":"create","path":"com.example.a/1","record":{"a":0.5}}]}"#, "0.5"),
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

//! The JSON of audit logs: a list of operations with the directory's claims about each.

use super::entry::LogEntry;
use super::state::text;
use super::{Operation, timestamp};
use crate::file_kind::FileKind;
use crate::ident::Did;
use crate::limits::{PLC_LOG_BYTES_MAX, PLC_OPERATIONS_MAX};
use crate::problem::{Code, Problem};
use serde_json::{Value, json};

/// An operation and the directory's claims about it.
pub(super) struct Claim {
    pub(super) operation: Operation,
    pub(super) did: String,
    pub(super) cid: String,
    /// Not in all exports.
    pub(super) nullified: Option<bool>,
    pub(super) created_micros: u64,
}

/// Reads the list that the directory's `/log/audit` returns.
pub(super) fn read(json: &[u8]) -> Result<Vec<Claim>, Problem> {
    let claims = read_list(json).and_then(|list| {
        each(list, |value| {
            let claim = read_claim(value)?;
            if claim.nullified.is_some() { Ok(claim) } else { Err("nullified is missing".into()) }
        })
    });
    claims.map_err(|problem| what_it_is(json, &FileKind::AuditLog, problem))
}

/// Reads the list that the directory's `/log` returns.
pub(super) fn read_operations(json: &[u8]) -> Result<Vec<Operation>, Problem> {
    let operations = read_list(json).and_then(|list| each(list, Operation::from_value));
    operations.map_err(|problem| what_it_is(json, &FileKind::OperationLog, problem))
}

/// Reads those lines of a directory's export that are of one identity.
pub(super) fn read_lines(json: &[u8], did: Option<&Did>) -> Result<Vec<Claim>, Problem> {
    check_length(json)?;
    let mut list = Vec::new();
    let mut first: Option<String> = did.map(ToString::to_string);
    for (number, line) in json.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| bad(format!("line {}: not JSON: {error}", number + 1)))?;
        let named = value.get("did").and_then(Value::as_str);
        let named = named.ok_or_else(|| bad(format!("line {}: no did", number + 1)))?;
        match &first {
            Some(wanted) if wanted == named => list.push(value),
            Some(_) if did.is_some() => {}
            Some(other) => {
                let why = format!(
                    "the lines are of several identities, {other} and others: name one \
                     (`PlcLog::verify_lines`)"
                );
                return Err(bad(why));
            }
            None => {
                first = Some(named.to_owned());
                list.push(value);
            }
        }
    }
    if let (Some(did), true) = (did, list.is_empty()) {
        return Err(bad(format!("no line is of {did}")));
    }
    check_count(&list)?;
    each(list, read_claim)
}

fn read_list(json: &[u8]) -> Result<Vec<Value>, Problem> {
    check_length(json)?;
    let list: Vec<Value> = serde_json::from_slice(json)
        .map_err(|error| bad(format!("not a list of operations: {error}")))?;
    check_count(&list)?;
    Ok(list)
}

fn check_length(json: &[u8]) -> Result<(), Problem> {
    if json.len() <= PLC_LOG_BYTES_MAX {
        return Ok(());
    }
    Err(bad(format!("the log is larger than {PLC_LOG_BYTES_MAX} bytes")))
}

fn check_count(list: &[Value]) -> Result<(), Problem> {
    if list.len() <= PLC_OPERATIONS_MAX {
        return Ok(());
    }
    Err(bad(format!("the log has more than {PLC_OPERATIONS_MAX} operations")))
}

/// Reads each value; an error names the place of its value.
fn each<T>(list: Vec<Value>, read: impl Fn(Value) -> Result<T, String>) -> Result<Vec<T>, Problem> {
    let read = |(place, value)| read(value).map_err(|why| bad(format!("operation {place}: {why}")));
    list.into_iter().enumerate().map(read).collect()
}

/// Says what the bytes are, if they are of another kind.
fn what_it_is(json: &[u8], expected: &FileKind, problem: Problem) -> Problem {
    match FileKind::of(json) {
        Some(kind) if kind != *expected && kind != FileKind::Json => {
            bad(kind.refusal(&expected.to_string()))
        }
        _ => problem,
    }
}

fn bad(why: String) -> Problem {
    Problem::new(Code::BadLog, why)
}

pub(super) fn write(did: &Did, entries: &[LogEntry]) -> String {
    let list = entries.iter().map(|entry| {
        json!({
            "did": did.as_str(),
            "operation": entry.operation.to_value(),
            "cid": entry.operation.cid().to_string(),
            "nullified": entry.nullified,
            "createdAt": timestamp::format(entry.created_micros),
        })
    });
    Value::Array(list.collect()).to_string()
}

fn read_claim(mut value: Value) -> Result<Claim, String> {
    let fields = value.as_object_mut().ok_or("not an object")?;
    let operation = fields.remove("operation").ok_or("no operation")?;
    let nullified = fields
        .get("nullified")
        .map(|value| value.as_bool().ok_or_else(|| "nullified is not true or false".to_owned()));
    let created = timestamp::parse(text(fields, "createdAt")?);
    Ok(Claim {
        operation: Operation::from_value(operation)?,
        did: text(fields, "did")?.to_owned(),
        cid: text(fields, "cid")?.to_owned(),
        nullified: nullified.transpose()?,
        created_micros: created.ok_or("createdAt is not a time in UTC")?,
    })
}

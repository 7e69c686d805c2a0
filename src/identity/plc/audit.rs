//! The JSON of audit logs: a list of operations with the directory's claims about each.

use super::entry::LogEntry;
use super::state::text;
use super::{Operation, timestamp};
use crate::ident::Did;
use crate::limits::{PLC_LOG_BYTES_MAX, PLC_OPERATIONS_MAX};
use crate::problem::{Code, Problem};
use serde_json::{Value, json};

/// An operation and the directory's claims about it.
pub(super) struct Claim {
    pub(super) operation: Operation,
    pub(super) did: String,
    pub(super) cid: String,
    pub(super) nullified: bool,
    pub(super) created_micros: u64,
}

pub(super) fn read(json: &[u8]) -> Result<Vec<Claim>, Problem> {
    let bad = |why: String| Problem::new(Code::BadLog, why);
    if json.len() > PLC_LOG_BYTES_MAX {
        return Err(bad(format!("the log is larger than {PLC_LOG_BYTES_MAX} bytes")));
    }
    let list: Vec<Value> = serde_json::from_slice(json)
        .map_err(|error| bad(format!("not a list of operations: {error}")))?;
    if list.len() > PLC_OPERATIONS_MAX {
        return Err(bad(format!("the log has more than {PLC_OPERATIONS_MAX} operations")));
    }
    let claims = list.into_iter().enumerate().map(|(place, value)| {
        read_claim(value).map_err(|why| bad(format!("operation {place}: {why}")))
    });
    claims.collect()
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
    let nullified = fields.get("nullified").and_then(Value::as_bool);
    let created = timestamp::parse(text(fields, "createdAt")?);
    Ok(Claim {
        operation: Operation::from_value(operation)?,
        did: text(fields, "did")?.to_owned(),
        cid: text(fields, "cid")?.to_owned(),
        nullified: nullified.ok_or("nullified is not true or false")?,
        created_micros: created.ok_or("createdAt is not a time in UTC")?,
    })
}

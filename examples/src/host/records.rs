//! `com.atproto.repo.getRecord` and `com.atproto.repo.createRecord`.

use super::error::XrpcError;
use super::state::{Account, Host};
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use carrack::block::{Cid, json};
use carrack::engine::{Op, Record, WriteOptions};
use carrack::ident::{Did, Nsid, RecordKey, RepoPath};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct Wanted {
    repo: String,
    collection: String,
    rkey: String,
    cid: Option<String>,
}

pub(super) async fn get_record(
    State(host): State<Arc<Host>>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, XrpcError> {
    let Query(wanted) = query.map_err(XrpcError::invalid)?;
    let did: Did = wanted.repo.parse()?;
    let path = RepoPath::new(&wanted.collection.parse()?, &wanted.rkey.parse()?);
    let version = wanted.cid.as_deref().map(str::parse::<Cid>).transpose()?;
    host.check_public(&did).await?;

    let uri = format!("at://{did}/{path}");
    let found = host.call(move |engine| engine.snapshot(&did)?.record(&path)).await?;
    // The host keeps only the present version of a record.
    let found = found.filter(|record| version.is_none_or(|version| version == *record.block.cid()));
    let Some(record) = found else {
        return Err(XrpcError::bad("RecordNotFound", format_args!("{uri} is not here")));
    };
    let value = json::to_json(record.block.bytes())?;
    Ok(Json(json!({ "uri": uri, "cid": record.block.cid().to_string(), "value": value })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewRecord {
    repo: String,
    collection: String,
    rkey: Option<String>,
    record: Value,
    swap_commit: Option<String>,
}

pub(super) async fn create_record(
    State(host): State<Arc<Host>>,
    headers: HeaderMap,
    body: Result<Json<NewRecord>, JsonRejection>,
) -> Result<Json<Value>, XrpcError> {
    // The token comes first: a client without one learns nothing about its body.
    let (did, account) = authenticated(&host, &headers)?;
    let Json(new) = body.map_err(|rejection| unreadable(&rejection))?;
    if new.repo != did.as_str() {
        let message = "the token is for another account";
        return Err(XrpcError::new(StatusCode::FORBIDDEN, "Forbidden", message));
    }
    let collection: Nsid = new.collection.parse()?;
    let key: RecordKey = match new.rkey {
        Some(key) => key.parse()?,
        None => host.next_key()?.to_string().parse()?,
    };
    let record = Record::from_json(&with_type(new.record, &collection)?)?;
    let swap = new.swap_commit.as_deref().map(str::parse).transpose()?;
    let path = RepoPath::new(&collection, &key);
    let uri = format!("at://{did}/{path}");

    let op = Op::create(path, record);
    let options = WriteOptions::default().swap(swap);
    let (did, signer) = (did.clone(), Arc::clone(&account.signer));
    // Should this run twice, the second run cannot write the record twice: the path is taken then.
    let written =
        host.call(move |engine| engine.write(&did, vec![op.clone()], &options, &*signer)).await?;

    let cid = written.ops.first().and_then(|op| op.cid());
    let cid = cid.ok_or_else(|| XrpcError::internal(&"a create without a record"))?;
    Ok(Json(json!({
        "uri": uri,
        "cid": cid.to_string(),
        "commit": { "cid": written.commit.to_string(), "rev": written.rev.to_string() },
        "validationStatus": "unknown",
    })))
}

fn unreadable(rejection: &JsonRejection) -> XrpcError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            XrpcError::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", rejection.body_text())
        }
        _ => XrpcError::invalid(rejection.body_text()),
    }
}

/// The account of the request's bearer token.
fn authenticated<'h>(
    host: &'h Host,
    headers: &HeaderMap,
) -> Result<(&'h Did, &'h Account), XrpcError> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    token.and_then(|token| host.account_of(token)).ok_or_else(|| {
        let message = "a valid bearer token is needed";
        XrpcError::new(StatusCode::UNAUTHORIZED, "AuthenticationRequired", message)
    })
}

/// A record names its type, which is its collection. A client may leave it out.
fn with_type(mut record: Value, collection: &Nsid) -> Result<Value, XrpcError> {
    let Some(fields) = record.as_object_mut() else {
        return Err(XrpcError::invalid("a record is an object"));
    };
    let named = fields.entry("$type").or_insert_with(|| collection.as_str().into());
    if named.as_str() != Some(collection.as_str()) {
        return Err(XrpcError::invalid(format_args!(
            "the $type of the record is not {collection}"
        )));
    }
    Ok(record)
}

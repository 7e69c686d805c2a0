//! A small host with axum and tokio; the methods are in `src/host/`.
//!
//! ```text
//! cargo run --bin axum_host -- FOLDER [ADDRESS]     # until Ctrl-C; the default is 127.0.0.1:2583
//! cargo run --bin axum_host -- --once               # checks itself over HTTP and ends
//! ```
//!
//! The folder keeps the store and the account's key. The token for writing is new at each start and printed.

use carrack::env::{Random, SystemRandom};
use carrack::ident::Did;
use carrack::key::{Curve, Signer, SigningKey, key_file};
use carrack::verify::{Discard, ExpectedHead, Input, verify};
use carrack::{Engine, ErrorKind};
use carrack_examples::client::{Answer, Client};
use carrack_examples::host::{Account, Host, router, start};
use carrack_examples::{Failure, SAMPLE_DID, exit};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--once"] => check_over_http(),
        [folder] => serve(Path::new(folder), "127.0.0.1:2583"),
        [folder, address] => serve(Path::new(folder), address),
        _ => Err("usage: axum_host FOLDER [ADDRESS], or axum_host --once".into()),
    }
}

/// Serves until Ctrl-C.
#[tokio::main]
async fn serve(folder: &Path, address: &str) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    let engine = Engine::open(folder.join("store.redb"))?;
    let did: Did = SAMPLE_DID.parse()?;
    let signer = Arc::new(key_in(&folder.join("account.key"))?);
    let token = new_token()?;
    let host = host_of(engine.clone(), &did, signer, token.clone())?;

    let listener = TcpListener::bind(address).await?;
    println!("{did} at http://{}, token {token}", listener.local_addr()?);
    axum::serve(listener, router(Arc::new(host)))
        .with_graceful_shutdown(async {
            // Where the signal cannot be waited for, the host runs until it is killed, which a store
            // survives.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
        .await?;
    // Calls that have begun are carried out; then the file is closed in order.
    engine.close();
    Ok(())
}

/// A host of one account, which is created if it is not there.
fn host_of(
    engine: Engine,
    did: &Did,
    signer: Arc<SigningKey>,
    token: String,
) -> Result<Host, Failure> {
    match engine.create_account(did, &*signer) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::Conflict => {}
        Err(error) => return Err(error.into()),
    }
    let signer: Arc<dyn Signer> = signer;
    let accounts = HashMap::from([(did.clone(), Account { signer, token })]);
    Ok(Host::new(engine, accounts)?)
}

fn key_in(file: &Path) -> Result<SigningKey, Failure> {
    if !file.exists() {
        key_file::write_new(file, &SigningKey::generate(Curve::K256, &SystemRandom)?)?;
    }
    Ok(key_file::read(file)?)
}

fn new_token() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Starts the host with a store in memory and calls it as a client does.
fn check_over_http() -> Result<(), Failure> {
    let did: Did = SAMPLE_DID.parse()?;
    let key = Arc::new(SigningKey::generate(Curve::K256, &SystemRandom)?);
    let token = new_token()?;
    let engine = Engine::in_memory()?;
    let host = start(host_of(engine, &did, Arc::clone(&key), token.clone())?)?;
    let client = Client::new(host.address());

    check_records(&client, &token)?;
    check_refusals(&client, &token)?;
    let downloaded = Input::spill(client.repository(SAMPLE_DID)?, "getRepo")?;
    let expect = ExpectedHead::signed_by([key.verifying_key()]).did(did);
    let report = verify(&downloaded, &expect, &carrack::env::SystemClock, &mut Discard)?;
    require(report.is_valid() && report.records == Some(2), "the repository verifies")?;
    host.stop();
    Ok(())
}

fn check_records(client: &Client, token: &str) -> Result<(), Failure> {
    let created = client.create(token, SAMPLE_DID, "a key that the host chooses")?;
    let uri = created.get("uri").and_then(Value::as_str).ok_or("a record without a URI")?;
    let key = uri.rsplit('/').next().unwrap_or_default();
    let (status, found) = get_record(client, key)?;
    require(status == 200 && found.get("cid") == created.get("cid"), "a created record is found")?;

    // A write that is based on a certain head.
    let head = created.pointer("/commit/cid").ok_or("a record without a commit")?;
    let (status, _) = client.create_record(token, &new_record("second", head))?;
    require(status == 200, "swapCommit names the head")?;
    let (status, error) = client.create_record(token, &new_record("third", head))?;
    refused(status, &error, 400, "InvalidSwap")
}

fn check_refusals(client: &Client, token: &str) -> Result<(), Failure> {
    let (status, error) = client.create_record("guessed", &new_record("x", &Value::Null))?;
    refused(status, &error, 401, "AuthenticationRequired")?;
    let (status, error) = client.create_record(token, &json!({ "repo": SAMPLE_DID }))?;
    refused(status, &error, 400, "InvalidRequest")?;
    let (status, error) = get_record(client, "none")?;
    refused(status, &error, 400, "RecordNotFound")?;
    let method = "com.atproto.sync.getRepo";
    let (status, error) = client.query(method, &[("did", "did:web:other.example")])?;
    refused(status, &error, 400, "RepoNotFound")?;
    let (status, error) = client.query(method, &[("did", "other")])?;
    refused(status, &error, 400, "InvalidRequest")?;
    let (status, error) = client.query(method, &[])?;
    refused(status, &error, 400, "InvalidRequest")?;
    let (status, error) = client.query("com.example.unknown", &[])?;
    refused(status, &error, 501, "MethodNotImplemented")
}

fn get_record(client: &Client, key: &str) -> Result<Answer, Failure> {
    let parameters = [("repo", SAMPLE_DID), ("collection", "com.example.note"), ("rkey", key)];
    client.query("com.atproto.repo.getRecord", &parameters)
}

fn new_record(key: &str, swap: &Value) -> Value {
    let record = json!({ "text": "a key that the client chooses" });
    json!({ "repo": SAMPLE_DID, "collection": "com.example.note", "rkey": key, "record": record,
        "swapCommit": swap })
}

/// The answer has to be an XRPC error of this name.
fn refused(status: u16, body: &Value, expected: u16, name: &str) -> Result<(), Failure> {
    let message = body.get("message").and_then(Value::as_str).unwrap_or_default();
    let named = body.get("error").and_then(Value::as_str) == Some(name);
    let right = status == expected && named && !message.is_empty();
    if !right {
        return Err(format!("the answer is {status} {body}, not {expected} {name}").into());
    }
    println!("ok: {status} {name}: {message}");
    Ok(())
}

fn require(holds: bool, what: &str) -> Result<(), Failure> {
    if !holds {
        return Err(format!("does not hold: {what}").into());
    }
    println!("ok: {what}");
    Ok(())
}

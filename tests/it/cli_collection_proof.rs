//! `proof --collection` and `verify --proof-collection` keep the contract of the command line.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
#![cfg(feature = "cli")]

use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

fn run(folder: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
    command.args(args).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn yes(folder: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
    let out = run(folder, args, input);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

fn report(out: &Output, code: i32) -> Value {
    assert_eq!(out.status.code(), Some(code), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn a_collection_is_proven_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = String::from_utf8(yes(folder, &["key", "new", "a.key"], b"")).unwrap();
    let key = key.trim();
    yes(folder, &["create", "a.redb", DID, "--key-file", "a.key"], b"");
    let create = |n: u32| {
        let collection = ["com.example.a", "com.example.b"][n as usize % 2];
        json!({ "action": "create", "path": format!("{collection}/{n}"), "record": { "n": n } })
    };
    let line = json!({ "ops": (0..60).map(create).collect::<Vec<_>>() }).to_string();
    yes(folder, &["write", "a.redb", DID, "--key-file", "a.key"], line.as_bytes());

    let prove = ["proof", "a.redb", DID, "--collection", "com.example.a"];
    let proof = yes(folder, &prove, b"");
    yes(folder, &[&prove[..], &["-o", "a.car"]].concat(), b"");
    assert_eq!(proof, std::fs::read(folder.join("a.car")).unwrap());

    let verify = ["verify", "--json", "--key", key, "--did", DID, "--proof-collection"];
    let out = report(&run(folder, &[&verify[..], &["com.example.a", "-"]].concat(), &proof), 0);
    assert_eq!(out["verdict"], "valid");
    assert_eq!(out["signature"], "valid");
    assert_eq!(out["proof"]["collection"], "com.example.a");
    assert_eq!(out["proof"]["complete"], true);
    assert_eq!(out["proof"]["records"], 30);
    assert!(out["proof"]["listing_sha256"].is_string());
    assert_eq!(out["listing_sha256"], Value::Null);

    // Of the collection beside it not enough is there.
    let out = report(&run(folder, &[&verify[..], &["com.example.b", "a.car"]].concat(), b""), 1);
    assert_eq!(out["verdict"], "invalid");
    assert_eq!(out["proof"]["complete"], Value::Null);
    assert_eq!(out["proof"]["records"], Value::Null);

    yes(folder, &["proof", "a.redb", DID, "--collection", "com.example.none", "-o", "n.car"], b"");
    let human = ["verify", "--proof-collection", "com.example.none", "n.car"];
    let human = String::from_utf8(yes(folder, &human, b"")).unwrap();
    assert!(human.contains("complete, and empty"), "{human}");

    let out = report(&run(folder, &[&verify[..], &["com.example.a", "-"]].concat(), b"no"), 1);
    assert_eq!(out["problems"][0]["code"], "Truncated");
    assert_eq!(out["proof"]["complete"], Value::Null);
}

#[test]
fn a_path_and_a_collection_are_alternatives() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["proof", "a.redb", DID][..],
        &["proof", "a.redb", DID, "com.example.a/1", "--collection", "com.example.a"],
        &["proof", "a.redb", DID, "--collection", "example"],
        &["verify", "--proof", "com.example.a/1", "--proof-collection", "com.example.a", "a.car"],
        &["verify", "--proof-collection", "com.example.a", "not-there.car"],
    ] {
        assert_eq!(run(folder.path(), args, b"").status.code(), Some(2), "{args:?}");
    }
}

//! `backup` and `floors` keep the command line's contract.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use carrack::env::{Clock, SystemClock};
use carrack::ident::Rev;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const OTHER: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

/// Runs a command, expects its exit code, and gives its output and what it said.
#[track_caller]
fn run(folder: &Path, code: i32, args: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
    let out = command.args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
    (String::from_utf8(out.stdout).unwrap(), said)
}

#[test]
fn a_store_is_backed_up_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let create = |code, store, did| run(at, code, &["create", store, did, "--key-file", "a.key"]);
    run(at, 0, &["key", "new", "a.key"]);
    create(0, "a.redb", DID);
    let (out, _) = run(at, 0, &["backup", "a.redb", "b.redb"]);
    assert!(out.contains("1 account"), "{out}");
    let (_, said) = run(at, 1, &["backup", "a.redb", "b.redb"]);
    assert!(said.contains("exists already"), "{said}");
    run(at, 2, &["backup", "a.redb", "-"]);
    run(at, 2, &["backup", "none.redb", "c.redb"]);
    assert!(!at.join("c.redb").exists() && !at.join("none.redb").exists());

    let json = |args: &[&str]| -> Value { serde_json::from_str(&run(at, 0, args).0).unwrap() };
    let accounts = json(&["accounts", "b.redb", "--json"]);
    assert_eq!(accounts["floors_awaited"]["last_seq"], 3);
    assert_eq!(json(&["status", "b.redb", DID, "--json"])["floors_awaited"]["last_seq"], 3);
    assert!(json(&["accounts", "a.redb", "--json"]).get("floors_awaited").is_none());
    assert!(run(at, 0, &["accounts", "b.redb"]).1.contains("floors are awaited"));
    assert!(run(at, 0, &["status", "b.redb", DID]).0.contains("floors are awaited"));
    run(at, 0, &["export", "b.redb", DID, "-o", "b.car"]);
    run(at, 0, &["scrub", "b.redb"]);
    let (_, said) = create(1, "b.redb", OTHER);
    assert!(said.contains("carrack floors"), "{said}");

    let rev = Rev::from_micros(SystemClock.now_micros(), 0).unwrap().to_string();
    run(at, 2, &["floors", "b.redb"]);
    run(at, 2, &["floors", "b.redb", "--seq", "9"]);
    run(at, 2, &["floors", "b.redb", "--ask", "--seq", "9", "--rev", &rev]);
    run(at, 1, &["floors", "b.redb", "--seq", "2", "--rev", &rev]);
    run(at, 1, &["floors", "b.redb", "--seq", "9", "--rev", "3jzfcijpj2z2a"]);
    run(at, 0, &["floors", "b.redb", "--seq", "9", "--rev", &rev]);
    create(0, "b.redb", OTHER);
    assert!(run(at, 0, &["events", "b.redb", "--after", "9"]).0.contains("\"seq\":10"));

    // A store that was restored without `backup` is told so.
    run(at, 0, &["floors", "a.redb", "--ask"]);
    create(1, "a.redb", OTHER);
}

//! `backup` and what is behind it keep the command line's contract.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::command::ends;
use carrack::env::{Clock, SystemClock};
use carrack::ident::Rev;
use serde_json::Value;
use std::path::Path;

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const OTHER: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

/// Runs a command, expects its exit code, and gives its output and what it said.
#[track_caller]
fn run(folder: &Path, code: i32, args: &[&str]) -> (String, String) {
    ends(folder, code, args, "")
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
    assert!(run(at, 0, &["accounts", "b.redb"]).1.contains("the restore is unconfirmed"));
    assert!(run(at, 0, &["status", "b.redb", DID]).0.contains("the restore is unconfirmed"));
    run(at, 0, &["export", "b.redb", DID, "-o", "b.car"]);
    run(at, 0, &["scrub", "b.redb"]);
    let (_, said) = create(1, "b.redb", OTHER);
    assert!(said.contains("carrack backup confirm"), "{said}");

    let rev = Rev::from_micros(SystemClock.now_micros(), 0).unwrap().to_string();
    let confirm = ["backup", "confirm", "b.redb"];
    run(at, 2, &confirm);
    run(at, 2, &[&confirm[..], &["--seq", "9"]].concat());
    run(at, 2, &[&confirm[..], &["c.redb", "--seq", "9", "--rev", &rev]].concat());
    run(at, 1, &[&confirm[..], &["--seq", "2", "--rev", &rev]].concat());
    run(at, 1, &[&confirm[..], &["--seq", "9", "--rev", "3jzfcijpj2z2a"]].concat());
    let (out, _) = run(at, 0, &[&confirm[..], &["--seq", "9", "--rev", &rev]].concat());
    assert_eq!(out, format!("the store takes writes, above event 9 and revision {rev}\n"));
    create(0, "b.redb", OTHER);
    assert!(run(at, 0, &["events", "b.redb", "--after", "9"]).0.contains("\"seq\":10"));

    // A store that was restored without `backup` is told so.
    let (out, _) = run(at, 0, &["backup", "mark", "a.redb"]);
    assert!(out.starts_with("the store takes no writes: the restore is unconfirmed ("), "{out}");
    create(1, "a.redb", OTHER);
}

/// The commands have had another name, which scripts may use.
#[test]
fn floors_is_the_earlier_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    run(at, 0, &["key", "new", "a.key"]);
    let create = |code, did| run(at, code, &["create", "a.redb", did, "--key-file", "a.key"]);
    create(0, DID);
    let rev = Rev::from_micros(SystemClock.now_micros(), 0).unwrap().to_string();
    let marked = run(at, 0, &["floors", "a.redb", "--ask"]).0;
    create(1, OTHER);
    assert_eq!(run(at, 0, &["backup", "mark", "a.redb"]).0, marked);
    run(at, 2, &["floors", "a.redb"]);
    run(at, 2, &["floors", "a.redb", "--seq", "9"]);
    run(at, 2, &["floors", "a.redb", "--ask", "--seq", "9", "--rev", &rev]);
    run(at, 1, &["floors", "a.redb", "--seq", "2", "--rev", &rev]);
    run(at, 1, &["floors", "a.redb", "--seq", "9", "--rev", "3jzfcijpj2z2a"]);
    let confirmed = run(at, 0, &["floors", "a.redb", "--seq", "9", "--rev", &rev]).0;
    create(0, OTHER);
    run(at, 0, &["backup", "mark", "a.redb"]);
    let later = Rev::from_micros(SystemClock.now_micros(), 0).unwrap().to_string();
    let confirm = ["backup", "confirm", "a.redb", "--seq", "99", "--rev", &later];
    let expected = confirmed.replace("event 9", "event 99").replace(&rev, &later);
    assert_eq!(run(at, 0, &confirm).0, expected);
    assert!(!run(at, 0, &["help"]).0.contains("floors"));
}

/// `confirm` and `mark` are commands behind `backup`; a store of that name is written as a path.
#[test]
fn a_store_may_be_called_as_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    run(at, 0, &["key", "new", "a.key"]);
    run(at, 0, &["create", "mark", DID, "--key-file", "a.key"]);
    run(at, 2, &["backup", "mark", "copy", "b.redb"]);
    run(at, 2, &["backup"]);
    run(at, 2, &["backup", "./mark"]);
    run(at, 0, &["backup", "./mark", "b.redb"]);
    run(at, 0, &["backup", "--no-upgrade", "./mark", "c.redb"]);
    assert!(at.join("b.redb").is_file() && at.join("c.redb").is_file());
}

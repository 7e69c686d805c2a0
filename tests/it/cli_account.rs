//! `account`: changes of state, deletion and changes of keys, and diffs at the command line.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::command::ends;
use serde_json::Value;
use std::path::Path;

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

/// Runs a command, expects its exit code, and gives its output and what it said.
#[track_caller]
fn run(folder: &Path, code: i32, args: &[&str]) -> (String, String) {
    ends(folder, code, args, "")
}

#[track_caller]
fn json(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&run(folder, 0, args).0).unwrap()
}

fn events(folder: &Path) -> usize {
    run(folder, 0, &["events", "a.redb"]).0.lines().count()
}

fn store() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for key in ["a.key", "b.key"] {
        run(folder.path(), 0, &["key", "new", key]);
    }
    run(folder.path(), 0, &["create", "a.redb", DID, "--key-file", "a.key"]);
    folder
}

#[test]
fn the_state_is_what_was_asked_for() {
    let folder = store();
    let at = folder.path();
    for (command, state) in [
        ("deactivate", "deactivated"),
        ("suspend", "suspended"),
        ("takedown", "takendown"),
        ("activate", "active"),
    ] {
        let before = events(at);
        let changed = json(at, &["account", command, "a.redb", DID, "--json"]);
        assert_eq!(changed, json(at, &["status", "a.redb", DID, "--json"]));
        assert_eq!(changed["state"], state);
        let after = events(at);
        assert!(after > before);
        // Done already.
        let again = json(at, &["account", command, "a.redb", DID, "--json"]);
        assert_eq!((again, events(at)), (changed, after));
        assert!(run(at, 0, &["account", command, "a.redb", DID]).0.contains(state));
    }
    let other = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
    assert!(run(at, 1, &["account", "suspend", "a.redb", other]).1.contains("not found"));
    run(at, 2, &["account", "suspend", "none.redb", DID]);
    run(at, 2, &["account", "a.redb", DID]);
}

#[test]
fn a_deletion_is_confirmed() {
    let folder = store();
    let at = folder.path();
    let before = run(at, 0, &["status", "a.redb", DID]).0;
    let (out, said) = run(at, 2, &["account", "delete", "a.redb", DID, "--json"]);
    assert!(said.contains("--yes") && out.contains("--yes"), "{said}{out}");
    assert_eq!(run(at, 0, &["status", "a.redb", DID]).0, before);
    let deleted = json(at, &["account", "delete", "a.redb", DID, "--yes", "--json"]);
    assert_eq!((&deleted["state"], &deleted["commit"]), (&"deleted".into(), &Value::Null));
    // Done already: there is nothing to ask.
    assert_eq!(json(at, &["account", "delete", "a.redb", DID, "--json"]), deleted);
    // What is not possible any more, and what is.
    let (out, said) = run(at, 1, &["account", "activate", "a.redb", DID, "--json"]);
    assert!(said.contains("is deleted") && said.contains("created"), "{said}");
    assert!(serde_json::from_str::<Value>(&out).unwrap()["error"].is_string());
    run(at, 0, &["create", "a.redb", DID, "--key-file", "b.key"]);
}

#[test]
fn an_account_that_has_moved_says_where_to() {
    let folder = store();
    let at = folder.path();
    run(at, 0, &["migrate", "a.redb", "b.redb", DID, "--key-file", "b.key"]);
    let (_, said) = run(at, 1, &["account", "activate", "a.redb", DID]);
    assert!(said.contains("moved to") && said.contains("can be deleted"), "{said}");
    let deleted = json(at, &["account", "delete", "a.redb", DID, "--yes", "--json"]);
    assert_eq!(deleted["state"], "deleted");
}

#[test]
fn a_key_is_changed_by_who_has_it() {
    let folder = store();
    let at = folder.path();
    let status = || json(at, &["status", "a.redb", DID, "--json"]);
    let before = status();
    let rekey = |code, old: &str, new: &str| {
        let args = ["account", "rekey", "a.redb", DID, "--key-file", old, "--new-key-file", new];
        run(at, code, &[&args[..], &["--json"]].concat())
    };
    run(at, 0, &["key", "new", "c.key"]);
    assert!(rekey(1, "b.key", "c.key").1.contains("give the account's key"));
    assert_eq!(status(), before);
    let changed: Value = serde_json::from_str(&rekey(0, "a.key", "b.key").0).unwrap();
    assert_eq!(changed, status());
    assert_eq!((&changed["trust"], &changed["data"]), (&"unverified".into(), &before["data"]));
    assert_ne!((&changed["key"], &changed["rev"]), (&before["key"], &before["rev"]));
    // Again: it is done, and no other commit is made.
    rekey(0, "a.key", "b.key");
    assert_eq!(status(), changed);
    let key = changed["key"].as_str().unwrap();
    assert_eq!(json(at, &["trust", "a.redb", DID, "--key", key, "--json"])["trust"], "verified");
    run(at, 0, &["account", "deactivate", "a.redb", DID]);
    assert!(rekey(1, "b.key", "c.key").1.contains("account activate"));
}

/// Answers of the reference server, over stores that hold their heads.
#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn the_answer_nothing_new_is_nothing_to_do() {
    let fixtures = crate::common::material::fixtures();
    let key = "did:key:zQ3shiAmqjwzxQ7ZkfCA8jVKqnaPn1Vc3Yay3EAiHWfWxgdV5";
    let file = |name: &str| fixtures.join(name).to_str().unwrap().to_owned();
    let answers = [
        ("reference-pds/car/repo-full.car", "reference-pds/car/repo-since-3n2uc6hnd4c24.car"),
        ("reference-pds/car/repo-after-60-posts.car", "field/since-nothing-new-header-only.car"),
    ];
    for (full, nothing_new) in answers {
        let (full, nothing_new) = (file(full), file(nothing_new));
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let imported = json(at, &["import", "a.redb", &full, "--key", key, "--json"]);
        let did = imported["did"].as_str().unwrap();
        let before = json(at, &["status", "a.redb", did, "--json"]);
        let log = events(at);
        let applied = json(at, &["apply", "a.redb", &nothing_new, "--key", key, "--json"]);
        for count in ["created", "updated", "deleted", "unreferenced_blocks"] {
            assert_eq!(applied[count], 0);
        }
        assert_eq!((&applied["commit"], &applied["rev"]), (&imported["commit"], &imported["rev"]));
        let text = run(at, 0, &["apply", "a.redb", &nothing_new]).0;
        assert!(text.contains("nothing to do"), "{text}");
        assert_eq!(json(at, &["status", "a.redb", did, "--json"]), before);
        assert_eq!(events(at), log);
        // Where the head is another one, it says what to ask for.
        let empty = file("reference-pds/car/repo-empty.car");
        run(at, 0, &["import", "b.redb", &empty, "--key", key]);
        let (out, said) = run(at, 1, &["apply", "b.redb", &nothing_new, "--json"]);
        let refused: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(refused["problems"][0]["code"], "MissingCommit");
        assert!(said.contains("full export"), "{said}");
    }
}

#[test]
fn a_copy_without_a_key_follows_its_host() {
    let folder = store();
    let at = folder.path();
    run(at, 0, &["export", "a.redb", DID, "-o", "a.car"]);
    let copied = json(at, &["import", "b.redb", "a.car", "--no-key", "--json"]);
    assert_eq!(copied["trust"], "unverified");
    run(
        at,
        0,
        &["account", "rekey", "a.redb", DID, "--key-file", "a.key", "--new-key-file", "b.key"],
    );
    let since = copied["rev"].as_str().unwrap();
    run(at, 0, &["export", "a.redb", DID, "--since", since, "-o", "diff.car"]);
    let (_, said) = run(at, 1, &["apply", "b.redb", "diff.car"]);
    assert!(said.contains("--no-key"), "{said}");
    let applied = json(at, &["apply", "b.redb", "diff.car", "--no-key", "--json"]);
    let host = json(at, &["status", "a.redb", DID, "--json"]);
    assert_eq!((&applied["trust"], &applied["commit"]), (&"unverified".into(), &host["commit"]));
    let key = host["key"].as_str().unwrap();
    assert_eq!(json(at, &["trust", "b.redb", DID, "--key", key, "--json"])["trust"], "verified");
    let (out, said) = run(at, 1, &["apply", "b.redb", "diff.car", "--no-key", "--json"]);
    assert!(said.contains("is verified") && said.contains("--no-key"), "{said}");
    assert!(serde_json::from_str::<Value>(&out).unwrap()["error"].is_string());
}

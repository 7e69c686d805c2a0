//! `carrack diff` keeps the contract of the command line.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::command::{DID, archive, no, object, run, stderr, with_hole, yes};
use crate::common::shuffle;
use serde_json::{Value, json};
use std::path::Path;

const OTHER: &str = "did:web:b.example";

/// The account after some writes, in `a.redb`, `new.car` and, in another order, `new2.car`.
fn change(at: &Path) {
    let line = json!({ "ops": [
        { "action": "create", "path": "com.example.c/1", "record": { "n": 100 } },
        { "action": "update", "path": "com.example.a/004", "record": { "n": 101 } },
        { "action": "update", "path": "com.example.b/051", "record": { "n": 102 } },
        { "action": "delete", "path": "com.example.a/010" },
    ] });
    let args = ["write", "a.redb", DID, "--key-file", "a.key"];
    let out = run(at, &args, line.to_string().as_bytes());
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    yes(at, &["export", "a.redb", DID, "-o", "new.car"]);
    let car = std::fs::read(at.join("new.car")).unwrap();
    std::fs::write(at.join("new2.car"), shuffle(&car, 9)).unwrap();
}

fn cid(at: &Path, file: &str, path: &str) -> Value {
    object(&yes(at, &["get", file, path, "--json"]))["cid"].clone()
}

#[test]
fn two_repositories_are_compared_wherever_they_are() {
    let (folder, _) = archive();
    let at = folder.path();
    yes(at, &["import", "old.redb", "b.car", "--no-key"]);
    change(at);
    let (old, new) = (|path| cid(at, "a.car", path), |path| cid(at, "new.car", path));
    let expected = json!({
        "created": [{ "path": "com.example.c/1", "cid": new("com.example.c/1") }],
        "updated": [
            { "path": "com.example.a/004", "cid": new("com.example.a/004"),
              "prev": old("com.example.a/004") },
            { "path": "com.example.b/051", "cid": new("com.example.b/051"),
              "prev": old("com.example.b/051") },
        ],
        "deleted": [{ "path": "com.example.a/010", "prev": old("com.example.a/010") }],
    });
    let olds = [
        &["a.car"][..],
        &["b.car"],
        &["old.redb", DID],
        &["a.car", "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz"],
    ];
    let news = [&["new.car"][..], &["new2.car"], &["a.redb", DID]];
    for old in olds {
        for new in news {
            let (out, said) = no(at, 1, &[&["diff", "--json"], old, new].concat());
            assert_eq!(object(&out), expected, "{old:?} {new:?}");
            assert!(said.contains("1 created, 2 updated, 1 deleted"), "{said}");
        }
    }
    // Options may stand between a STORE and its DID.
    no(at, 1, &["diff", "old.redb", "--json", DID, "new.car"]);
    let text = String::from_utf8(no(at, 1, &["diff", "b.car", "a.redb", DID]).0).unwrap();
    let word = |value: Value| value.as_str().unwrap().to_owned();
    let lines = [
        format!(
            "~ com.example.a/004 {} {}",
            word(old("com.example.a/004")),
            word(new("com.example.a/004"))
        ),
        format!("- com.example.a/010 {}", word(old("com.example.a/010"))),
        format!(
            "~ com.example.b/051 {} {}",
            word(old("com.example.b/051")),
            word(new("com.example.b/051"))
        ),
        format!("+ com.example.c/1 {}", word(new("com.example.c/1"))),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    let car = std::fs::read(at.join("new.car")).unwrap();
    let out = run(at, &["diff", "--json", "a.car", "-"], &car);
    assert_eq!(object(&out.stdout), expected);
}

#[test]
fn equal_repositories_are_a_zero() {
    let (folder, _) = archive();
    let at = folder.path();
    for pair in
        [&["a.car", "a.car"][..], &["b.car", "a.redb", DID], &["a.redb", DID, "a.redb", DID]]
    {
        let args = [&["diff"], pair].concat();
        assert!(yes(at, &args).is_empty());
        let found = object(&yes(at, &[&args[..], &["--json"]].concat()));
        assert_eq!(found, json!({ "created": [], "updated": [], "deleted": [] }));
    }
}

#[test]
fn two_accounts_of_one_store_are_compared_and_named() {
    let (folder, _) = archive();
    let at = folder.path();
    yes(at, &["create", "a.redb", OTHER, "--key-file", "a.key"]);
    let (out, said) = no(at, 1, &["diff", "a.redb", OTHER, "a.redb", DID, "--json"]);
    assert!(said.contains(OTHER) && said.contains(DID), "{said}");
    let found = object(&out);
    assert_eq!(found["created"].as_array().unwrap().len(), 60);
    assert_eq!((&found["updated"], &found["deleted"]), (&json!([]), &json!([])));
}

/// A node that is missing where the trees differ is an error, and nothing is printed; where they
/// are equal it is not needed.
#[test]
fn a_hole_is_an_error_where_the_repositories_differ() {
    let (folder, _) = archive();
    let at = folder.path();
    change(at);
    let expected = no(at, 1, &["diff", "a.car", "new.car"]).0;
    let (mut failed, mut not_needed) = (0, 0);
    let blocks = object(&yes(at, &["verify", "new.car", "--json"]))["blocks"].as_u64().unwrap();
    for number in 1..usize::try_from(blocks).unwrap() {
        with_hole(at, "new.car", "hole.car", number);
        let (out, said) = no(at, 1, &["diff", "a.car", "hole.car"]);
        if said.contains("MissingNode") {
            failed += 1;
            assert!(out.is_empty());
            let found = object(&no(at, 1, &["diff", "--json", "a.car", "hole.car"]).0);
            assert_eq!(found["problems"][0]["code"], "MissingNode");
            assert_eq!(found.as_object().unwrap().len(), 1);
        } else {
            not_needed += 1;
            assert_eq!(out, expected);
        }
    }
    assert!(failed >= 3 && not_needed > 60, "{failed} failed, {not_needed} not");
}

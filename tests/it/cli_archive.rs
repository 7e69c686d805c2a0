//! The commands that read a FILE as they read an account of a STORE: get, proof, ls, dump, tree.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::command::{DID, archive, command, no, object, run, stderr, with_hole, yes};
use crate::common::{NOW, handmade, key};
use carrack::env::ManualClock;
use carrack::ident::Rev;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

#[test]
fn a_record_of_a_file_is_printed_as_that_of_a_store() {
    let (folder, key) = archive();
    let at = folder.path();
    let (path, uri) = ("com.example.b/007", format!("at://{DID}/com.example.b/007"));
    for form in [&[][..], &["--cbor"], &["--json"]] {
        let with = |args: &[&str]| yes(at, &[&["get"], args, form].concat());
        let expected = with(&["a.redb", DID, path]);
        for args in [
            &["a.redb", &uri][..],
            &["a.redb", DID, &uri],
            &["a.car", path],
            &["b.car", path],
            &["b.car", &uri],
            &["b.car", path, "--key", &key, "--did", DID],
        ] {
            assert_eq!(with(args), expected, "{args:?}");
        }
        let car = std::fs::read(at.join("b.car")).unwrap();
        let out = run(at, &[&["get", "-", path], form].concat(), &car);
        assert_eq!((out.status.code(), out.stdout), (Some(0), expected));
    }
    assert_eq!(object(&yes(at, &["get", "b.car", path])), json!({ "n": 7 }));
    let found = object(&yes(at, &["get", "b.car", path, "--json"]));
    assert_eq!(found["path"], path);
    assert_eq!(found["value"], json!({ "n": 7 }));
    let listed = String::from_utf8(yes(at, &["ls", "a.car"])).unwrap();
    assert!(listed.contains(&format!("{path} {}\n", found["cid"].as_str().unwrap())));
}

#[test]
fn the_signature_of_a_file_is_checked_if_a_key_is_given() {
    let (folder, key) = archive();
    let at = folder.path();
    let get =
        |args: &[&str]| run(at, &[&["get", "b.car", "com.example.b/007"], args].concat(), b"");
    let unchecked = get(&[]);
    assert!(stderr(&unchecked).contains("signature is unchecked"), "{}", stderr(&unchecked));
    let checked = get(&["--key", &key]);
    assert_eq!((checked.status.code(), stderr(&checked).as_str()), (Some(0), ""));
    let other = String::from_utf8(yes(at, &["key", "new", "b.key"])).unwrap();
    for args in [&["--key", other.trim()][..], &["--did", "did:web:b.example"]] {
        let refused = get(args);
        assert_eq!(refused.status.code(), Some(1), "{args:?}");
        assert!(refused.stdout.is_empty());
        let json = object(&get(&[args, &["--json"]].concat()).stdout);
        let code = json["problems"][0]["code"].as_str().unwrap();
        assert!(["BadSignature", "DidMismatch"].contains(&code), "{json}");
    }
    no(at, 1, &["proof", "b.car", "com.example.b/007", "--key", other.trim(), "-o", "p.car"]);
    assert!(!at.join("p.car").exists());
    no(at, 1, &["get", "b.car", "at://did:web:b.example/com.example.b/007"]);
    // A store's head was checked when it came in.
    let args = ["get", "a.redb", DID, "com.example.b/007", "--key", &key];
    assert!(no(at, 2, &args).1.contains("carrack trust"));
}

#[test]
fn an_absent_record_is_not_found_and_a_missing_node_proves_nothing() {
    let (folder, _) = archive();
    let at = folder.path();
    let absent = ["get", "b.car", "com.example.b/008"];
    assert!(no(at, 1, &absent).1.contains("not found"));
    let json = object(&no(at, 1, &[&absent[..], &["--json"]].concat()).0);
    assert!(json["error"].as_str().unwrap().contains("not found"), "{json}");
    // A proof has one path, and neither the other nodes nor their records.
    yes(at, &["proof", "b.car", "com.example.b/007", "-o", "p.car"]);
    yes(at, &["get", "p.car", "com.example.b/007"]);
    let listed = String::from_utf8(yes(at, &["ls", "a.car"])).unwrap();
    let mut not_proven = 0;
    for path in listed.lines().map(|line| line.split(' ').next().unwrap()) {
        let out = run(at, &["get", "p.car", path], b"");
        assert!(!stderr(&out).contains("not found"), "{path}: {}", stderr(&out));
        not_proven += usize::from(stderr(&out).contains("NotProven"));
    }
    assert!(not_proven > 20, "{not_proven}");
    let car = std::fs::read(at.join("a.car")).unwrap();
    std::fs::write(at.join("cut.car"), &car[..car.len() - 20]).unwrap();
    let last = listed.lines().last().unwrap().split(' ').next().unwrap();
    let said = no(at, 1, &["get", "cut.car", last]).1;
    assert!(said.contains("error: cut.car: refused: Truncated"), "{said}");
}

#[test]
fn proofs_of_a_file_are_those_of_the_store() {
    let (folder, key) = archive();
    let at = folder.path();
    for subject in [
        &["com.example.a/004"][..],
        &["com.example.none/1"],
        &["--collection", "com.example.b"],
        &["--collection", "com.example.none"],
    ] {
        let from_store = yes(at, &[&["proof", "a.redb", DID], subject].concat());
        let from_file = yes(at, &[&["proof", "b.car"], subject].concat());
        assert_eq!(from_file, from_store);
        let args = [&["proof", "a.car", "-o", "p.car", "--json"], subject].concat();
        let proven = object(&yes(at, &args));
        assert_eq!(std::fs::read(at.join("p.car")).unwrap(), from_store);
        assert_eq!(proven["did"], DID);
        assert!(proven["rev"].is_string() && proven["commit"].is_string());
        let is_none = subject.last().unwrap().contains("none");
        if subject.len() == 1 {
            assert_eq!(
                (&proven["path"], &proven["present"]),
                (&json!(subject[0]), &json!(!is_none))
            );
            yes(at, &["verify", "--proof", subject[0], "p.car", "--key", &key]);
        } else {
            let records = if is_none { 0 } else { 30 };
            assert_eq!(proven["records"], records);
            yes(at, &["verify", "--proof-collection", subject[1], "p.car", "--key", &key]);
        }
    }
    let uri = format!("at://{DID}/com.example.b");
    let collection = yes(at, &["proof", "b.car", &uri]);
    assert_eq!(collection, yes(at, &["proof", "b.car", "--collection", "com.example.b"]));
    assert_eq!(collection, yes(at, &["proof", "a.redb", &uri]));
    no(at, 2, &["proof", "b.car", "com.example.a/004", "--json", "-o", "-"]);
}

#[test]
fn what_names_no_repository_is_wrong_usage() {
    let (folder, _) = archive();
    let at = folder.path();
    let path = "com.example.a/004";
    for (args, words) in [
        (&["get", "a.redb", path][..], "name the account"),
        (&["proof", "a.redb", path], "name the account"),
        (&["ls", "a.redb"], "name the account"),
        (&["dump", "a.redb"], "name the account"),
        (&["tree", "a.redb"], "name the account"),
        (&["diff", "a.redb", "a.car"], "name the account"),
        (&["get", "a.car", DID, path], "leave the DID out"),
        (&["ls", "a.car", DID], "leave the DID out"),
        (&["diff", "a.car", DID, "b.car"], "leave the DID out"),
        (&["get", "a.redb", DID], "name a record"),
        (&["get", "a.redb", DID, "at://did:web:b.example/com.example.a/004"], "another account"),
        (&["get", "a.car", "at://alice.example/com.example.a/004"], "handles are not resolved"),
        (&["get", "a.car", "com.example.a"], "did:"),
        (&["ls", "a.car", path], "carrack get"),
        (&["tree", "a.car", "at://did:plc:abc/com.example.a"], "whole repositories"),
        (&["diff", "a.car"], ""),
        (&["diff", "a.car", "b.car", "a.car"], "two repositories"),
        (&["diff", "-", "-"], "only one input"),
        (&["get", "not-there.car", path], "not-there.car"),
        (&["tree", "a.car", "--depth", "0"], "depth"),
    ] {
        let out = run(at, args, b"");
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", stderr(&out));
        assert!(stderr(&out).contains(words), "{args:?}: {}", stderr(&out));
        assert!(out.stdout.is_empty());
    }
}

#[test]
fn listings_have_a_json_form() {
    let (folder, _) = archive();
    let at = folder.path();
    for select in [&[][..], &["--collection", "com.example.b"], &["--collection", "com.example.c"]]
    {
        let text = yes(at, &[&["ls", "a.redb", DID], select].concat());
        let expected: Vec<Value> = String::from_utf8(text.clone())
            .unwrap()
            .lines()
            .map(|line| {
                let (path, cid) = line.split_once(' ').unwrap();
                json!({ "path": path, "cid": cid })
            })
            .collect();
        for from in [&["a.redb", DID][..], &["a.car"], &["b.car"]] {
            assert_eq!(yes(at, &[&["ls"], from, select].concat()), text);
            let listed = object(&yes(at, &[&["ls", "--json"], from, select].concat()));
            assert_eq!(listed, json!({ "records": expected }));
        }
    }
    let uri = format!("at://{DID}/com.example.b");
    let by_option = yes(at, &["ls", "a.car", "--collection", "com.example.b"]);
    for from in ["a.redb", "b.car"] {
        assert_eq!(yes(at, &["ls", from, &uri]), by_option);
    }
    for command in ["ls", "dump", "tree"] {
        let (out, said) = no(at, 1, &[command, "b.car", "at://did:web:b.example"]);
        assert!(out.is_empty() && said.contains("DidMismatch"), "{command}: {said}");
    }
    // One object in any case.
    with_hole(at, "a.car", "hole.car", 20);
    let listed = object(&no(at, 1, &["ls", "hole.car", "--json"]).0);
    assert!(listed["records"].as_array().unwrap().len() > 10, "{listed}");
    assert!(listed["problems"][0]["code"].as_str().unwrap().starts_with("Missing"), "{listed}");
    let failed = object(&no(at, 2, &["ls", "not-there.car", "--json"]).0);
    assert!(failed["error"].is_string(), "{failed}");
    std::fs::write(at.join("no.car"), b"no").unwrap();
    let failed = object(&no(at, 1, &["ls", "no.car", "--json"]).0);
    assert!(failed["problems"].is_array(), "{failed}");
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(object).collect()
}

#[test]
fn a_dump_has_every_record_in_the_order_of_the_paths() {
    let (folder, _) = archive();
    let at = folder.path();
    let dumped = yes(at, &["dump", "a.redb", DID]);
    let records = lines(&dumped);
    let listed = object(&yes(at, &["ls", "a.car", "--json"]));
    let listed = listed["records"].as_array().unwrap();
    assert_eq!(records.len(), listed.len());
    for (record, listed) in records.iter().zip(listed) {
        assert_eq!((&record["path"], &record["cid"]), (&listed["path"], &listed["cid"]));
        let number = record["path"].as_str().unwrap().rsplit('/').next().unwrap();
        assert_eq!(record["value"], json!({ "n": number.parse::<u32>().unwrap() }));
    }
    for from in ["a.car", "b.car"] {
        assert_eq!(yes(at, &["dump", from]), dumped);
    }
    let car = std::fs::read(at.join("b.car")).unwrap();
    assert_eq!(run(at, &["dump", "-"], &car).stdout, dumped);
    let part = yes(at, &["dump", "a.redb", DID, "--collection", "com.example.b"]);
    assert_eq!(part, yes(at, &["dump", "b.car", "--collection", "com.example.b"]));
    assert_eq!(part, yes(at, &["dump", "a.car", &format!("at://{DID}/com.example.b")]));
    assert_eq!(lines(&part).len(), 30);
    assert!(yes(at, &["dump", "a.car", "--collection", "com.example.c"]).is_empty());
}

/// What is proved is dumped, and the exit code says that it is not all.
#[test]
fn a_damaged_file_is_dumped_as_far_as_it_is_proved() {
    let (folder, _) = archive();
    let at = folder.path();
    let all = lines(&yes(at, &["dump", "a.car"]));
    with_hole(at, "a.car", "hole.car", 20);
    let (dumped, said) = no(at, 1, &["dump", "hole.car"]);
    let dumped = lines(&dumped);
    assert!(dumped.len() < all.len() && dumped.len() > 10);
    assert!(dumped.iter().all(|record| all.contains(record)));
    assert!(said.contains("Missing"), "{said}");
    let with_failure = lines(&no(at, 1, &["dump", "hole.car", "--json"]).0);
    assert_eq!(with_failure[..dumped.len()], dumped);
    assert!(with_failure[dumped.len()]["problems"][0]["code"].is_string());
}

/// A record that JSON has no form for is dumped and printed, in the form that loses nothing.
#[test]
fn an_improper_record_is_dumped_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let half = b"\xa1\x61n\xfb\x3f\xe0\0\0\0\0\0\0".to_vec();
    let records = BTreeMap::from([
        ("com.example.a/1".to_owned(), half.clone()),
        ("com.example.a/2".to_owned(), b"\xa1\x61n\x02".to_vec()),
        ("com.example.a/3".to_owned(), b"ahoy".to_vec()),
    ]);
    let rev = Rev::after(None, &ManualClock::new(NOW), 3).unwrap();
    let car = handmade::repository(&records, &DID.parse().unwrap(), rev, &key());
    std::fs::write(at.join("a.car"), car).unwrap();
    let dumped = lines(&yes(at, &["dump", "a.car"]));
    assert_eq!(dumped.len(), 3);
    for record in &dumped {
        let bytes = carrack::block::json::from_lossless(&record["value"]).unwrap();
        assert_eq!(bytes, records[record["path"].as_str().unwrap()]);
    }
    let printed = object(&yes(at, &["get", "a.car", "com.example.a/1"]));
    assert_eq!(carrack::block::json::from_lossless(&printed).unwrap(), half);
}

#[test]
fn a_reader_that_closes_early_ends_a_dump() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let text = "ahoy ".repeat(2000);
    let record = carrack::block::json::from_json(&json!({ "text": text })).unwrap();
    let records: BTreeMap<_, _> =
        (0..300).map(|number| (format!("com.example.a/{number:03}"), record.clone())).collect();
    let rev = Rev::after(None, &ManualClock::new(NOW), 3).unwrap();
    let car = handmade::repository(&records, &DID.parse().unwrap(), rev, &key());
    std::fs::write(at.join("a.car"), car).unwrap();
    let mut child = command(at, &["dump", "a.car"]).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(object(line.as_bytes())["value"]["text"], text);
    drop(stdout);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(141), ""));
}

#[test]
fn a_tree_is_shown_to_its_depth() {
    let (folder, _) = archive();
    let at = folder.path();
    let report = object(&yes(at, &["verify", "a.car", "--json"]));
    let whole = object(&yes(at, &["tree", "a.redb", DID, "--depth", "9", "--json"]));
    for from in ["a.car", "b.car"] {
        assert_eq!(object(&yes(at, &["tree", from, "--depth", "9", "--json"])), whole);
    }
    assert_eq!(whole["did"], DID);
    for field in ["rev", "commit", "data"] {
        assert_eq!(whole[field], report[field]);
    }
    let parts = whole["parts"].as_array().unwrap();
    let is_record = |part: &Value| part.get("path").is_some();
    let records = parts.iter().filter(|part| is_record(part));
    let records = records.map(|part| json!({ "path": part["path"], "cid": part["cid"] }));
    let listed = object(&yes(at, &["ls", "a.car", "--json"]));
    assert_eq!(listed["records"], json!(records.collect::<Vec<_>>()));
    let nodes: Vec<_> = parts.iter().filter(|part| !is_record(part)).collect();
    assert_eq!(report["nodes"], nodes.len());
    let depth = |part: &Value| part["depth"].as_u64().unwrap();
    assert_eq!(report["height"], nodes.iter().map(|node| depth(node)).max().unwrap());
    let top = parts[0]["layer"].as_u64().unwrap();
    for node in &nodes {
        assert_eq!(node["layer"], top + 1 - depth(node));
        assert_eq!(node["is_entered"], true);
    }
    // The text has a line for each, indented by depth, and each CID in short.
    let text = String::from_utf8(yes(at, &["tree", "a.redb", DID, "--depth", "9"])).unwrap();
    let drawn: Vec<_> = text.lines().skip(4).collect();
    assert_eq!(drawn.len(), parts.len());
    for (line, part) in drawn.iter().zip(parts) {
        let indent = line.len() - line.trim_start().len();
        assert_eq!(indent as u64, 2 * (depth(part) - 1), "{line}");
        let cid = part["cid"].as_str().unwrap();
        assert!(line.contains(&format!("{}…{}", &cid[..8], &cid[cid.len() - 8..])), "{line}");
        if let Some(path) = part.get("path") {
            assert!(line.contains(path.as_str().unwrap()), "{line}");
        }
    }
    let out = run(at, &["tree", "b.car", "--depth", "1"], b"");
    let shown = String::from_utf8(out.stdout.clone()).unwrap();
    let below = shown.lines().filter(|line| line.ends_with('…')).count();
    assert_eq!(below, nodes.iter().filter(|node| depth(node) == 2).count());
    assert!(stderr(&out).contains(&format!("{below} subtree")), "{}", stderr(&out));
    assert!(stderr(&out).contains("--depth 2"), "{}", stderr(&out));
}

/// What is missing is shown in its place; the rest is shown too.
#[test]
fn a_tree_shows_its_holes() {
    let (folder, _) = archive();
    let at = folder.path();
    // The root's first child.
    with_hole(at, "a.car", "hole.car", 2);
    let (shown, said) = no(at, 1, &["tree", "hole.car", "--depth", "9"]);
    let shown = String::from_utf8(shown).unwrap();
    assert_eq!(shown.matches("MissingNode").count(), 1, "{shown}");
    assert!(said.contains("MissingNode"), "{said}");
    let tree = object(&no(at, 1, &["tree", "hole.car", "--depth", "9", "--json"]).0);
    assert_eq!(tree["problems"][0]["code"], "MissingNode");
    let parts = tree["parts"].as_array().unwrap();
    let holes: Vec<_> = parts.iter().filter(|part| part.get("problem").is_some()).collect();
    assert_eq!(holes.len(), 1);
    assert_eq!(holes[0]["problem"], "MissingNode");
    assert!(parts.len() > 20);
}

/// Of a node with very many entries the first are shown and the others are counted.
#[test]
fn a_wide_node_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let records: BTreeMap<_, _> = crate::common::mined::of_layer(0, 200)
        .iter()
        .map(|path| (path.to_string(), vec![0xa0]))
        .collect();
    let rev = Rev::after(None, &ManualClock::new(NOW), 3).unwrap();
    let car = handmade::repository(&records, &DID.parse().unwrap(), rev, &key());
    std::fs::write(at.join("a.car"), car).unwrap();
    let shown = String::from_utf8(yes(at, &["tree", "a.car"])).unwrap();
    assert!(shown.contains("layer 0") && shown.contains("200 entries, 0 subtrees"), "{shown}");
    assert!(shown.contains("… 136 more records, 0 more subtrees"), "{shown}");
    assert_eq!(shown.matches("com.example.wide/").count(), 64);
    let whole = object(&yes(at, &["tree", "a.car", "--json"]));
    assert_eq!(whole["parts"].as_array().unwrap().len(), 201);
}

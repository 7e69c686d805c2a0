//! Nothing from outside reaches a terminal raw, and a line is a line, whatever is in it.
//!
//! Holds guarantee G37.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use crate::common::command_line::{ACCOUNT, CommandLine, stderr};
use crate::common::handmade::repository;
use crate::common::material::fixtures;
use crate::common::{did_of, key};
use carrack::Engine;
use carrack::block::drisl;
use carrack::identity::plc::{Operation, PlcLog, PlcState};
use carrack::key::Signer;
use data_encoding::BASE64URL_NOPAD;
use ipld_core::ipld;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::process::Output;

/// It would clear the screen, ring, overwrite its line, reorder and hide text, and add a line that
/// says something else.
const HOSTILE: &str = "a\u{1b}[2J\u{7}\u{8}\r\t\u{9b}31m\u{7f}\u{202e}\u{2066}\u{200b}\u{200f}\
                       \u{2028}\u{2029}\u{feff}\u{ad}\u{e0041}\n  verdict       valid\nb";

/// Whether a terminal, or a reader, would take it for something else than it is. Other words than
/// those of the program: what is common to both could hide a fault.
fn is_raw(char: char) -> bool {
    let code = u32::from(char);
    (code < 0x20 && char != '\n')
        || (0x7f..0xa0).contains(&code)
        || (0x200b..=0x200f).contains(&code)
        || (0x2028..=0x202e).contains(&code)
        || (0x2060..=0x206f).contains(&code)
        || [0xad, 0x34f, 0x61c, 0x180e, 0xfeff].contains(&code)
        || (0xe0000..0xe1000).contains(&code)
}

#[track_caller]
fn assert_escaped(out: &Output, what: impl std::fmt::Debug) {
    for bytes in [&out.stdout, &out.stderr] {
        let text = std::str::from_utf8(bytes).unwrap();
        let raw = text.chars().find(|char| is_raw(*char));
        assert_eq!(raw, None, "{what:?}: {text:?}");
        assert!(text.lines().all(|line| line != "b"), "{what:?}: {text}");
    }
}

/// Runs a command, which says something, all of it escaped.
#[track_caller]
fn runs(here: &CommandLine, args: &[impl AsRef<OsStr> + std::fmt::Debug]) -> Output {
    let out = here.run(args);
    assert!(out.stdout.len() + out.stderr.len() > 0, "{args:?} says nothing");
    assert_escaped(&out, args);
    out
}

/// Runs a command that shows what is hostile.
#[track_caller]
fn shows(here: &CommandLine, args: &[impl AsRef<OsStr> + std::fmt::Debug]) -> Output {
    let out = runs(here, args);
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), stderr(&out));
    assert!(said.contains("\\u001b[2J\\u0007"), "{said}");
    out
}

#[track_caller]
fn shown_json(here: &CommandLine, args: &[impl AsRef<OsStr> + std::fmt::Debug]) -> Value {
    serde_json::from_slice(&shows(here, args).stdout).unwrap()
}

#[test]
fn logs_of_identities() {
    let here = CommandLine::new();
    let key = key();
    let genesis = Operation::genesis(PlcState::default())
        .rotation_keys(&[key.verifying_key()])
        .signing_key(&key.verifying_key())
        .pds("https://pds.example")
        .sign(&key)
        .unwrap();
    // A directory might not take it, but a file can have it.
    let mut fields: Value = serde_json::from_str(&genesis.to_json()).unwrap();
    fields["alsoKnownAs"] = json!([format!("at://{HOSTILE}")]);
    fields["services"]["atproto_pds"]["endpoint"] = HOSTILE.into();
    fields.as_object_mut().unwrap().remove("sig");
    let unsigned = carrack::block::json::from_json(&fields).unwrap();
    fields["sig"] = BASE64URL_NOPAD.encode(&key.sign(&unsigned).unwrap()).into();
    let genesis = Operation::parse(fields.to_string().as_bytes()).unwrap();
    let log = PlcLog::begin(genesis, 1_700_000_000_000_000).unwrap().to_json();
    std::fs::write(here.path("log.json"), &log).unwrap();
    shows(&here, &["plc", "verify", "log.json"]);
    let shown = shown_json(&here, &["plc", "verify", "--json", "log.json"]);
    assert_eq!(shown["also_known_as"][0], format!("at://{HOSTILE}"));
    assert_eq!(shown["pds"], HOSTILE);
    // What is refused is quoted.
    let mut wrong: Value = serde_json::from_str(&log).unwrap();
    for field in ["cid", "did", "createdAt"] {
        let right = wrong[0][field].take();
        wrong[0][field] = HOSTILE.into();
        std::fs::write(here.path("wrong.json"), wrong.to_string()).unwrap();
        runs(&here, &["plc", "verify", "wrong.json"]);
        runs(&here, &["plc", "verify", "wrong.json", "--json"]);
        wrong[0][field] = right;
    }
    for field in ["type", "prev", "sig", HOSTILE] {
        let mut wrong = wrong.clone();
        wrong[0]["operation"][field] = HOSTILE.into();
        std::fs::write(here.path("wrong.json"), wrong.to_string()).unwrap();
        runs(&here, &["plc", "verify", "wrong.json"]);
        runs(&here, &["verify", "--plc-log", "wrong.json", "wrong.json"]);
    }
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn a_log_of_the_field() {
    let here = CommandLine::new();
    let log = fixtures().join("field/plc-terminal-escape.json");
    let out = runs(&here, &[OsStr::new("plc"), OsStr::new("verify"), log.as_os_str()]);
    assert!(String::from_utf8_lossy(&out.stdout).contains("\\u001b"), "{out:?}");
}

#[test]
fn documents_and_what_is_no_document() {
    let here = CommandLine::with_account();
    here.yes(&["export", "a.redb", ACCOUNT, "-o", "a.car"]);
    let method = |kind: &str, key: &str| json!([{"id": "#atproto", "type": kind, "controller": HOSTILE, "publicKeyMultibase": key}]);
    for document in [
        json!({"id": HOSTILE}),
        json!({"id": ACCOUNT, "verificationMethod": HOSTILE}),
        json!({"id": ACCOUNT, "verificationMethod": method(HOSTILE, "z")}),
        json!({"id": ACCOUNT, "verificationMethod": method("Multikey", HOSTILE)}),
        json!({"error": HOSTILE, "message": HOSTILE}),
        json!(HOSTILE),
    ] {
        std::fs::write(here.path("did.json"), document.to_string()).unwrap();
        for args in [
            &["verify", "--did-doc", "did.json", "a.car"][..],
            &["verify", "--json", "--did-doc", "did.json", "a.car"],
            &["import", "new.redb", "a.car", "--did-doc", "did.json"],
            &["trust", "a.redb", ACCOUNT, "--did-doc", "did.json"],
            &["verify", "did.json"],
            &["ls", "did.json"],
            &["import", "new.redb", "did.json", "--no-key", "--json"],
            &["apply", "a.redb", "did.json"],
            &["plc", "verify", "did.json"],
            &["event", "verify", "did.json"],
            &["follow", "a.redb", "did.json"],
            &["status", "did.json", ACCOUNT],
            &["create", "new.redb", ACCOUNT, "--key-file", "did.json"],
        ] {
            runs(&here, args);
        }
    }
    std::fs::write(here.path("page.html"), format!("<!DOCTYPE html><title>{HOSTILE}")).unwrap();
    runs(&here, &["verify", "page.html"]);
}

/// A record as DAG-CBOR.
fn record(text: &str) -> Vec<u8> {
    drisl::encode(&ipld!({"$type": text, "text": text})).unwrap()
}

#[test]
fn paths_and_types_of_records() {
    let here = CommandLine::new();
    let path = format!("com.example.a/{HOSTILE}");
    let did = did_of(1);
    let rev = "3jzfcijpj2z2a".parse().unwrap();
    let paths = [path.as_str(), "com.example.a/1", HOSTILE, "\u{1b}[2J\u{7}"];
    for (number, path) in paths.into_iter().enumerate() {
        let records = BTreeMap::from([(path.to_owned(), record(HOSTILE))]);
        let name = format!("{number}.car");
        std::fs::write(here.path(&name), repository(&records, &did, rev, &key())).unwrap();
        for args in [
            &["verify", &name][..],
            &["verify", "--json", &name],
            &["verify", "--proof", "com.example.a/2", &name],
            &["verify", "--proof-collection", "com.example.a", "--json", &name],
            &["ls", &name],
            &["ls", &name, "--collection", "com.example.a"],
            &["import", &format!("{number}.redb"), &name, "--no-key"],
            &["import", &format!("{number}.redb"), &name, "--no-key", "--json"],
        ] {
            runs(&here, args);
        }
    }
    let found = shown_json(&here, &["verify", "--json", "0.car"]);
    let problems = found["problems"].as_array().unwrap();
    let named = problems.iter().filter_map(|problem| problem["path"].as_str());
    assert!(named.clone().any(|named| named == path), "{problems:?}");
    // Of the second the path is right, and the record is what is hostile.
    let args = ["get", "1.redb", did.as_str(), "com.example.a/1"];
    let shown = shown_json(&here, &args);
    assert_eq!((&shown["$type"], &shown["text"]), (&HOSTILE.into(), &HOSTILE.into()));
    assert_eq!(here.run(&args).stdout.iter().filter(|byte| **byte == b'\n').count(), 4);
}

/// A frame of any header and body.
fn frame(header: ipld_core::ipld::Ipld, body: ipld_core::ipld::Ipld) -> Vec<u8> {
    [header, body].map(|half| drisl::encode(&half).unwrap()).concat()
}

#[test]
fn events_and_their_handles() {
    let here = CommandLine::with_account();
    let time = "2025-01-01T00:00:00.000Z";
    let identity =
        |did: &str, time: &str| ipld!({"seq": 7, "did": did, "time": time, "handle": HOSTILE});
    let frames = [
        frame(ipld!({"op": 1, "t": "#identity"}), identity(ACCOUNT, time)),
        frame(ipld!({"op": 1, "t": "#identity"}), identity(HOSTILE, time)),
        frame(ipld!({"op": 1, "t": "#identity"}), identity(ACCOUNT, HOSTILE)),
        frame(ipld!({"op": 1, "t": HOSTILE}), identity(ACCOUNT, time)),
        frame(ipld!({"op": (-1)}), ipld!({"error": HOSTILE, "message": HOSTILE})),
        frame(
            ipld!({"op": 1, "t": "#account"}),
            ipld!({"seq": 8, "did": ACCOUNT, "time": time, "active": false, "status": HOSTILE}),
        ),
    ];
    for (number, frame) in frames.iter().enumerate() {
        let name = format!("{number}.bin");
        std::fs::write(here.path(&name), frame).unwrap();
        runs(&here, &["event", "verify", &name]);
        runs(&here, &["event", "verify", "--json", &name]);
        runs(&here, &["follow", "a.redb", &name]);
        runs(&here, &["follow", "a.redb", "--json", &name]);
    }
    let engine = Engine::open(here.path("a.redb")).unwrap();
    engine.announce_identity(&ACCOUNT.parse().unwrap(), Some(HOSTILE)).unwrap();
    drop(engine);
    let events = shows(&here, &["events", "a.redb"]);
    let last = String::from_utf8(events.stdout).unwrap().lines().last().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&last).unwrap()["handle"], HOSTILE);
}

#[test]
fn names_of_files() {
    let here = CommandLine::with_account();
    here.yes(&["export", "a.redb", ACCOUNT, "-o", "a.car"]);
    here.yes(&["export", "a.redb", ACCOUNT, "-o", HOSTILE]);
    assert!(here.path(HOSTILE).is_file());
    let store = format!("store{HOSTILE}");
    let none = format!("none{HOSTILE}");
    let (key, page) = (format!("key{HOSTILE}"), format!("{HOSTILE}.html"));
    for args in [
        &["verify", HOSTILE][..],
        &["verify", &none],
        &["ls", &none],
        &["export", &none, ACCOUNT],
        &["export", "a.redb", ACCOUNT, "-o", &format!("{none}/x")],
        &["proof", &none, ACCOUNT, "com.example.a/1"],
        &["import", "new.redb", &none, "--no-key"],
        &["apply", "a.redb", &none],
        &["accounts", &none],
        &["status", &none, ACCOUNT, "--json"],
        &["accounts", HOSTILE],
        &["compact", &none],
        &["compact", HOSTILE],
        &["scrub", &none],
        &["event", "verify", &none],
        &["event", "verify", HOSTILE],
        &["follow", "a.redb", &none],
        &["follow", "a.redb", HOSTILE, "--json"],
        &["plc", "verify", &none],
        &["plc", "verify", HOSTILE],
        &["key", "new", &format!("{none}/x")],
        &["key", "new", HOSTILE],
        &["create", &store, ACCOUNT, "--key-file", HOSTILE],
        &["verify", "--did-doc", HOSTILE, "a.car"],
        &["events", "a.redb", "--frames", HOSTILE],
        &["man", "--dir", HOSTILE],
        &["bench", "transfer", "--html", &format!("{none}/{page}")],
        &["bench", "transfer", "--dir", &none],
        &["backup", "a.redb", &store],
        &["backup", "a.redb", &store],
        &["ls", &store],
        &["migrate", "a.redb", &format!("moved{HOSTILE}"), ACCOUNT],
        &["status", "a.redb", ACCOUNT],
        &["status", "a.redb", ACCOUNT, "--json"],
    ] {
        shows(&here, args);
    }
    here.yes(&["key", "new", &key]);
}

#[test]
fn what_the_parser_of_arguments_repeats() {
    let here = CommandLine::with_account();
    let option = format!("--{HOSTILE}");
    for args in [
        &[HOSTILE][..],
        &[&option],
        &["key", HOSTILE],
        &["key", "new", "k", "--curve", HOSTILE],
        &["ls", "a.redb", HOSTILE],
        &["ls", "a.redb", ACCOUNT, HOSTILE],
        &["ls", "a.redb", ACCOUNT, &option],
        &["status", "a.redb", HOSTILE],
        &["get", "a.redb", ACCOUNT, HOSTILE],
        &["export", "a.redb", ACCOUNT, "--since", HOSTILE],
        &["verify", "--key", HOSTILE, "a.car"],
        &["completions", HOSTILE],
        &["events", "a.redb", "--after", HOSTILE],
        &["import", "a.redb", "a.car", "--replace", HOSTILE],
    ] {
        let out = shows(&here, args);
        assert_eq!(out.status.code(), Some(2), "{args:?}");
    }
    // A name that is no text at all.
    let name: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff\x1b[2J\x07");
    for args in [[OsStr::new("verify"), name], [name, name], [OsStr::new("accounts"), name]] {
        shows(&here, &args);
    }
}

#[test]
fn lines_of_writes() {
    let here = CommandLine::with_account();
    for line in [
        json!({"ops": [{"action": HOSTILE, "path": "com.example.a/9", "record": {}}]}),
        json!({"ops": [{"action": "create", "path": HOSTILE, "record": {}}]}),
        json!({"ops": [{"action": "create", "path": "com.example.a/9", "cbor": HOSTILE}]}),
        json!({"ops": [{"action": "delete", "path": "com.example.a/9", "prev": HOSTILE}]}),
        json!({"ops": [], "swap": HOSTILE}),
        json!({"ops": [], HOSTILE: 1}),
        json!({"ops": [{HOSTILE: 1, "action": "delete", "path": "com.example.a/9"}]}),
        json!(HOSTILE),
    ] {
        for json in [&[][..], &["--json"]] {
            let args = [&["write", "a.redb", ACCOUNT, "--key-file", "a.key"], json].concat();
            let out = here.run_with(&args, line.to_string().as_bytes());
            assert_eq!(out.status.code(), Some(1), "{line}");
            assert_escaped(&out, &line);
        }
    }
}

#[test]
fn quiet_leaves_out_notes_and_keeps_errors() {
    let here = CommandLine::with_account();
    let export = |quiet: &[&str]| {
        let args = [&["export", "a.redb", ACCOUNT, "-o", "a.car"], quiet].concat();
        stderr(&here.run(&args))
    };
    assert!(export(&[]).starts_with("exported "));
    for quiet in ["-q", "--quiet"] {
        assert_eq!(export(&[quiet]), "");
        let args = [quiet, "proof", "a.redb", ACCOUNT, "com.example.a/1", "-o", "p.car"];
        assert_eq!(stderr(&here.run(&args)), "");
        here.no(1, &["get", "a.redb", ACCOUNT, "com.example.a/9", quiet]);
        here.no(2, &["accounts", "none.redb", quiet]);
    }
}

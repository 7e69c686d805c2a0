//! Files of another kind than a command takes, and what a refusal advises.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::bench_common::{Order, did, write_car};
use crate::common::cli_folder::{Folder, gzip};
use crate::common::sample::sample;
use carrack::block::{Block, Cid, Codec};
use carrack::car::Writer;
use serde_json::{Value, json};

const OTHER: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn what_is_no_car_is_called_what_it_is() {
    let folder = Folder::new();
    folder.yes(&["create", "s.redb", did().as_str(), "--key-file", "a.key"]);
    let answer = br#"{"error":"RepoTakendown","message":"Repo has been \u001b[31mtaken down"}"#;
    folder.write("answer", answer);
    folder.write("page", b"<!DOCTYPE html>\n<html><title>502 Bad Gateway</title></html>");
    folder.write("document", br#"{"id":"did:web:a.example","verificationMethod":[]}"#);
    folder.write("a.xz", b"\xfd7zXZ\x00\x00\x04");
    folder.write("a.bz2", b"BZh91AY&SY");
    folder.write("a.zip", b"PK\x03\x04\x14\x00");
    folder.write("a.7z", b"7z\xbc\xaf\x27\x1c\x00\x04");
    folder.write("a.lz4", b"\x04\x22\x4d\x18\x64\x40");
    folder.write("two.gz.gz", &gzip(&gzip(&folder.read("a.car"))));
    folder.write("v2.car", b"\x0a\xa1\x67version\x02rest");
    folder.write("space.car", &permissioned());
    for (name, code, words) in [
        ("answer", "NotACar", "a server's answer in JSON, the error \"RepoTakendown\": \"Repo has"),
        ("page", "NotACar", "HTML"),
        ("document", "NotACar", "a DID document"),
        ("log.json", "NotACar", "the audit log of a did:plc"),
        ("a.xz", "NotACar", "xz, not a CAR; decompress it first"),
        ("a.bz2", "NotACar", "bzip2"),
        ("a.zip", "NotACar", "zip, not a CAR; unpack it first"),
        ("a.7z", "NotACar", "7z"),
        ("a.lz4", "NotACar", "lz4"),
        ("two.gz.gz", "NotACar", "gzip"),
        ("v2.car", "NotACar", "version 2"),
        ("s.redb", "NotACar", "a store"),
        ("a.key", "NotACar", "a key file"),
        ("space.car", "BadCommit", "permissioned"),
    ] {
        let report = folder.json(1, &["verify", "--json", name]);
        assert_eq!(report["problems"][0]["code"], code, "{name}");
        let message = report["problems"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{name}: {message}");
        assert!(!message.contains('\u{1b}'), "{name}: {message}");
        let (_, said) = folder.ends(1, &["import", "--no-key", "t.redb", name]);
        assert!(said.contains(words), "{name}: {said}");
        let (_, said) = folder.ends(1, &["apply", "s.redb", name]);
        assert!(said.contains(words), "{name}: {said}");
    }
}

/// A CAR with two roots, the commit of a space and its index.
fn permissioned() -> Vec<u8> {
    // In canonical order: shorter names first.
    let commit = b"\xa6\x63ikm\x41\x01\x63mac\x41\x02\x63rev\x6d3jzfcijpj2z2a\x63sig\x41\x03\x63ver\x01\x64hash\x41\x04";
    let blocks = [Block::dag_cbor(commit.to_vec()), Block::dag_cbor(vec![0xa0])];
    let roots: Vec<Cid> = blocks.iter().map(|block| block.cid().clone()).collect();
    let mut writer = Writer::new(Vec::new(), &roots).unwrap();
    for block in &blocks {
        writer.write(block.cid(), block.bytes()).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn a_car_is_called_one_where_something_else_belongs() {
    let folder = Folder::new();
    folder.write("document", br#"{"id":"did:web:a.example","verificationMethod":[]}"#);
    folder.write("a.car.gz", &gzip(&folder.read("a.car")));
    for (args, code, words) in [
        (&["verify", "--did-doc", "a.car", "a.car"][..], 1, "a CAR, not a DID document"),
        (&["verify", "--plc-log", "a.car", "a.car"], 1, "a CAR, not the audit log"),
        (&["plc", "verify", "a.car"], 1, "a CAR"),
        (&["event", "verify", "a.car"], 1, "a CAR, not a frame"),
        (&["accounts", "a.car"], 2, "a.car is a CAR, not a Carrack store; `carrack import"),
        (&["accounts", "a.car.gz"], 2, "gzip, not a Carrack store; decompress it"),
        (&["accounts", "log.json"], 2, "log.json is the audit log"),
        (&["verify", "--did-doc", "log.json", "a.car"], 1, "give it with --plc-log"),
        (&["verify", "--plc-log", "document", "a.car"], 1, "give it with --did-doc"),
        (&["plc", "verify", "document"], 1, "a DID document"),
        (&["event", "verify", "log.json"], 1, "the audit log"),
        (&["verify", "--did-doc", "a.key", "a.car"], 1, "a key file"),
    ] {
        let (_, said) = folder.ends(code, args);
        assert!(said.contains(words), "{args:?}: {said}");
    }
    // The secret is not shown.
    let secret = String::from_utf8(folder.read("a.key")).unwrap();
    let secret = secret.lines().find_map(|line| line.strip_prefix("secret ")).unwrap();
    for args in [["--did-doc", "a.key"], ["--plc-log", "a.key"]] {
        let (_, said) = folder.ends(1, &["verify", args[0], args[1], "a.car"]);
        assert!(!said.contains(&secret[..8]), "{said}");
    }
}

#[test]
fn logs_are_read_in_three_forms() {
    let folder = Folder::new();
    let entries: Vec<Value> = serde_json::from_slice(&folder.read("log.json")).unwrap();
    let operations: Vec<&Value> = entries.iter().map(|entry| &entry["operation"]).collect();
    folder.write("ops.json", serde_json::to_string(&operations).unwrap().as_bytes());
    let lines: Vec<String> = entries.iter().map(|entry| format!("{entry}\n")).collect();
    let lines = lines.concat();
    folder.write("lines.jsonl", lines.as_bytes());
    let mut unsaid = entries.clone();
    for entry in &mut unsaid {
        let fields = entry.as_object_mut().unwrap();
        fields.remove("nullified");
        fields.insert("seq".to_owned(), 7.into());
    }
    let unsaid: Vec<String> = unsaid.iter().map(|entry| format!("{entry}\n")).collect();
    folder.write("unsaid.jsonl", unsaid.concat().as_bytes());
    let did = sample().did.to_string();
    let audit = folder.json(0, &["plc", "verify", "--json", "log.json"]);
    assert_eq!((&audit["form"], &audit["did"]), (&json!("audit"), &json!(did)));
    for (name, form) in
        [("ops.json", "operations"), ("lines.jsonl", "export"), ("unsaid.jsonl", "export")]
    {
        let mut expected = audit.clone();
        expected["form"] = form.into();
        if form == "operations" {
            expected["nullified"] = Value::Null;
        }
        assert_eq!(folder.json(0, &["plc", "verify", "--json", name]), expected, "{name}");
        assert_eq!(folder.json(0, &["plc", "verify", "--did", &did, "--json", name]), expected);
        let (_, said) = folder.ends(1, &["plc", "verify", "--did", OTHER, name]);
        assert!(said.contains(OTHER), "{said}");
        let verified = folder.json(0, &["verify", "--plc-log", name, "--json", "a.car"]);
        assert_eq!(verified["signature"], "valid");
    }
    // Lines of several identities: one is chosen, and never by chance.
    let other = lines.replace(&did, OTHER);
    folder.write("both.jsonl", format!("{other}{lines}").as_bytes());
    let (_, said) = folder.ends(1, &["plc", "verify", "both.jsonl"]);
    assert!(said.contains("several identities"), "{said}");
    let (_, said) = folder.ends(1, &["verify", "--plc-log", "both.jsonl", "a.car"]);
    assert!(said.contains("several identities") && said.contains("--did"), "{said}");
    folder.yes(&["plc", "verify", "--did", &did, "both.jsonl"]);
    folder.yes(&["verify", "--plc-log", "both.jsonl", "--did", &did, "a.car"]);
    // One whose operation is not its own.
    folder.ends(1, &["plc", "verify", "--did", OTHER, "both.jsonl"]);
    // An operation is changed, or out of its place.
    let mut changed = entries[0]["operation"].clone();
    changed["services"]["atproto_pds"]["endpoint"] = "https://else.example".into();
    for list in [json!([changed]), json!([operations[0], operations[0]]), json!([])] {
        folder.write("bad.json", list.to_string().as_bytes());
        folder.ends(1, &["plc", "verify", "bad.json"]);
    }
}

#[test]
fn a_key_of_an_unknown_kind_is_named() {
    let folder = Folder::new();
    let entries: Vec<Value> = serde_json::from_slice(&folder.read("log.json")).unwrap();
    // Signed by no key, so the log itself is refused first; the text is that of a document.
    let ed25519 = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    let document = json!({"id": entries[0]["did"], "verificationMethod": [
        {"id": "#atproto", "type": "Multikey", "publicKeyMultibase": ed25519}]});
    folder.write("did.json", document.to_string().as_bytes());
    let (_, said) = folder.ends(1, &["verify", "--did-doc", "did.json", "a.car"]);
    assert!(said.contains("neither a k256 nor a p256 key"), "{said}");
}

#[test]
fn a_hash_that_is_cut_short_is_said_to_be() {
    let folder = Folder::new();
    let cut = Cid::from_bytes(&[&[0x01, 0x71, 0x12, 20][..], &[7; 20]].concat()).unwrap();
    let mut car = carrack::parts::car::header(std::slice::from_ref(&cut));
    carrack::parts::car::append_section(&mut car, &cut, b"\xa0");
    folder.write("cut.car", &car);
    let (_, said) = folder.ends(1, &["verify", "--proof", "com.example.a/1", "cut.car"]);
    assert!(said.contains("SHA-256 hash of 20 bytes"), "{said}");
    assert!(Cid::of(Codec::Raw, b"").matches(b"").unwrap());
}

#[test]
fn what_has_to_be_named_is_named() {
    let folder = Folder::new();
    let did = did().to_string();
    folder.with_frames(&did);
    folder.yes(&["export", "own.redb", &did, "-o", "own.car"]);
    let key = folder.key_of("own.redb", &did);
    let head = folder.json(0, &["status", "own.redb", &did, "--json"])["commit"].clone();
    let old = head.as_str().unwrap();
    folder.yes(&["import", "copy.redb", "own.car", "--key", &key]);
    let args = ["write", "own.redb", &did, "--key-file", "a.key"];
    assert_eq!(folder.run(&args, b"{\"ops\":[]}").status.code(), Some(0));
    folder.yes(&["export", "own.redb", &did, "-o", "newer.car"]);
    for command in ["import", "apply"] {
        let (_, said) = folder.ends(1, &[command, "copy.redb", "newer.car", "--key", &key]);
        assert!(said.contains(&format!("give --replace {old} ")), "{said}");
    }
    // What it says is what it takes; and it can be repeated.
    for _ in 0..2 {
        folder.yes(&["apply", "copy.redb", "newer.car", "--replace", old]);
    }
    let (_, said) =
        folder.ends(1, &["import", "copy.redb", "own.car", "--key", &key, "--replace", old]);
    assert!(said.contains("expected"), "{said}");
    // A restored store says why it is not compacted, and what to do.
    folder.yes(&["backup", "mark", "copy.redb"]);
    let (_, said) = folder.ends(1, &["compact", "copy.redb"]);
    assert!(said.contains("not compacted") && said.contains("carrack backup confirm"), "{said}");
    let refused = folder.run(&["write", "copy.redb", &did, "--key-file", "a.key"], b"{\"ops\":[]}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("carrack backup confirm") && !said.contains("Engine::"), "{said}");
}

/// Every option that a refusal advises is one of its command, or the command is named with it.
#[test]
fn advice_names_options_that_the_command_has() {
    let folder = Folder::new();
    write_car(&folder.path("many.car"), 300, Order::Streaming);
    let did = did().to_string();
    folder.with_frames(&did);
    folder.yes(&["export", "own.redb", &did, "-o", "own.car"]);
    folder.yes(&["import", "unknown.redb", "own.car", "--no-key"]);
    folder.yes(&["key", "new", "b.key"]);
    folder.write("bomb", &gzip(&vec![0; 2 << 20]));
    let lines: &[&[&str]] = &[
        &["import", "n.redb", "own.car"],
        &["import", "own.redb", "many.car", "--no-key"],
        &["apply", "unknown.redb", "own.car"],
        &["apply", "own.redb", "many.car", "--no-key"],
        &["apply", "own.redb", "bomb", "--max-bytes", "1000"],
        &["ls", "bomb", "--max-bytes", "1000"],
        &["verify", "bomb", "--max-bytes", "1000"],
        &["event", "verify", "bomb", "--max-bytes", "1000"],
        &["follow", "own.redb", "bomb", "--max-bytes", "1000"],
        &["trust", "unknown.redb", &did],
        &["trust", "unknown.redb", &did, "--did-doc", "log.json"],
        &["verify", "--plc-log", "log.json", "own.car"],
        &["write", "own.redb", &did, "--key-file", "b.key"],
        &["write", "unknown.redb", &did, "--key-file", "b.key"],
        &["get", "own.redb", &did, "com.example.a/9"],
        &["status", "own.redb", OTHER],
    ];
    for line in lines {
        let out = folder.run(line, b"{\"ops\":[]}");
        assert!(matches!(out.status.code(), Some(1 | 2)), "{line:?}: {:?}", out.status);
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(!said.contains("::"), "{line:?}: {said}");
        let help = match line {
            ["event", ..] => folder.yes(&["event", "verify", "--help"]),
            [command, ..] => folder.yes(&[command, "--help"]),
            [] => String::new(),
        };
        for word in said.split_whitespace() {
            let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            if let Some(option) = word.strip_prefix("--").map(|_| word) {
                let named = said.contains(&format!("`carrack write {option}`"));
                assert!(
                    named
                        || help.contains(&format!("{option} "))
                        || help.contains(&format!("{option}\n")),
                    "{line:?} has no {option}: {said}"
                );
            }
        }
    }
}

/// The documents with the keys are inputs too. Holds guarantee G36.
#[test]
fn a_document_with_keys_is_no_target() {
    let folder = Folder::new();
    let path = "com.example.a/1";
    for name in ["log.json", "a.car"] {
        let before = folder.read(name);
        let (_, said) =
            folder.ends(2, &["proof", "a.car", path, "--plc-log", "log.json", "-o", name]);
        assert!(said.contains("is what this command reads"), "{said}");
        assert_eq!(folder.read(name), before, "{name}");
    }
}

#[test]
fn a_path_to_be_proved_can_be_a_uri() {
    let folder = Folder::new();
    let path = "app.bsky.actor.profile/self";
    let did = sample().did.to_string();
    folder.yes(&["proof", "a.car", path, "-o", "p.car"]);
    let uri = |did: &str| format!("at://{did}/{path}");
    let plain = folder.ends(0, &["verify", "--proof", path, "p.car"]).0;
    assert_eq!(folder.ends(0, &["verify", "--proof", &uri(&did), "p.car"]).0, plain);
    let (out, _) = folder.ends(1, &["verify", "--proof", &uri(OTHER), "p.car"]);
    assert!(out.contains("DidMismatch"), "{out}");
    folder.ends(2, &["verify", "--proof", &uri(OTHER), "--did", &did, "p.car"]);
    folder.ends(2, &["verify", "--proof", &format!("at://{did}"), "p.car"]);
}

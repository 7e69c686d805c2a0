//! What the commands read: compressed files, several files, several frames, files of another kind.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::bench_common::{Order, did, signing_key, write_car};
use crate::common::sample::sample;
use carrack::block::{Block, Cid, Codec};
use carrack::car::Writer;
use flate2::Compression;
use flate2::read::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const OTHER: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

struct Folder(tempfile::TempDir);

impl Folder {
    /// With the sample account's archive, log, frames and store, and an archive of 300 records.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        write_car(&folder.path("many.car"), 300, Order::Streaming);
        let sample = sample();
        folder.write("a.car", &sample.car);
        folder.write("log.json", sample.log.as_bytes());
        folder.yes(&["key", "new", "a.key"]);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_carrack"))
            .args(args)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses at once does not read it.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// What a command prints that ends with this exit code, and what it says.
    #[track_caller]
    fn ends(&self, code: i32, args: &[&str]) -> (String, String) {
        let out = self.run(args, b"");
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        assert!(!said.contains("bug in Carrack"), "{args:?}: {said}");
        (String::from_utf8(out.stdout).unwrap(), said)
    }

    #[track_caller]
    fn yes(&self, args: &[&str]) -> String {
        self.ends(0, args).0
    }

    #[track_caller]
    fn json(&self, code: i32, args: &[&str]) -> Value {
        serde_json::from_str(&self.ends(code, args).0).unwrap()
    }

    /// A store of its own with commits, whose frames are in `frames` and, one after another, in
    /// `all.bin`.
    fn with_frames(&self) -> Vec<String> {
        let did = did();
        self.yes(&["create", "own.redb", did.as_str(), "--key-file", "a.key"]);
        let lines: String = (1..4)
            .map(|n| {
                let path = format!("com.example.a/{n}");
                let op = json!({"action": "create", "path": path, "record": {"n": n}});
                format!("{}\n", json!({"ops": [op]}))
            })
            .collect();
        let args = ["write", "own.redb", did.as_str(), "--key-file", "a.key"];
        assert_eq!(self.run(&args, lines.as_bytes()).status.code(), Some(0));
        self.yes(&["events", "own.redb", "--frames", "frames"]);
        let mut names: Vec<String> = std::fs::read_dir(self.path("frames"))
            .unwrap()
            .map(|entry| format!("frames/{}", entry.unwrap().file_name().to_str().unwrap()))
            .collect();
        names.sort();
        let all: Vec<u8> = names.iter().flat_map(|name| self.read(name)).collect();
        self.write("all.bin", &all);
        names
    }

    fn key_of(&self, store: &str, did: &str) -> String {
        self.json(0, &["status", store, did, "--json"])["key"].as_str().unwrap().to_owned()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::default()).read_to_end(&mut packed).unwrap();
    packed
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

type Pack = fn(&[u8]) -> Vec<u8>;
const PACKS: [Pack; 2] = [gzip, zstd];

#[test]
fn compressed_files_are_read_like_others_in_every_command() {
    let folder = Folder::new();
    folder.with_frames();
    let whole = folder.json(0, &["verify", "--json", "many.car"]);
    let listing = folder.yes(&["ls", "many.car"]);
    let key = folder.key_of("own.redb", did().as_str());
    for (number, pack) in PACKS.into_iter().enumerate() {
        let car = folder.read("many.car");
        let (one, two) = car.split_at(car.len() / 3);
        folder.write("packed", &[pack(one), pack(two)].concat());
        assert_eq!(folder.json(0, &["verify", "--json", "packed"]), whole);
        assert_eq!(folder.yes(&["ls", "packed"]), listing);
        let piped = folder.run(&["verify", "--json", "-"], &pack(&car));
        assert_eq!(serde_json::from_slice::<Value>(&piped.stdout).unwrap(), whole);
        let store = format!("s{number}.redb");
        let imported = folder.json(0, &["import", "--no-key", "--json", &store, "packed"]);
        assert_eq!(imported["commit"], whole["commit"]);

        folder.write("log.packed", &pack(&folder.read("log.json")));
        assert_eq!(folder.json(0, &["plc", "verify", "--json", "log.packed"])["verdict"], "valid");
        folder.yes(&["verify", "--plc-log", "log.packed", "a.car"]);
        let document = json!({"id": sample().did.as_str(), "verificationMethod": []});
        folder.write("did.packed", &pack(document.to_string().as_bytes()));
        let (_, said) = folder.ends(1, &["verify", "--did-doc", "did.packed", "a.car"]);
        assert!(said.contains("names no #atproto key"), "{said}");

        folder.write("frame.packed", &pack(&folder.read("all.bin")));
        let frames = ["event", "verify", "--json", "--key", &key, "frame.packed"];
        assert_eq!(folder.json(0, &frames)["verdict"], "valid");
        let copy = format!("copy{number}.redb");
        folder.yes(&["follow", &copy, "frame.packed", "--key", &key]);
        assert_eq!(folder.json(0, &["status", &copy, did().as_str(), "--json"])["records"], 3);

        folder.yes(&["export", "own.redb", did().as_str(), "-o", "own.car"]);
        folder.write("diff.packed", &pack(&folder.read("own.car")));
        folder.yes(&["apply", &copy, "diff.packed"]);
    }
}

#[test]
fn what_compressed_data_grows_to_is_bounded() {
    let folder = Folder::new();
    // A valid CAR in front, and zeros without end.
    let bomb = [folder.read("many.car"), vec![0; 64 << 20]].concat();
    for pack in PACKS {
        let packed = pack(&bomb);
        assert!(packed.len() < 1 << 20, "{}", packed.len());
        folder.write("bomb", &packed);
        for args in [
            &["verify", "bomb", "--json", "--max-bytes", "1000000"][..],
            &["import", "--no-key", "s.redb", "bomb", "--json", "--max-bytes", "1000000"],
            &["event", "verify", "bomb", "--json", "--max-bytes", "1000000"],
        ] {
            let refused = folder.json(1, args);
            assert_eq!(refused["verdict"], "invalid", "{args:?}");
            assert_eq!(refused["problems"][0]["code"], "TooLarge", "{args:?}");
            let message = refused["problems"][0]["message"].as_str().unwrap();
            assert!(message.contains("1000000 bytes") && message.contains("--max-bytes"));
        }
        let (_, said) = folder.ends(1, &["ls", "bomb", "--max-bytes", "1000000"]);
        assert!(said.contains("--max-bytes"), "{said}");
        assert!(!folder.path("s.redb").exists());
    }
    let length = folder.read("many.car").len().to_string();
    folder.write("packed", &gzip(&folder.read("many.car")));
    folder.yes(&["verify", "packed", "--max-bytes", &length]);
}

#[test]
fn damaged_compressed_data_is_told_from_a_cut() {
    let folder = Folder::new();
    for (pack, format) in PACKS.into_iter().zip(["gzip", "zstd"]) {
        let packed = pack(&folder.read("many.car"));
        folder.write("cut", &packed[..packed.len() - 20]);
        let mut wrong = packed.clone();
        let last = wrong.len() - 6;
        wrong[last] ^= 1;
        folder.write("wrong", &wrong);
        for (name, code) in [("cut", "Truncated"), ("wrong", "NotACar")] {
            let report = folder.json(1, &["verify", "--json", name]);
            assert_eq!(report["problems"][0]["code"], code, "{format} {name}");
            let message = report["problems"][0]["message"].as_str().unwrap();
            assert!(message.starts_with(&format!("the {format} data ")), "{message}");
            let refusal = folder.json(1, &["import", "--no-key", "--json", "s.redb", name]);
            assert_eq!(refusal["problems"], report["problems"]);
            let (_, said) = folder.ends(1, &["ls", name]);
            assert!(said.contains(code), "{said}");
        }
        let log = pack(&folder.read("log.json"));
        folder.write("log.cut", &log[..log.len() - 1]);
        let report = folder.json(1, &["plc", "verify", "--json", "log.cut"]);
        assert_eq!(report["problems"][0]["code"], "Truncated");
        let (_, said) = folder.ends(1, &["verify", "--plc-log", "log.cut", "a.car"]);
        assert!(said.contains("log.cut") && said.contains("cut off"), "{said}");
        // That a document is damaged is no verdict on the repository.
        folder.write("did.cut", &log[..log.len() - 1]);
        let refusal = folder.json(1, &["verify", "--json", "--did-doc", "did.cut", "a.car"]);
        assert!(refusal.get("verdict").is_none(), "{refusal}");
    }
}

#[test]
fn several_files_are_all_verified() {
    let folder = Folder::new();
    folder.write("cut.car", &folder.read("a.car")[..500]);
    folder.write("other.car", b"<html>");
    let one = |name: &str| {
        let code = i32::from(name != "a.car" && name != "many.car");
        let mut report = folder.json(code, &["verify", "--json", name]);
        report["file"] = name.into();
        report
    };
    let names = ["a.car", "cut.car", "many.car", "other.car"];
    let args = [&["verify", "--json"], &names[..]].concat();
    let all = folder.json(1, &args);
    let expected: Vec<Value> = names.iter().map(|name| one(name)).collect();
    assert_eq!(all, json!({"files": expected, "verdict": "invalid"}));
    let both = folder.json(0, &["verify", "--json", "a.car", "many.car"]);
    assert_eq!(both["verdict"], "valid");

    // The others are verified and reported.
    let some = folder.json(2, &["verify", "--json", "a.car", "none.car", "many.car"]);
    assert_eq!(some["verdict"], Value::Null);
    assert_eq!(some["files"][0], one("a.car"));
    assert_eq!(some["files"][1]["file"], "none.car");
    assert!(some["files"][1]["error"].as_str().unwrap().contains("none.car"), "{some}");
    assert_eq!(some["files"][2], one("many.car"));
    let worst = folder.json(2, &["verify", "--json", "cut.car", "none.car"]);
    assert_eq!(worst["verdict"], "invalid");

    let (printed, said) = folder.ends(2, &["verify", "a.car", "none.car", "cut.car"]);
    assert!(printed.ends_with("\n3 files: 1 valid, 1 invalid, 1 could not be read\n"), "{printed}");
    assert!(said.contains("none.car") && said.contains("cut.car is not valid"), "{said}");
    let key = signing_key().verifying_key().to_string();
    let keyed = folder.json(1, &["verify", "--json", "--key", &key, "many.car", "a.car"]);
    let signatures: Vec<_> =
        keyed["files"].as_array().unwrap().iter().map(|file| &file["signature"]).collect();
    assert_eq!(signatures, ["valid", "invalid"]);
    folder.ends(2, &["verify", "-", "a.car", "-"]);
}

#[test]
fn several_frames_are_all_verified() {
    let folder = Folder::new();
    let names = folder.with_frames();
    let key = folder.key_of("own.redb", did().as_str());
    let verify = ["event", "verify", "--json", "--key", &key];
    let one = |name: &str| folder.json(0, &[&verify[..], &[name]].concat());
    assert_eq!(one(&names[0])["type"], "#account");
    let all = folder.json(0, &[&verify[..], &["all.bin"]].concat());
    let expected: Vec<Value> = names
        .iter()
        .map(|name| {
            let mut report = one(name);
            report["file"] = "all.bin".into();
            report
        })
        .collect();
    assert_eq!(all, json!({"frames": expected, "verdict": "valid"}));
    // Several files too; one that is wrong, or not there, hides no other.
    let mut wrong = folder.read(names.last().unwrap());
    let end = wrong.len() - 1;
    wrong.truncate(end);
    folder.write("wrong.bin", &[folder.read(&names[0]), wrong].concat());
    let some = folder.json(2, &[&verify[..], &["wrong.bin", "none.bin", &names[0]]].concat());
    assert_eq!(some["verdict"], "invalid");
    let found: Vec<_> = some["frames"]
        .as_array()
        .unwrap()
        .iter()
        .map(|frame| (frame["file"].as_str().unwrap(), frame["verdict"].as_str()))
        .collect();
    let expected = [
        ("wrong.bin", Some("valid")),
        ("wrong.bin", Some("invalid")),
        ("none.bin", None),
        (&names[0], Some("valid")),
    ];
    assert_eq!(found, expected);
    let (printed, _) = folder.ends(0, &["event", "verify", "all.bin"]);
    let sum = format!("\n{0} frames: {0} valid\n", names.len());
    assert!(printed.ends_with(&sum), "{printed}");
    // Bytes that are no frame make the one before them invalid, and give today's one object.
    folder.write("more.bin", &[folder.read(&names[0]), b"more".to_vec()].concat());
    let report = folder.json(1, &[&verify[..], &["more.bin"]].concat());
    assert_eq!(report["verdict"], "invalid");
    assert_eq!(folder.json(1, &[&verify[..], &["-"]].concat())["verdict"], "invalid");
}

#[test]
fn what_is_no_car_is_called_what_it_is() {
    let folder = Folder::new();
    folder.yes(&["create", "s.redb", did().as_str(), "--key-file", "a.key"]);
    let answer = br#"{"error":"RepoTakendown","message":"Repo has been \u001b[31mtaken down"}"#;
    folder.write("answer", answer);
    folder.write("page", b"<!DOCTYPE html>\n<html><title>502 Bad Gateway</title></html>");
    folder.write("document", br##"{"id":"did:web:a.example","verificationMethod":[]}"##);
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
    folder.write("document", br##"{"id":"did:web:a.example","verificationMethod":[]}"##);
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
    let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    folder.write("lines.jsonl", lines.as_bytes());
    let mut unsaid = entries.clone();
    for entry in &mut unsaid {
        let fields = entry.as_object_mut().unwrap();
        fields.remove("nullified");
        fields.insert("seq".to_owned(), 7.into());
    }
    let unsaid: String = unsaid.iter().map(|entry| format!("{entry}\n")).collect();
    folder.write("unsaid.jsonl", unsaid.as_bytes());
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
    let names = folder.with_frames();
    assert!(names.len() > 4);
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
    let did = did().to_string();
    folder.with_frames();
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
        &["follow", "n.redb", "frames"],
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

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn the_inputs_of_the_field_are_read() {
    let fixtures = crate::common::material::fixtures().join("field");
    let folder = Folder::new();
    let name = |name: &str| fixtures.join(name).display().to_string();
    let key = "did:key:zQ3shVNcwuoTaPz29UkkNxN8Aa4JZcEDNaUyf3rE2uaKQ6APD";
    let archive = name("unreferenced-raw-block-1.2MB.car.gz");
    assert_eq!(folder.json(0, &["verify", "--json", "--key", key, &archive])["signature"], "valid");
    let (_, said) = folder.ends(2, &["accounts", &name("damaged-ls-empty.redb.gz")]);
    assert!(said.contains("decompress it first"), "{said}");
    let report = folder.json(1, &["verify", "--json", &name("server-error-saved-as.car")]);
    assert_eq!(report["problems"][0]["code"], "NotACar");
    let message = report["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("a server's answer in JSON, the error"), "{message}");
}

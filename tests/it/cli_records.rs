//! `write` refuses what is not proper and says where, and `get` prints every record.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::command;
use crate::common::material::fixtures;
use crate::common::{NOW, did, handmade, key};
use carrack::block::{Cid, Codec, json};
use carrack::ident::Rev;
use data_encoding::BASE64_NOPAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with_account() -> Self {
        let folder = Self::new();
        folder.run(0, &["key", "new", "a.key"], "");
        folder.run(0, &["create", "a.redb", did().as_str(), "--key-file", "a.key"], "");
        folder
    }

    /// Runs a command with this input, expects its exit code, and returns what it printed and said.
    #[track_caller]
    fn run(&self, code: i32, args: &[&str], input: &str) -> (Vec<u8>, String) {
        let out = command::run(self.0.path(), args, input.as_bytes());
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        (out.stdout, said)
    }

    /// What the refusal of this line says.
    #[track_caller]
    fn refusal(&self, line: &str) -> String {
        let did = did();
        let (printed, said) =
            self.run(1, &["write", "a.redb", did.as_str(), "--key-file", "a.key"], line);
        assert_eq!(printed, b"", "{line}");
        said
    }

    /// Refuses a create of this field of an op, and says this.
    #[track_caller]
    fn refuses(&self, field: &str, expected: &str) {
        let line = format!(r#"{{"ops":[{{"action":"create","path":"com.example.a/1",{field}}}]}}"#);
        let said = self.refusal(&line);
        assert!(said.contains("line 1: op 1: ") && said.contains(expected), "{field}: {said}");
        assert!(said.contains(r#"path "com.example.a/1""#), "{said}");
    }
}

fn cbor(bytes: &[u8]) -> String {
    format!(r#""cbor":"{}""#, BASE64_NOPAD.encode(bytes))
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn each_improper_line_of_the_field_is_refused() {
    let folder = Folder::with_account();
    let lines = std::fs::read_to_string(fixtures().join("field/write-accepts-improper.jsonl"));
    let expected = ["record.n: ", "record.n: ", "record.b: ", "record: a $type", "record.img: "];
    let lines = lines.unwrap();
    assert_eq!(lines.lines().count(), expected.len());
    for (line, expected) in lines.lines().zip(expected) {
        let said = folder.refusal(line);
        assert!(said.contains("line 1: op 1: ") && said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn a_refused_record_says_where() {
    let folder = Folder::with_account();
    let above = b"\xa1\x61n\x1b\x80\0\0\0\0\0\0\0";
    folder.refuses(&cbor(above), "record.n: an integer below -2^63 or above 2^63 - 1");
    folder.refuses(&cbor(b"\xa1\x61n\xfb\x3f\xe0\0\0\0\0\0\0"), "record.n: a float");
    folder
        .refuses(&cbor(b"\xa1\x61n\x81\xa1\x65$link\x61x"), "record.n[0]: a map with a key $link");
    folder.refuses(&cbor(b"\xa1\x61n\x18\x01"), "NonCanonical: record.n: ");
    folder.refuses(&cbor(b"\xa1\x61n\xa1\x65$type\x60"), "record.n: a $type");
    folder.refuses(&cbor(b"\x01"), "record: a map expected");
    let cid = Cid::of(Codec::Raw, b"").to_string();
    for (record, expected) in [
        (r#"{"embed":{"images":[{},{"alt":0.5}]}}"#.to_owned(), "record.embed.images[1].alt: 0.5"),
        (r#"{"n":18446744073709551615}"#.to_owned(), "record.n: an integer"),
        (r#"{"n":18446744073709551616}"#.to_owned(), "record.n: 18446744073709551616 is not"),
        (r#"{"n":9007199254740993.0}"#.to_owned(), "record.n: 9007199254740993.0 is not"),
        (r#"{"n":0.99999999999999999999}"#.to_owned(), "record.n: 0.99999999999999999999 is not"),
        (r#"{"a":{"n":1,"n":1}}"#.to_owned(), "record.a.n: the key occurs twice"),
        (r#"{"a":"\udc00"}"#.to_owned(), "record.a: lone"),
        (
            r#"{"a":{"$improper":{"float":"3fe0000000000000"}}}"#.to_owned(),
            "record.a: an $improper",
        ),
        (
            format!(r#"{{"a":{{"cid":"{cid}","mimeType":"image/png"}}}}"#),
            "record.a: a blob of the leg",
        ),
        (format!(r#"{{"a":{{"$link":"{}"}}}}"#, cid.to_uppercase()), "record.a: a $link that"),
    ] {
        folder.refuses(&format!(r#""record":{record}"#), expected);
    }
    // Nothing was committed.
    let (printed, _) = folder.run(0, &["ls", "a.redb", did().as_str()], "");
    assert_eq!(printed, b"");
}

#[test]
fn get_prints_every_record() {
    let legacy = json!({ "a": { "cid": Cid::of(Codec::Raw, b"").to_string(), "mimeType": "a/b" } });
    let records: [(&str, &[u8], Value, &str); 6] = [
        ("proper", b"\xa1\x61n\x01", json!({ "n": 1 }), ""),
        ("legacy", &json::from_json(&legacy).unwrap(), legacy.clone(), ""),
        (
            "float",
            b"\xa1\x61n\xfb\x3f\xe0\0\0\0\0\0\0",
            json!({ "n": { "$improper": { "float": "3fe0000000000000" } } }),
            "record.n: a float",
        ),
        (
            "type",
            b"\xa2\x61n\x01\x65$type\x01",
            json!({ "$improper": { "map": [["n", 1], ["$type", 1]] } }),
            "record: a $type",
        ),
        (
            "order",
            b"\xa2\x61b\x01\x61a\x01",
            json!({ "$improper": { "dag-cbor": "omFiAWFhAQ" } }),
            "record: not canonical",
        ),
        ("junk", b"ahoy", json!({ "$improper": { "dag-cbor": "YWhveQ" } }), "record: a map"),
    ];
    let all: BTreeMap<String, Vec<u8>> = records
        .iter()
        .map(|(name, bytes, ..)| (format!("com.example.a/{name}"), bytes.to_vec()))
        .collect();
    let folder = Folder::new();
    let car = handmade::repository(&all, &did(), Rev::from_micros(NOW, 0).unwrap(), &key());
    std::fs::write(folder.0.path().join("a.car"), car).unwrap();
    folder.run(0, &["import", "a.redb", "a.car", "--no-key"], "");
    for (name, bytes, form, note) in records {
        let path = format!("com.example.a/{name}");
        let args = ["get", "a.redb", did().as_str(), &path].map(str::to_owned);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let (printed, said) = folder.run(0, &args, "");
        let printed: Value = serde_json::from_slice(&printed).unwrap();
        assert_eq!(printed, form, "{name}");
        assert_eq!(json::from_lossless(&printed).unwrap(), bytes, "{name}");
        assert_eq!(said.is_empty(), note.is_empty(), "{name}: {said}");
        assert!(said.contains(note), "{name}: {said}");
        let (printed, said) = folder.run(0, &[&args[..], &["--cbor"]].concat(), "");
        assert_eq!((printed, said.as_str()), (bytes.to_vec(), ""), "{name}");
    }
}

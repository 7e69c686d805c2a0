//! The DASL test vectors, as far as they concern the strict CBOR of the data model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use carrack::block::Cid;
use carrack::block::drisl::{self, Decoder, Floats, check};
use data_encoding::HEXLOWER;
use serde_json::Value;

struct Vector {
    name: String,
    kind: String,
    bytes: Vec<u8>,
    tags: Vec<String>,
}

impl Vector {
    fn of(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap().to_owned();
        let tags = value["tags"].as_array().unwrap();
        Self {
            name: format!("{}: {} {}", text("name"), text("type"), text("data")),
            kind: text("type"),
            bytes: HEXLOWER.decode(text("data").as_bytes()).unwrap(),
            tags: tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect(),
        }
    }

    fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|other| other == tag)
    }
}

fn vectors() -> Vec<Vector> {
    let Some(root) = std::env::var_os("CARRACK_FIXTURES") else {
        eprintln!("skipped: CARRACK_FIXTURES is not set");
        return Vec::new();
    };
    let mut vectors = Vec::new();
    for file in std::fs::read_dir(std::path::Path::new(&root).join("dasl-testing")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let values: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
        vectors.extend(values.iter().map(Vector::of));
    }
    assert!(vectors.len() > 90, "{} vectors", vectors.len());
    vectors
}

#[test]
fn round_trips_and_refusals_are_those_of_dag_cbor() {
    for vector in vectors() {
        if !vector.has("dag-cbor") && !vector.has("basic") {
            continue;
        }
        let checked = check::value(&vector.bytes, Floats::Allow);
        match vector.kind.as_str() {
            "roundtrip" => {
                checked.unwrap_or_else(|fault| panic!("{}: {fault}", vector.name));
                if vector.bytes[0] == 0xfb {
                    // Records hold no floats.
                    drisl::decode(&vector.bytes).unwrap_err();
                } else {
                    let value = drisl::decode(&vector.bytes).unwrap();
                    assert_eq!(drisl::encode(&value).unwrap(), vector.bytes, "{}", vector.name);
                }
            }
            // The encoder writes nothing that `check` refuses: tests/it/drisl_properties.rs.
            "invalid_in" | "invalid_out" => {
                checked.expect_err(&vector.name);
                drisl::decode(&vector.bytes).expect_err(&vector.name);
            }
            other => panic!("{other}"),
        }
    }
}

/// Links of other forms than DASL's are kept to the byte in records; but what nodes and commits may
/// hold is narrower than DASL.
#[test]
fn cids_beyond_dasl_are_never_blessed() {
    for vector in vectors() {
        if !vector.has("dasl-cid") {
            continue;
        }
        let cid = Decoder::new(&vector.bytes).link();
        match vector.kind.as_str() {
            "roundtrip" => {
                let value = drisl::decode(&vector.bytes).unwrap();
                assert_eq!(drisl::encode(&value).unwrap(), vector.bytes);
                let cid = cid.unwrap();
                assert_eq!(cid.blessed().is_some(), cid.to_bytes()[2] == 0x12, "{}", vector.name);
            }
            _ => assert!(!cid.is_ok_and(|cid: Cid| cid.blessed().is_some()), "{}", vector.name),
        }
    }
}

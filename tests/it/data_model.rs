//! The data model's interoperability vectors: JSON, CBOR and CIDs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use carrack::block::drisl::{self, check};
use carrack::block::{Cid, Codec, json};
use data_encoding::BASE64_NOPAD;
use serde_json::Value;

/// The cases of one file, if the fixtures are at hand.
fn cases(name: &str) -> Option<Vec<Value>> {
    let Some(root) = std::env::var_os("CARRACK_FIXTURES") else {
        eprintln!("skipped: CARRACK_FIXTURES is not set");
        return None;
    };
    let path = std::path::Path::new(&root).join("atproto-interop-tests/data-model").join(name);
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(!cases.is_empty());
    Some(cases)
}

#[test]
fn json_and_cbor_go_both_ways() {
    for case in cases("data-model-fixtures.json").unwrap_or_default() {
        let base64 = case["cbor_base64"].as_str().unwrap();
        let expected = BASE64_NOPAD.decode(base64.as_bytes()).unwrap();
        check::record(&expected).unwrap();
        assert_eq!(json::from_json(&case["json"]).unwrap(), expected);
        assert_eq!(json::to_json(&expected).unwrap(), case["json"]);
        let cid = Cid::of(Codec::DagCbor, &expected);
        assert_eq!(cid.to_string(), case["cid"].as_str().unwrap());
        assert_eq!(drisl::encode(&drisl::decode(&expected).unwrap()).unwrap(), expected);
    }
}

#[test]
fn valid_records_are_taken() {
    for case in cases("data-model-valid.json").unwrap_or_default() {
        let bytes = json::from_json(&case["json"]).unwrap_or_else(|e| panic!("{case}: {e}"));
        check::record(&bytes).unwrap();
        let again = json::from_json(&json::to_json(&bytes).unwrap()).unwrap();
        assert_eq!(again, bytes, "{case}");
    }
}

#[test]
fn invalid_records_are_refused() {
    for case in cases("data-model-invalid.json").unwrap_or_default() {
        assert!(json::from_json(&case["json"]).is_err(), "{case}");
    }
}

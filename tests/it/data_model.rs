//! The data model's interoperability vectors: JSON, CBOR and CIDs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::material::table;
use carrack::block::drisl;
use carrack::block::{Cid, Codec, json};
use carrack::parts::drisl::check;
use data_encoding::HEXLOWER;
use serde_json::Value;

/// The rows of one kind, without its name. There must be `count` of them.
fn cases(kind: &str, count: usize) -> Vec<Vec<&'static str>> {
    let rows = table("data-model").into_iter().filter(|row| row[0] == kind);
    let cases: Vec<_> = rows.map(|row| row[1..].to_vec()).collect();
    assert_eq!(cases.len(), count, "{kind}");
    cases
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn json_and_cbor_go_both_ways() {
    for case in cases("both", 3) {
        let [cid, cbor, value] = case[..] else { panic!("{case:?}") };
        let (cbor, value) = (HEXLOWER.decode(cbor.as_bytes()).unwrap(), parsed(value));
        check::record(&cbor).unwrap();
        assert_eq!(json::from_json(&value).unwrap(), cbor);
        assert_eq!(json::to_json(&cbor).unwrap(), value);
        assert_eq!(Cid::of(Codec::DagCbor, &cbor).to_string(), cid);
        assert_eq!(drisl::encode(&drisl::decode(&cbor).unwrap()).unwrap(), cbor);
    }
}

#[test]
fn valid_records_are_taken() {
    for case in cases("valid", 5) {
        let [what, value] = case[..] else { panic!("{case:?}") };
        let bytes = json::from_json(&parsed(value)).unwrap_or_else(|e| panic!("{what}: {e}"));
        check::record(&bytes).unwrap();
        let again = json::from_json(&json::to_json(&bytes).unwrap()).unwrap();
        assert_eq!(again, bytes, "{what}");
    }
}

#[test]
fn invalid_records_are_refused() {
    for case in cases("invalid", 12) {
        let [what, value] = case[..] else { panic!("{case:?}") };
        assert!(json::from_json(&parsed(value)).is_err(), "{what}");
    }
}

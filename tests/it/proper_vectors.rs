//! The verdicts of the `data-model` and `dasl-testing` vectors, where a record is written as CBOR and
//! as JSON, verified, and read. Holds guarantee G39.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::data::Data;
use crate::common::material::table;
use crate::common::{NOW, car_input, clock, did, handmade, key};
use carrack::block::json;
use carrack::engine::Record;
use carrack::ident::Rev;
use carrack::verify::{Discard, ExpectedHead, verify};
use data_encoding::HEXLOWER;
use serde_json::Value;
use std::collections::BTreeMap;

/// Right by the tests of DASL, and yet not of AT Protocol's data model: floats, integers of 64 bits
/// and a sign, and the hash function BLAKE3.
const BEYOND_RECORDS: [&str; 6] = [
    "64-bit floats only",
    "zero float64",
    "64-bit subnormal number",
    "largest CBOR integer, 2^64-1",
    "smallest CBOR integer, -(2^64)",
    "Big DASL CID",
];

/// Whether a verification warns of a record of these bytes. It finds no problem.
fn is_warned_of(record: &[u8]) -> bool {
    let all = BTreeMap::from([("com.example.a/1".to_owned(), record.to_vec())]);
    let car = handmade::repository(&all, &did(), Rev::from_micros(NOW, 0).unwrap(), &key());
    let head = ExpectedHead::signed_by([key().verifying_key()]);
    let report = verify(&car_input(&car), &head, &*clock(), &mut Discard).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    !report.warnings.is_empty()
}

/// Holds each way to the verdict on these bytes.
#[track_caller]
fn check(what: &str, bytes: &[u8], is_proper: bool) {
    let written = Record::from_dag_cbor(bytes.to_vec());
    assert_eq!(written.is_ok(), is_proper, "{what}: written as CBOR: {written:?}");
    assert_eq!(!is_warned_of(bytes), is_proper, "{what}: warnings");
    let form = json::to_lossless(bytes);
    assert_eq!(json::from_lossless(&form).unwrap(), bytes, "{what}: read");
    assert_eq!(!form.to_string().contains("$improper"), is_proper, "{what}: {form}");
    let written = json::parse(&form.to_string()).map(|value| Record::from_json(&value));
    assert_eq!(matches!(written, Ok(Ok(_))), is_proper, "{what}: written as JSON: {written:?}");
    if is_proper {
        assert_eq!(json::to_json(bytes).unwrap(), form, "{what}");
        assert_eq!(written.unwrap().unwrap().bytes(), bytes, "{what}");
    }
}

#[test]
fn the_interoperability_vectors_hold_in_each_way() {
    let mut counts = BTreeMap::new();
    for row in table("data-model") {
        *counts.entry(row[0]).or_insert(0) += 1;
        let (what, text) = (row[1], *row.last().unwrap());
        let value: Value = serde_json::from_str(text).unwrap();
        let is_proper = row[0] != "invalid";
        for (by, written) in [
            ("a value", Record::from_json(&value)),
            ("text", json::parse(text).map_err(Into::into).and_then(|v| Record::from_json(&v))),
        ] {
            assert_eq!(written.is_ok(), is_proper, "{what}: written as {by}: {written:?}");
        }
        let bytes = Data::of_json(&value).bytes();
        if row[0] == "both" {
            assert_eq!(HEXLOWER.encode(&bytes), row[2], "{what}");
        }
        check(what, &bytes, is_proper);
    }
    assert_eq!(counts, BTreeMap::from([("both", 3), ("valid", 5), ("invalid", 12)]));
}

#[test]
fn the_vectors_of_dasl_hold_in_each_way() {
    let mut beyond = 0;
    let mut checked = 0;
    for row in table("drisl") {
        let [verdict, tags, hex, name] = row[..] else { panic!("{row:?}") };
        if !tags.split(' ').any(|tag| ["dag-cbor", "basic", "dasl-cid"].contains(&tag)) {
            continue;
        }
        let value = HEXLOWER.decode(hex.as_bytes()).unwrap();
        let is_beyond = verdict == "right" && BEYOND_RECORDS.contains(&name);
        let is_proper = verdict == "right" && !is_beyond;
        check(name, &[b"\xa1\x61v", &value[..]].concat(), is_proper);
        beyond += usize::from(is_beyond);
        checked += 1;
    }
    assert_eq!(beyond, BEYOND_RECORDS.len());
    assert!(checked > 70, "{checked}");
}

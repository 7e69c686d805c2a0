//! The DASL test vectors, as far as they concern the strict CBOR of the data model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::common::material::table;
use carrack::block::Cid;
use carrack::block::drisl;
use carrack::parts::drisl::{Decoder, Floats, check};
use data_encoding::HEXLOWER;

struct Vector {
    name: String,
    is_right: bool,
    bytes: Vec<u8>,
    tags: Vec<&'static str>,
}

impl Vector {
    fn of(row: &[&'static str]) -> Self {
        let [verdict, tags, hex, name] = *row else { panic!("{row:?}") };
        assert!(["right", "wrong"].contains(&verdict), "{row:?}");
        Self {
            name: format!("{name}: {verdict} {hex}"),
            is_right: verdict == "right",
            bytes: HEXLOWER.decode(hex.as_bytes()).unwrap(),
            tags: tags.split(' ').collect(),
        }
    }

    fn has(&self, tag: &str) -> bool {
        self.tags.contains(&tag)
    }
}

fn vectors() -> Vec<Vector> {
    let vectors: Vec<_> = table("drisl").iter().map(|row| Vector::of(row)).collect();
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
        if vector.is_right {
            checked.unwrap_or_else(|fault| panic!("{}: {fault}", vector.name));
            if vector.bytes[0] == 0xfb {
                // Records hold no floats.
                drisl::decode(&vector.bytes).unwrap_err();
            } else {
                let value = drisl::decode(&vector.bytes).unwrap();
                assert_eq!(drisl::encode(&value).unwrap(), vector.bytes, "{}", vector.name);
            }
        } else {
            // The encoder writes nothing that `check` refuses: tests/it/drisl_properties.rs.
            checked.expect_err(&vector.name);
            drisl::decode(&vector.bytes).expect_err(&vector.name);
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
        if vector.is_right {
            let value = drisl::decode(&vector.bytes).unwrap();
            assert_eq!(drisl::encode(&value).unwrap(), vector.bytes);
            let cid = cid.unwrap();
            assert_eq!(cid.blessed().is_some(), cid.to_bytes()[2] == 0x12, "{}", vector.name);
        } else {
            assert!(!cid.is_ok_and(|cid: Cid| cid.blessed().is_some()), "{}", vector.name);
        }
    }
}

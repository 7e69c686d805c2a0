//! One input for all that reads a CAR: bytes in memory are read as a file with the same bytes is.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::handmade::{blocks, car};
use crate::common::{NOW, clock, did, engine, key, path, record, with_key};
use carrack::ident::Rev;
use carrack::verify::{
    Discard, Input, ListingDigest, Report, verify, verify_collection, verify_proof,
};
use std::collections::BTreeMap;

/// Streaming order, the reverse of it, which takes an index, and broken ones.
fn cars() -> Vec<Vec<u8>> {
    let records: BTreeMap<_, _> = (0..300)
        .map(|n| (format!("com.example.post/{n:04}"), record(40 + n * 7, n as u64)))
        .collect();
    let blocks = blocks(&records, &did(), Rev::from_micros(NOW, 0).unwrap(), &key());
    let streaming = car(&blocks);
    let mut backwards = blocks.clone();
    backwards[1..].reverse();
    let mut flipped = car(&backwards);
    let place = flipped.len() - 20;
    flipped[place] ^= 1;
    let cut = car(&backwards)[..place].to_vec();
    vec![streaming, car(&backwards), flipped, cut, Vec::new(), b"not a CAR".to_vec()]
}

fn seen(report: &Report) -> String {
    format!("{report:?}")
}

#[test]
fn memory_is_read_as_a_file_is() {
    let (expect, clock) = (with_key().head, clock());
    let folder = tempfile::tempdir().unwrap();
    for (number, car) in cars().into_iter().enumerate() {
        let file = folder.path().join(format!("{number}.car"));
        std::fs::write(&file, &car).unwrap();
        let spilled = Input::spill(&car[..], "a test").unwrap();
        let inputs = [Input::open(&file).unwrap(), spilled, Input::from(car.clone())];
        let found = inputs.map(|input| {
            assert_eq!(input.length(), car.len() as u64);
            let verdict = verify(&input, &expect, &*clock, &mut Discard).unwrap();
            let mut listing = ListingDigest::default();
            let walked = verify(&input, &expect, &*clock, &mut listing).unwrap();
            let post = "com.example.post".parse().unwrap();
            let all = verify_collection(&input, &post, &expect, &*clock, &mut Discard).unwrap();
            let one = path("com.example.post/0007");
            let proof = verify_proof(&input, &one, &expect, &*clock).unwrap();
            let engine = engine();
            let imported = engine.import(&input, &with_key()).map(|imported| imported.records);
            let imported = imported.map_err(|error| error.to_string());
            assert_eq!(imported.is_ok(), verdict.is_valid(), "{imported:?}");
            [
                seen(&verdict),
                seen(&walked),
                listing.finish(),
                format!("{all:?}"),
                format!("{proof:?}"),
                format!("{imported:?}"),
            ]
        });
        assert_eq!(found[0], found[1], "car {number}");
        assert_eq!(found[0], found[2], "car {number}");
    }
}

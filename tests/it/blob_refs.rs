//! A record may refer to a bounded number of blobs: more are refused on a write; of an archive, the
//! record is kept as it was signed, and the index holds the first of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{
    NOW, assert_clean, car_input, create_op, did, engine_with_account, handmade, import, key, path,
    record, records, with_key, write,
};
use carrack::block::{Cid, Codec, blob_refs, json};
use carrack::engine::{ImportOptions, Op, State};
use carrack::ident::Rev;
use carrack::limits::BLOB_REFS_MAX;
use carrack::{Code, Engine};
use std::collections::BTreeMap;

const AT: &str = "com.example.gallery/all";

/// A record that refers to this many blobs.
fn gallery(count: usize) -> Vec<u8> {
    let blob = |number: usize| {
        let cid = Cid::of(Codec::Raw, &number.to_be_bytes());
        serde_json::json!({ "$type": "blob", "ref": { "$link": cid.to_string() },
            "mimeType": "image/png", "size": 8 })
    };
    let blobs: Vec<_> = (0..count).map(blob).collect();
    json::from_json(&serde_json::json!({ "$type": "com.example.gallery", "blobs": blobs })).unwrap()
}

fn needed(engine: &Engine) -> u64 {
    engine.status(&did()).unwrap().blobs_needed
}

#[test]
fn a_write_refuses_more_than_the_bound() {
    let engine = engine_with_account();
    let before = engine.status(&did()).unwrap();
    let over = vec![create_op(path(AT), gallery(BLOB_REFS_MAX + 1))];
    let error = write(&engine, over).unwrap_err();
    let [problem] = error.problems() else { panic!("{error}") };
    assert_eq!((problem.code, problem.path.as_deref()), (Code::TooLarge, Some(AT)));
    assert_eq!(engine.status(&did()).unwrap(), before);
    write(&engine, vec![create_op(path(AT), gallery(BLOB_REFS_MAX))]).unwrap();
    assert_eq!(needed(&engine), BLOB_REFS_MAX as u64);
    assert_clean(&engine);
}

#[test]
fn of_an_archive_the_first_are_noted_and_the_record_is_kept() {
    let count = BLOB_REFS_MAX + 700;
    let records_in = BTreeMap::from([
        (AT.to_owned(), gallery(count)),
        ("com.example.post/a".to_owned(), record(30, 1)),
    ]);
    let archive = |records: &BTreeMap<String, Vec<u8>>, micros| {
        let rev = Rev::from_micros(NOW + micros, 0).unwrap();
        handmade::repository(records, &did(), rev, &key())
    };
    let engine = crate::common::engine();
    let imported = import(&engine, &archive(&records_in, 0), &with_key()).unwrap();
    let [warning] = imported.report.warnings.listed() else { panic!("no warning, or more") };
    assert_eq!((warning.code, warning.path.as_deref()), (Code::TooLarge, Some(AT)));
    assert!(warning.message.contains(&count.to_string()), "{warning}");
    assert_eq!(imported.blobs_needed, BLOB_REFS_MAX as u64);
    assert_eq!(records(&engine, &did()), records_in);
    assert_eq!(blob_refs(&records_in[AT]).len(), count);
    assert_clean(&engine);

    // A diff that brings another such record in its place.
    engine.set_state(&did(), State::Deactivated).unwrap();
    let next = BTreeMap::from([(AT.to_owned(), gallery(count + 1))]);
    let diff = archive(&next, 1_000);
    let applied = engine.apply_diff(&car_input(&diff[..]), &ImportOptions::default()).unwrap();
    assert_eq!(applied.warnings.listed().len(), 1);
    assert_eq!(needed(&engine), BLOB_REFS_MAX as u64);
    assert_clean(&engine);
    // And what goes leaves nothing.
    engine.set_state(&did(), State::Active).unwrap();
    write(&engine, vec![Op::delete(path(AT))]).unwrap();
    assert_eq!(needed(&engine), 0);
    assert_clean(&engine);
}

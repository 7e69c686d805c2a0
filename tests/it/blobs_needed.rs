//! The blobs that are needed, page by page.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{
    NOW, create_op, did, did_of, engine, engine_with_account, handmade, import, key, path, with_key,
};
use carrack::block::{Cid, Codec};
use carrack::engine::{BlobCursor, NeededBlob, Op, WriteOptions};
use carrack::ident::Rev;
use carrack::{Engine, Error};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn blob(number: u32) -> Cid {
    Cid::of(Codec::Raw, &number.to_be_bytes())
}

fn typed(number: u32) -> Value {
    let link = json!({ "$link": blob(number).to_string() });
    json!({ "$type": "blob", "ref": link, "mimeType": "image/png", "size": number + 1 })
}

/// As records had it before 2023; as CBOR, because writers may refuse it.
fn legacy(number: u32) -> Vec<u8> {
    let value = json!({ "cid": blob(number).to_string(), "mimeType": "image/jpeg" });
    let mut record = b"\xa1\x65image".to_vec();
    record.push(0xa2);
    for name in ["cid", "mimeType"] {
        for text in [name, value[name].as_str().unwrap()] {
            match u8::try_from(text.len()).unwrap() {
                short @ ..24 => record.push(0x60 + short),
                long => record.extend([0x78, long]),
            }
            record.extend_from_slice(text.as_bytes());
        }
    }
    record
}

fn record_with(blobs: &[u32]) -> Vec<u8> {
    let blobs: Vec<Value> = blobs.iter().map(|number| typed(*number)).collect();
    let record = json!({ "$type": "com.example.post", "blobs": blobs });
    carrack::block::json::from_json(&record).unwrap()
}

fn needing(name: &str, blobs: &[u32]) -> Op {
    create_op(path(name), record_with(blobs))
}

/// Imports records that no writer would take.
fn import_records(engine: &Engine, records: &BTreeMap<String, Vec<u8>>) {
    let rev = Rev::from_micros(NOW - 1_000_000, 1).unwrap();
    let car = handmade::repository(records, &did(), rev, &key());
    import(engine, &car, &with_key()).unwrap();
}

fn write(engine: &Engine, ops: Vec<Op>) {
    engine.write(&did(), ops, &WriteOptions::default(), &key()).unwrap();
}

/// All pages of this size.
fn pages(engine: &Engine, limit: usize) -> Vec<NeededBlob> {
    let (mut all, mut cursor) = (Vec::<NeededBlob>::new(), None);
    loop {
        let page = engine.blobs_needed(&did(), cursor.as_ref(), limit).unwrap();
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { return all };
        cursor = Some(last.cursor());
        all.extend(page);
    }
}

#[test]
fn every_reference_is_on_one_page() {
    let engine = engine_with_account();
    let mut expected = BTreeMap::new();
    let mut ops = Vec::new();
    for record in 0..60_u32 {
        let name = format!("com.example.post/{record:03}");
        // Blob 0 is needed by all of them.
        let blobs = [0, 1 + record / 2, 100 + record];
        for number in blobs {
            expected.insert((blob(number).to_bytes(), name.clone()), number);
        }
        ops.push(needing(&name, &blobs));
    }
    write(&engine, ops);
    // Another account's are not among them.
    engine.create_account(&did_of(7), &key()).unwrap();
    let other = vec![needing("com.example.post/x", &[0, 7000])];
    engine.write(&did_of(7), other, &WriteOptions::default(), &key()).unwrap();
    for limit in [1, 7, 60, 1000] {
        let all = pages(&engine, limit);
        let found: Vec<_> = all.iter().map(|b| (b.cid.to_bytes(), b.record.to_string())).collect();
        assert_eq!(found, expected.keys().cloned().collect::<Vec<_>>(), "pages of {limit}");
        for (blob, number) in all.iter().zip(expected.values()) {
            assert_eq!(blob.size, Some(u64::from(*number) + 1));
            assert_eq!((blob.mime.as_deref(), blob.missing), (Some("image/png"), true));
        }
    }
    // One entry for each blob.
    let (mut blobs, mut cursor) = (Vec::new(), None);
    while let Some(next) = engine.blobs_needed(&did(), cursor.as_ref(), 1).unwrap().pop() {
        blobs.push(next.cid.clone());
        cursor = Some(BlobCursor::Blob(next.cid));
    }
    assert_eq!(blobs, engine.snapshot(&did()).unwrap().blobs_needed().unwrap());
    assert_eq!(blobs.len() as u64, engine.status(&did()).unwrap().blobs_needed);
    // One that nothing needs is a place between others, too.
    let cursor = BlobCursor::Blob(blob(5000));
    let behind = blobs.iter().filter(|cid| cid.to_bytes() > blob(5000).to_bytes()).count();
    let listed = engine.blobs_needed(&did(), Some(&cursor), 1000).unwrap();
    let mut listed: Vec<_> = listed.into_iter().map(|blob| blob.cid).collect();
    listed.dedup();
    assert_eq!(listed.len(), behind);
}

#[test]
fn what_a_record_does_not_state_is_not_made_up() {
    let source = engine();
    import_records(&source, &[("com.example.post/old".to_owned(), legacy(3))].into());
    let page = source.blobs_needed(&did(), None, 10).unwrap();
    assert_eq!((page.len(), &page[0].cid, page[0].size), (1, &blob(3), None));
    assert_eq!(page[0].mime.as_deref(), Some("image/jpeg"));
    write(&source, vec![Op::delete(path("com.example.post/old"))]);
    assert!(source.blobs_needed(&did(), None, 10).unwrap().is_empty());
    assert!(matches!(engine().blobs_needed(&did(), None, 1), Err(Error::NotFound(_))));
    source.delete_account(&did()).unwrap();
    assert!(matches!(source.blobs_needed(&did(), None, 1), Err(Error::State { .. })));
}

/// The command groups the references, also across its pages.
#[cfg(feature = "cli")]
#[test]
fn the_command_lists_each_blob_once_with_its_records() {
    use std::process::Command;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("a.redb");
    let engine = Engine::open(&store).unwrap();
    let name = |number| format!("com.example.post/{number:05}");
    let mut records: BTreeMap<_, _> = (0..1500).map(|n| (name(n), record_with(&[1, 2]))).collect();
    records.insert("com.example.post/old".to_owned(), legacy(3));
    import_records(&engine, &records);
    drop(engine);
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
        command.arg("blobs").arg(&store).arg(did().as_str()).args(args).output().unwrap()
    };
    for args in [&["--json"][..], &["--missing", "--json"]] {
        let out = run(args);
        assert_eq!(out.status.code(), Some(0));
        let listed: Value = serde_json::from_slice(&out.stdout).unwrap();
        let blobs = listed["blobs"].as_array().unwrap();
        assert_eq!(blobs.len(), 3);
        for blob_of in blobs {
            assert_eq!(blob_of["missing"], true);
            let is_old = blob_of["cid"] == blob(3).to_string();
            let records = blob_of["records"].as_array().unwrap();
            assert_eq!(records.len(), if is_old { 1 } else { 1500 });
            assert_eq!(blob_of["size"].is_null(), is_old);
            assert!(is_old || records[1499] == *name(1499));
        }
    }
    let text = String::from_utf8(run(&[]).stdout).unwrap();
    assert_eq!(text.lines().count(), 3 + 3001);
    let empty = Engine::open(folder.path().join("b.redb")).unwrap();
    empty.create_account(&did(), &key()).unwrap();
    drop(empty);
    let store = folder.path().join("b.redb");
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
    let out = command.arg("blobs").arg(&store).arg(did().as_str()).arg("--json").output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&out.stdout).unwrap(), json!({ "blobs": [] }));
}

//! A write that names what it expects happens only if it is so; of two that expect the same, one
//! happens; and a batch happens whole or not at all.
//!
//! Holds guarantee G10.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::{
    assert_clean, create_op, did, engine_with_account, key, path, record, records, update_op, write,
};
use carrack::block::{Block, Cid};
use carrack::engine::{Op, Record, WriteOptions, Written};
use carrack::{Code, Engine, Error, ErrorKind};
use serde_json::json;
use std::sync::Barrier;

fn swap(engine: &Engine, head: &Cid, ops: Vec<Op>) -> carrack::Result<Written> {
    let options = WriteOptions::default().swap(head.clone());
    engine.write(&did(), ops, &options, &key())
}

fn cid(record: &[u8]) -> Cid {
    Block::dag_cbor(record.to_vec()).cid().clone()
}

fn head(engine: &Engine) -> Cid {
    engine.status(&did()).unwrap().commit.unwrap()
}

/// The write is refused for this reason, and nothing has changed.
#[track_caller]
fn assert_refused(
    engine: &Engine,
    kind: ErrorKind,
    act: impl FnOnce() -> carrack::Result<Written>,
) {
    let before = engine.status(&did()).unwrap();
    let error = act().unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(engine.status(&did()).unwrap(), before);
    assert_clean(engine);
}

#[test]
fn the_head_has_to_match() {
    let engine = engine_with_account();
    let first = head(&engine);
    let create = |name: &str| vec![create_op(path(name), record(9, 1))];
    let second = swap(&engine, &first, create("com.example.post/a")).unwrap().commit;
    assert_eq!(head(&engine), second);
    assert_refused(&engine, ErrorKind::Conflict, || {
        swap(&engine, &first, create("com.example.post/b"))
    });
    let Err(Error::Swap { expected, found, .. }) = swap(&engine, &first, vec![]) else {
        panic!("an empty batch ignores the head")
    };
    assert_eq!((expected.as_deref(), found.as_deref()), (Some(&first), Some(&second)));
    swap(&engine, &second, create("com.example.post/b")).unwrap();
}

#[test]
fn the_record_has_to_match() {
    let engine = engine_with_account();
    let (a, b) = (record(30, 1), record(30, 2));
    let at = path("com.example.post/a");
    write(&engine, vec![create_op(at.clone(), a.clone())]).unwrap();
    let update = |prev: &[u8]| Op::Update {
        path: at.clone(),
        record: Record::from_dag_cbor(b.clone()).unwrap(),
        prev: Some(cid(prev)),
    };
    let delete = |prev: &[u8]| Op::Delete { path: at.clone(), prev: Some(cid(prev)) };
    assert_refused(&engine, ErrorKind::Conflict, || write(&engine, vec![update(&b)]));
    assert_refused(&engine, ErrorKind::Conflict, || write(&engine, vec![delete(&b)]));
    let written = write(&engine, vec![update(&a)]).unwrap();
    assert_eq!((written.ops[0].cid(), written.ops[0].prev()), (Some(&cid(&b)), Some(&cid(&a))));
    assert_refused(&engine, ErrorKind::Conflict, || write(&engine, vec![update(&a)]));
    let written = write(&engine, vec![delete(&b)]).unwrap();
    assert_eq!((written.ops[0].cid(), written.ops[0].prev()), (None, Some(&cid(&b))));
    // What is named and not there does not match either.
    assert_refused(&engine, ErrorKind::Conflict, || write(&engine, vec![delete(&b)]));
    assert_refused(&engine, ErrorKind::Conflict, || write(&engine, vec![update(&b)]));
}

/// What a write would have to refuse is no record.
#[test]
fn a_record_is_checked_when_it_is_made() {
    for (bytes, code) in [
        (&b""[..], Code::BadRecord),
        (b"\xff", Code::BadRecord),
        (b"\x80", Code::BadRecord),
        (b"\xa0\xa0", Code::BadRecord),
        (b"\xa1\x61n\x18\x01", Code::NonCanonical),
        (b"\xa1\x61n\xfb\x3f\xe0\0\0\0\0\0\0", Code::BadRecord),
    ] {
        let error = Record::from_dag_cbor(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.problems()[0].code, code, "{bytes:02x?}");
    }
    for value in [json!([]), json!({ "n": 0.5 }), json!({ "$type": "" })] {
        let error = Record::from_json(&value).unwrap_err();
        assert_eq!(error.problems()[0].code, Code::BadRecord, "{value}");
    }
    let legacy = json!({ "a": { "cid": cid(b"\xa0").to_string(), "mimeType": "a/b" } });
    let bytes = carrack::block::json::from_json(&legacy).unwrap();
    for refused in [Record::from_json(&legacy), Record::from_dag_cbor(bytes)] {
        assert_eq!(refused.unwrap_err().problems()[0].code, Code::BadRecord);
    }
    let long = json!({ "text": "x".repeat(1_000_000) });
    assert!(matches!(Record::from_json(&long), Err(Error::Limit { limit: 1_000_000, .. })));
    let note = Record::from_json(&json!({ "n": 1 })).unwrap();
    assert_eq!((note.bytes(), note.cid()), (&b"\xa1\x61n\x01"[..], &cid(note.bytes())));
}

/// The last op of a batch fails in every way that an op can: the others do not happen.
#[test]
fn a_batch_is_whole_or_nothing() {
    let engine = engine_with_account();
    let setup = MINED[0][..20].iter().map(|path| create_op(path.clone(), record(50, 1)));
    write(&engine, setup.collect()).unwrap();
    let held = MINED[0][3].clone();
    let absent = MINED[0][40].clone();
    let failing = [
        (create_op(held.clone(), record(9, 9)), ErrorKind::Conflict),
        (update_op(absent.clone(), record(9, 9)), ErrorKind::NotFound),
        (Op::delete(absent.clone()), ErrorKind::NotFound),
        (Op::Delete { path: held.clone(), prev: Some(cid(b"other")) }, ErrorKind::Conflict),
        (Op::delete(MINED[0][0].clone()), ErrorKind::Invalid),
    ];
    let before = records(&engine, &did());
    for (op, kind) in failing {
        let ops = vec![
            Op::delete(MINED[0][0].clone()),
            update_op(MINED[0][1].clone(), record(500, 3)),
            create_op(MINED[5][0].clone(), record(500, 3)),
            op,
        ];
        assert_refused(&engine, kind, || write(&engine, ops));
        assert_eq!(records(&engine, &did()), before);
    }
    let too_many = (0..201).map(|n| create_op(path(&format!("com.example.many/{n}")), vec![0xa0]));
    assert_refused(&engine, ErrorKind::Invalid, || write(&engine, too_many.collect()));
}

#[test]
fn of_many_that_expect_the_same_head_one_happens() {
    let engine = engine_with_account();
    for round in 0..10 {
        let head = head(&engine);
        let start = Barrier::new(8);
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| {
                    let (engine, head, start) = (&engine, &head, &start);
                    scope.spawn(move || {
                        let at = path(&format!("com.example.race/{round}-{thread}"));
                        start.wait();
                        swap(engine, head, vec![create_op(at, record(20, thread))])
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for error in results.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        }
    }
    assert_eq!(records(&engine, &did()).len(), 10);
    assert_clean(&engine);
}

#[test]
fn what_changes_nothing_makes_no_commit() {
    let engine = engine_with_account();
    let at = path("com.example.post/a");
    write(&engine, vec![create_op(at.clone(), record(40, 1))]).unwrap();
    let before = engine.status(&did()).unwrap();
    let written = write(&engine, vec![update_op(at.clone(), record(40, 1))]).unwrap();
    assert_eq!((written.seq, written.ops.len()), (None, 0));
    assert_eq!(engine.status(&did()).unwrap(), before);
    // Unless it is asked for: the same tree under a new revision.
    let options = WriteOptions::default().commit_anyway(true);
    let same = vec![update_op(at, record(40, 1))];
    let written = engine.write(&did(), same, &options, &key()).unwrap();
    assert!(written.seq.is_some() && written.data == written.prev_data);
    assert!(written.rev > written.since);
    assert_clean(&engine);
}

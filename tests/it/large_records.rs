//! Records up to the protocol's limit live beside small ones, and are not rewritten with them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::{
    Disk, assert_clean, create_op, did, engine, engine_with_account, export, import, key, open,
    record, records, update_op, with_key, write,
};
use carrack::engine::{Op, Record, WriteOptions};
use carrack::ident::RepoPath;
use carrack::limits::RECORD_BYTES_MAX;
use carrack::{Engine, Error, Progress};

/// Small records all around three of the largest, which sit at these paths.
fn mixed(engine: &Engine) -> Vec<RepoPath> {
    engine.create_account(&did(), &key()).unwrap();
    let mut small: Vec<_> = MINED[0].iter().chain(&MINED[1]).cloned().collect();
    small.sort();
    let large = [3, 40, 80].map(|index| small.remove(index)).to_vec();
    let ops = small.iter().map(|path| create_op(path.clone(), record(150, 1)));
    write(engine, ops.collect()).unwrap();
    for (path, number) in large.iter().zip(0..) {
        let largest = record(RECORD_BYTES_MAX, number);
        assert_eq!(largest.len(), RECORD_BYTES_MAX);
        write(engine, vec![create_op(path.clone(), largest)]).unwrap();
    }
    large
}

#[test]
fn the_largest_records_are_kept() {
    let engine = engine();
    let large = mixed(&engine);
    let snapshot = engine.snapshot(&did()).unwrap();
    for (path, number) in large.iter().zip(0..) {
        let found = snapshot.record(path).unwrap().unwrap();
        assert!(found.block.bytes()[..] == record(RECORD_BYTES_MAX, number)[..]);
    }
    assert_eq!(records(&engine, &did()).len(), MINED[0].len() + MINED[1].len());
    assert_clean(&engine);
    let other = crate::common::engine();
    import(&other, &export(&engine, &did()), &with_key()).unwrap();
    assert_eq!(other.rows_digest(&did()).unwrap(), engine.rows_digest(&did()).unwrap());
}

#[test]
fn one_byte_more_is_refused() {
    Record::from_dag_cbor(record(RECORD_BYTES_MAX, 1)).unwrap();
    let error = Record::from_dag_cbor(record(RECORD_BYTES_MAX + 1, 1)).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: 1_000_000, got: 1_000_001, .. }), "{error}");
}

/// Bytes that reach the disk with one small commit.
fn bytes_of(disk: &Disk, engine: &Engine, op: Op) -> u64 {
    let before = disk.bytes_written();
    engine.write(&did(), vec![op], &WriteOptions::default(), &key()).unwrap();
    disk.bytes_written() - before
}

#[test]
fn commits_beside_large_records_stay_small() {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    let large = mixed(&engine);
    // In the same node as each of them, right beside it.
    for path in &large {
        let beside = (0..10_000)
            .map(|n| crate::common::path(&format!("{path}{n}")))
            .find(|beside| carrack::tree::layer(beside.as_bytes()) == 0)
            .unwrap();
        let ops = [
            create_op(beside.clone(), record(100, 5)),
            update_op(beside.clone(), record(120, 6)),
            Op::delete(beside),
        ];
        for op in ops {
            let written = bytes_of(&disk, &engine, op.clone());
            assert!(written < 300_000, "{written} bytes for {:?}", op.path());
        }
    }
    assert_clean(&engine);
}

/// The rows of a record that grows and shrinks are those that it needs.
#[test]
fn the_rows_of_a_large_record_go_with_it() {
    let engine = engine();
    let large = mixed(&engine);
    let rows = || engine.scrub(Progress::none()).unwrap().rows;
    let full = rows();
    write(&engine, vec![update_op(large[0].clone(), record(400_000, 9))]).unwrap();
    let less = rows();
    assert!(less < full);
    write(&engine, vec![update_op(large[0].clone(), record(100, 9))]).unwrap();
    assert!(rows() < less);
    assert_clean(&engine);
    write(&engine, vec![update_op(large[0].clone(), record(RECORD_BYTES_MAX, 0))]).unwrap();
    assert_eq!(rows(), full);
    write(&engine, large.iter().map(|path| Op::delete(path.clone())).collect()).unwrap();
    assert!(export(&engine, &did()).len() < 200_000);
    assert_clean(&engine);
}

/// Eight of the largest at once would make an event that no follower takes.
#[test]
fn a_batch_is_no_larger_than_its_event_may_be() {
    let engine = engine_with_account();
    let ops: Vec<Op> = MINED[0][..8]
        .iter()
        .zip(0..)
        .map(|(path, n)| create_op(path.clone(), record(RECORD_BYTES_MAX, n)))
        .collect();
    let seen = |engine: &Engine| {
        let seq = engine.last_seq().unwrap();
        (engine.status(&did()).unwrap(), engine.rows_digest(&did()).unwrap(), seq)
    };
    let before = seen(&engine);
    for batch in [&ops[..], &ops[..2]] {
        let error = write(&engine, batch.to_vec()).unwrap_err();
        let whole = RECORD_BYTES_MAX as u64 * batch.len() as u64;
        assert!(
            matches!(error, Error::Limit { limit: 2_000_000, got, .. } if got > whole),
            "{error}"
        );
        assert_eq!(seen(&engine), before);
    }
    for op in &ops {
        write(&engine, vec![op.clone()]).unwrap();
    }
    assert_eq!(engine.status(&did()).unwrap().records, 8);
    assert_eq!(engine.last_seq().unwrap(), before.2 + 8);
    assert_clean(&engine);
}

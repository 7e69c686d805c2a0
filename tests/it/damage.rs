//! What was stored right and has changed since: a scrub finds it and goes on, and no reader gets
//! a wrong answer. redb checks no checksum when it reads, so this is the engine's own work.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::raw::{put, rows};
use crate::common::{Disk, create_op, did, did_of, key, open, record, records, with_key};
use carrack::engine::{List, WriteOptions};
use carrack::{Engine, ErrorKind, Progress};
use std::collections::BTreeMap;

/// A store with one account: runs, a long record, records and nodes above the runs.
fn store() -> (Disk, BTreeMap<String, Vec<u8>>) {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    fill(&engine, 0);
    let held = records(&engine, &did());
    (disk, held)
}

fn fill(engine: &Engine, number: u32) {
    let did = did_of(number);
    engine.create_account(&did, &key()).unwrap();
    let paths = MINED[0][..12].iter().chain(&MINED[1][..4]).chain(&MINED[2][..2]);
    let paths = paths.chain(&MINED[3][..1]).zip(0_u64..);
    let ops = paths.map(|(path, n)| {
        create_op(path.clone(), record(if n == 3 { 40_000 } else { 60 + n as usize }, n))
    });
    engine.write(&did, ops.collect(), &WriteOptions::default(), &key()).unwrap();
}

/// Asks for everything: each answer is right, or an error that says that the store is damaged.
fn assert_nothing_wrong(engine: &Engine, held: &BTreeMap<String, Vec<u8>>, what: &str) {
    let snapshot = match engine.snapshot(&did()) {
        Ok(snapshot) => snapshot,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}"),
    };
    for path in MINED.iter().take(5).flatten() {
        match snapshot.record(path) {
            Ok(found) => {
                let found = found.map(|record| record.block.bytes().to_vec());
                assert_eq!(found.as_ref(), held.get(path.as_str()), "{what}: {path}");
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}"),
        }
    }
    let listed: Result<BTreeMap<_, _>, _> = snapshot
        .list(&List::default())
        .unwrap()
        .map(|record| record.map(|r| (r.path.to_string(), r.block.bytes().to_vec())))
        .collect();
    match listed {
        Ok(listed) => assert_eq!(listed, *held, "{what}"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}"),
    }
}

/// Whether an export fails as it should.
fn export_fails(engine: &Engine, whole: &[u8], what: &str) -> bool {
    let mut car = Vec::new();
    match engine.export(&did(), &mut car) {
        Ok(_) => {
            assert_eq!(car, whole, "{what}: a wrong export");
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
            true
        }
    }
}

/// Where the sections begin: behind form, checksum, counts, and the one revision of a row written at
/// once.
fn header_length(key: &[u8], value: &[u8]) -> usize {
    let is_part = key[key.len() - 3..key.len() - 1] == [0, 0];
    if is_part { 0 } else { value.len().min(1 + 4 + 2 + 8) }
}

#[test]
fn flipped_bytes_in_every_row() {
    let (disk, held) = store();
    let whole = crate::common::export(&open(&disk).unwrap(), &did());
    let image = disk.image();
    for (key, value) in rows(&disk) {
        let header = header_length(&key, &value);
        let step = (value.len() / 40).max(1);
        let offsets = (0..header.min(value.len())).chain((header..value.len()).step_by(step));
        for offset in offsets {
            let mut flipped = value.clone();
            flipped[offset] ^= 0x11;
            let what = format!("byte {offset} of row {}", String::from_utf8_lossy(&key[8..]));
            let disk = Disk::holding(image.clone());
            put(&disk, &[(&key, Some(&flipped))]);
            let engine = open(&disk).unwrap();
            let failed = export_fails(&engine, &whole, &what);
            assert_nothing_wrong(&engine, &held, &what);
            let report = engine.scrub(Progress::none()).unwrap();
            // An export has no use for the revisions in a header.
            assert!(failed || offset < header, "{what}: exported");
            assert!(!report.is_valid(), "{what}: the scrub found nothing");
            for problem in report.problems.listed() {
                assert!(problem.message.contains(did().as_str()), "{what}: {problem}");
            }
        }
    }
}

#[test]
fn a_row_that_is_gone_or_cut() {
    let (disk, _) = store();
    let whole = crate::common::export(&open(&disk).unwrap(), &did());
    let image = disk.image();
    for (key, value) in rows(&disk) {
        for left in [None, Some(&value[..value.len() / 2]), Some(&value[..value.len() - 1])] {
            let disk = Disk::holding(image.clone());
            put(&disk, &[(&key, left)]);
            let engine = open(&disk).unwrap();
            let what = format!("row {} cut", String::from_utf8_lossy(&key[8..]));
            assert!(export_fails(&engine, &whole, &what), "{what}: exported");
            let report = engine.scrub(Progress::none()).unwrap();
            assert!(!report.is_valid(), "{what}: the scrub found nothing");
        }
    }
}

/// Each is a record that is whole: only the node above tells that it is another one's.
#[test]
fn records_that_are_exchanged() {
    let (disk, held) = store();
    let whole = crate::common::export(&open(&disk).unwrap(), &did());
    let all = rows(&disk);
    let is_record = |key: &[u8]| key.ends_with(&[0, 0]) && key.len() > 8 + 2;
    let records: Vec<_> = all.iter().filter(|(key, _)| is_record(key)).collect();
    assert!(records.len() > 2, "{} records have rows of their own", records.len());
    for pair in records.windows(2) {
        let disk = Disk::holding(disk.image());
        put(&disk, &[(&pair[0].0, Some(&pair[1].1)), (&pair[1].0, Some(&pair[0].1))]);
        let engine = open(&disk).unwrap();
        let what = format!("row {} exchanged", String::from_utf8_lossy(&pair[0].0[8..]));
        assert!(export_fails(&engine, &whole, &what), "{what}: exported");
        assert_nothing_wrong(&engine, &held, &what);
        assert!(!engine.scrub(Progress::none()).unwrap().is_valid(), "{what}: nothing found");
    }
}

#[test]
fn a_row_too_many() {
    let (disk, _) = store();
    let all = rows(&disk);
    let (key, value) = &all[all.len() / 2];
    let mut other = key[..8].to_vec();
    other.extend_from_slice(b"com.example.zz/extra\0\0");
    put(&disk, &[(&other, Some(value))]);
    let report = open(&disk).unwrap().scrub(Progress::none()).unwrap();
    assert!(!report.is_valid());
    // And one of a tree that no account has.
    let (disk, _) = store();
    other[..8].copy_from_slice(&777_u64.to_be_bytes());
    put(&disk, &[(&other, Some(value))]);
    let report = open(&disk).unwrap().scrub(Progress::none()).unwrap();
    assert!(report.problems.listed()[0].message.contains("777"), "{:?}", report.problems.listed());
}

/// Damage in several accounts: each is named, the whole ones are not.
#[test]
fn the_scrub_goes_on() {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    (0..4).for_each(|number| fill(&engine, number));
    drop(engine);
    let all = rows(&disk);
    let (first, last) = (all[1].0[..8].to_vec(), all[all.len() - 1].0[..8].to_vec());
    let damaged: Vec<(Vec<u8>, Vec<u8>)> = all
        .into_iter()
        .filter(|(key, value)| (key[..8] == first || key[..8] == last) && value.len() > 60)
        .map(|(key, mut value)| {
            let at = value.len() - 1;
            value[at] ^= 1;
            (key, value)
        })
        .collect();
    assert!(damaged.len() >= 8, "several rows of each");
    for (key, value) in &damaged {
        put(&disk, &[(key, Some(value))]);
    }
    let engine = open(&disk).unwrap();
    let report = engine.scrub(Progress::none()).unwrap();
    let named = |number| {
        let did = did_of(number);
        report.problems.listed().iter().filter(|p| p.message.contains(did.as_str())).count()
    };
    assert!(named(0) >= 3 && named(3) >= 3, "{:?}", report.problems.listed());
    assert_eq!((named(1), named(2)), (0, 0));
    assert_eq!(report.accounts, 4);
    for number in 0..4 {
        let exported = engine.export(&did_of(number), Vec::new());
        assert_eq!(exported.is_ok(), number == 1 || number == 2);
    }
}

/// What is damaged is not written on: the account keeps its head.
#[test]
fn a_write_beside_damage_is_refused() {
    let (disk, _) = store();
    for (key, mut value) in rows(&disk) {
        let at = value.len() - 1;
        value[at] ^= 1;
        put(&disk, &[(&key, Some(&value))]);
    }
    let engine = open(&disk).unwrap();
    let before = engine.status(&did()).unwrap();
    for path in [&MINED[0][20], &MINED[1][20], &MINED[2][10], &MINED[5][1]] {
        let error =
            crate::common::write(&engine, vec![create_op(path.clone(), record(9, 9))]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    assert_eq!(engine.status(&did()).unwrap(), before);
    // The account can be brought back from an archive of another engine.
    let clean = crate::common::engine();
    fill(&clean, 0);
    crate::common::write(&clean, vec![create_op(MINED[0][30].clone(), record(9, 9))]).unwrap();
    let options = with_key().replace(before.commit.clone());
    crate::common::import(&engine, &crate::common::export(&clean, &did()), &options).unwrap();
    crate::common::assert_clean(&engine);
}

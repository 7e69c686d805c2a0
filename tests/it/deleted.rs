//! What is deleted is gone from every export with the commit that deletes it, and nothing else is.
//!
//! Holds guarantee G4 and guarantee G5.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::{
    NOW, assert_clean, await_rows, create_op, did, engine, engine_with_account, export, handmade,
    import, key, path, record, records, update_op, with_key, write,
};
use carrack::block::{Block, Cid};
use carrack::engine::{Op, State};
use carrack::env::SystemClock;
use carrack::ident::Rev;
use carrack::verify::{Discard, Input, verify};
use carrack::{Engine, Progress};
use std::collections::BTreeMap;
use std::time::Duration;

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[track_caller]
fn assert_valid(car: &[u8]) {
    let input = Input::spill(car, "export").unwrap();
    let report = verify(&input, &with_key().head, &SystemClock, &mut Discard).unwrap();
    assert!(report.is_valid(), "{:?}", report.problems.listed());
    assert_eq!(report.unreferenced_blocks, Some(0));
}

#[track_caller]
fn assert_gone(engine: &Engine, path: &str, record: &[u8]) {
    let snapshot = engine.snapshot(&did()).unwrap();
    assert_eq!(snapshot.record(&crate::common::path(path)).unwrap(), None);
    let car = export(engine, &did());
    assert!(!contains(&car, record), "its bytes are still exported");
    assert!(!contains(&car, &Cid::to_bytes(Block::dag_cbor(record.to_vec()).cid())));
    assert!(!contains(&car, path.split_once('/').unwrap().1.as_bytes()), "its key is");
    assert_valid(&car);
    assert_clean(engine);
}

/// In a run, in a row of its own, over several rows, and above the runs.
#[test]
fn a_deleted_record_is_gone() {
    let secret_keys = ["com.example.post/secretly", "com.example.post/hiddenly"];
    let places: Vec<String> =
        secret_keys.map(str::to_owned).into_iter().chain([MINED[4][0].to_string()]).collect();
    for place in places {
        for bytes in [100, 20_000, 200_000] {
            let engine = engine_with_account();
            let others = MINED[0][..20].iter().chain(&MINED[1][..6]).chain(&MINED[2][..3]);
            let others = others.map(|other| create_op(other.clone(), record(120, 1)));
            write(&engine, others.collect()).unwrap();
            let before = export(&engine, &did());
            let rows = engine.scrub(Progress::none()).unwrap().rows;
            let secret = record(bytes, 99);
            write(&engine, vec![create_op(path(&place), secret.clone())]).unwrap();
            assert!(contains(&export(&engine, &did()), &secret));
            write(&engine, vec![Op::delete(path(&place))]).unwrap();
            assert_gone(&engine, &place, &secret);
            assert_eq!(export(&engine, &did()).len(), before.len());
            await_rows(&engine, rows);
            assert_clean(&engine);
        }
    }
}

#[test]
fn an_overwritten_record_is_gone_too() {
    let engine = engine_with_account();
    let (old, new) = (record(500, 1), record(500, 2));
    write(&engine, vec![create_op(path("com.example.post/a"), old.clone())]).unwrap();
    write(&engine, vec![update_op(path("com.example.post/a"), new.clone())]).unwrap();
    let car = export(&engine, &did());
    assert!(contains(&car, &new) && !contains(&car, &old));
    assert_valid(&car);
}

#[test]
fn the_records_of_a_deleted_account_leave_the_store() {
    let engine = engine_with_account();
    let ops = MINED[0].iter().map(|path| create_op(path.clone(), record(3000, 1)));
    write(&engine, ops.collect()).unwrap();
    engine.delete_account(&did()).unwrap();
    assert!(engine.snapshot(&did()).is_err());
    assert!(engine.export(&did(), Vec::new()).is_err());
    await_rows(&engine, 0);
    assert_clean(&engine);
}

/// Removal of the events takes its time; nothing of them is shown meanwhile.
#[test]
fn the_events_of_a_deleted_account_are_not_shown_before_they_are_removed() {
    for _ in 0..10 {
        let disk = crate::common::Disk::new();
        let engine = crate::common::open(&disk).unwrap();
        engine.create_account(&did(), &key()).unwrap();
        write(&engine, vec![create_op(path("com.example.post/a"), record(50, 1))]).unwrap();
        // The writer removes the rows first, and is kept busy with that.
        disk.sync_takes(Duration::from_millis(300));
        engine.delete_account(&did()).unwrap();
        let mut events = engine.events(0).unwrap();
        let first = events.next().unwrap().unwrap();
        let second = events.next().unwrap();
        let is_held = engine.oldest_seq().unwrap() == Some(1);
        assert_eq!(first.seq, engine.last_seq().unwrap(), "an event of before is shown");
        assert_eq!(first.event().unwrap().kind(), "#account");
        assert!(second.is_none());
        if is_held {
            return;
        }
    }
    panic!("they were always gone before one could look");
}

/// The same record at two paths: of one run, of two runs, and too large for any.
fn twins() -> Vec<(String, String, usize)> {
    let far = MINED[0].iter().max().unwrap().to_string();
    let near = MINED[0].iter().min().unwrap().to_string();
    let high = MINED[3][0].to_string();
    let mut all = Vec::new();
    for bytes in [80, 20_000, 100_000] {
        all.push((near.clone(), far.clone(), bytes));
        all.push((near.clone(), high.clone(), bytes));
        all.push(("com.example.twin/a".into(), "com.example.twin/b".into(), bytes));
    }
    all
}

fn with_twins(a: &str, b: &str, bytes: usize) -> BTreeMap<String, Vec<u8>> {
    let others = MINED[0][..30].iter().chain(&MINED[1][..10]).map(ToString::to_string);
    let mut records: BTreeMap<_, _> =
        others.zip(0..).map(|(path, n)| (path, record(90, n))).collect();
    let twin = record(bytes, 1000);
    records.insert(a.to_owned(), twin.clone());
    records.insert(b.to_owned(), twin);
    records
}

#[test]
fn one_of_two_paths_is_deleted_by_a_write() {
    for (a, b, bytes) in twins() {
        for (gone, stays) in [(&a, &b), (&b, &a)] {
            let engine = engine_with_account();
            let all = with_twins(&a, &b, bytes);
            let ops = all.iter().map(|(at, record)| create_op(path(at), record.clone()));
            write(&engine, ops.collect()).unwrap();
            write(&engine, vec![Op::delete(path(gone))]).unwrap();
            let left = records(&engine, &did());
            assert_eq!(left.get(stays), all.get(stays), "{gone} took {stays} with it");
            assert_eq!(left.len(), all.len() - 1);
            assert_clean(&engine);
            assert_valid(&export(&engine, &did()));
        }
    }
}

#[test]
fn one_of_two_paths_is_deleted_by_an_import() {
    for (a, b, bytes) in twins() {
        let engine = engine();
        let mut all = with_twins(&a, &b, bytes);
        for (gone, micros) in [(None, NOW), (Some(&a), NOW + 1), (Some(&b), NOW + 2)] {
            let full = all.clone();
            gone.map(|gone| all.remove(gone));
            let rev = Rev::from_micros(micros, 0).unwrap();
            let car = handmade::repository(&all, &did(), rev, &key());
            import(&engine, &car, &with_key()).unwrap();
            engine.set_state(&did(), State::Deactivated).unwrap();
            assert_eq!(records(&engine, &did()), all);
            assert_clean(&engine);
            assert_eq!(export(&engine, &did()), car);
            all = full;
        }
    }
}

/// Reference servers write a block that two paths share once.
#[test]
fn an_archive_that_holds_a_shared_record_once() {
    let all = with_twins("com.example.twin/a", "com.example.twin/b", 5000);
    let rev = Rev::from_micros(NOW, 0).unwrap();
    let mut blocks = handmade::blocks(&all, &did(), rev, &key());
    let mut seen = std::collections::BTreeSet::new();
    let before = blocks.len();
    blocks.retain(|block| seen.insert(block.cid().clone()));
    assert_eq!(blocks.len(), before - 1);
    let engine = engine();
    import(&engine, &handmade::car(&blocks), &with_key()).unwrap();
    write(&engine, vec![Op::delete(path("com.example.twin/a"))]).unwrap();
    let left = records(&engine, &did());
    assert_eq!(left.get("com.example.twin/b"), all.get("com.example.twin/b"));
    assert_eq!(left.len(), all.len() - 1);
    assert_clean(&engine);
}

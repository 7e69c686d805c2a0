//! The blobs that an account needs are counted as its records change, and the count is that of the
//! records, whatever was done. Holds guarantee G42.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::{
    Disk, NOW, assert_clean, car_input, clock, create_op, did, did_of, export, import, key, open,
    options, path, record, update_op, with_key, write,
};
use carrack::block::{Cid, Codec, json};
use carrack::engine::{CompactOptions, Op, WriteOptions};
use carrack::env::ManualClock;
use carrack::{Engine, ErrorKind, Progress};
use proptest::prelude::*;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const COUNTS: TableDefinition<u64, &[u8]> = TableDefinition::new("carrack.counts.2");
const BLOBS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("carrack.blobs.2");
const OLD_BLOBS: TableDefinition<&[u8], ()> = TableDefinition::new("carrack.blobs.1");
const FACTS: TableDefinition<&str, &[u8]> = TableDefinition::new("carrack.facts.1");

fn raw(disk: &Disk) -> Database {
    Database::builder().create_with_backend(disk.clone()).unwrap()
}

/// The table of counts: tree to value.
fn counts(disk: &Disk) -> BTreeMap<u64, Vec<u8>> {
    let database = raw(disk);
    let txn = database.begin_read().unwrap();
    let table = txn.open_table(COUNTS).unwrap();
    let entries = table.iter().unwrap().map(Result::unwrap);
    entries.map(|(tree, value)| (tree.value(), value.value().to_vec())).collect()
}

fn set_count(disk: &Disk, tree: u64, value: Option<&[u8]>) {
    let database = raw(disk);
    let txn = database.begin_write().unwrap();
    {
        let mut table = txn.open_table(COUNTS).unwrap();
        match value {
            Some(value) => table.insert(tree, value).unwrap(),
            None => table.remove(tree).unwrap(),
        };
    }
    txn.commit().unwrap();
}

/// A value of the table as it should be, for any number.
fn sealed(tree: u64, blobs: u64) -> Vec<u8> {
    let (key, payload) = (tree.to_le_bytes(), blobs.to_be_bytes());
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"counts\0").update(&8_u64.to_be_bytes()).update(&key).update(&payload);
    [&[2], &payload[..], &hasher.finalize().as_bytes()[..8]].concat()
}

fn blob(number: usize) -> Cid {
    Cid::of(Codec::Raw, &number.to_be_bytes())
}

/// A record that needs these blobs.
fn gallery(blobs: &BTreeSet<usize>, number: u64) -> Vec<u8> {
    let images: Vec<_> = blobs
        .iter()
        .map(|number| {
            serde_json::json!({ "$type": "blob", "mimeType": "image/png", "size": 1,
                "ref": { "$link": blob(*number).to_string() } })
        })
        .collect();
    let post = serde_json::json!({ "$type": "com.example.post", "n": number, "images": images });
    json::from_json(&post).unwrap()
}

fn at(number: usize) -> carrack::ident::RepoPath {
    path(&format!("com.example.post/{number:02}"))
}

/// The records of a model: what each of them needs.
type Model = BTreeMap<usize, BTreeSet<usize>>;

#[track_caller]
fn assert_counted(engine: &Engine, model: &Model) {
    let expected: BTreeSet<Cid> = model.values().flatten().map(|number| blob(*number)).collect();
    let needed = engine.snapshot(&did()).unwrap().blobs_needed().unwrap();
    assert_eq!(needed, expected.iter().cloned().collect::<Vec<_>>());
    assert_eq!(engine.status(&did()).unwrap().blobs_needed, expected.len() as u64);
    assert_clean(engine);
}

/// A record that is written, with the blobs that it needs, or deleted.
type Step = (usize, Option<BTreeSet<usize>>);

/// Records that share blobs are written in batches, mirrored by diffs, imported anew and replaced.
fn run(batches: &[Vec<Step>]) {
    let clock = Arc::new(ManualClock::new(NOW));
    let disk = Disk::new();
    let engine = carrack::parts::redb::open(disk.clone(), &options(&clock)).unwrap();
    let copy = carrack::parts::redb::open(Disk::new(), &options(&clock)).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    assert_counted(&engine, &Model::new());
    import(&copy, &export(&engine, &did()), &with_key()).unwrap();
    let mut model = Model::new();
    for (number, batch) in batches.iter().enumerate() {
        clock.advance(1000);
        let steps: BTreeMap<usize, _> = batch.iter().cloned().collect();
        let mut ops = Vec::new();
        for (record, blobs) in steps {
            match (blobs, model.contains_key(&record)) {
                (Some(blobs), is_there) => {
                    let bytes = gallery(&blobs, number as u64);
                    let op = if is_there { update_op } else { create_op };
                    ops.push(op(at(record), bytes));
                    model.insert(record, blobs);
                }
                (None, true) => {
                    ops.push(Op::delete(at(record)));
                    model.remove(&record);
                }
                (None, false) => {}
            }
        }
        let rev = engine.status(&did()).unwrap().rev.unwrap();
        write(&engine, ops).unwrap();
        assert_counted(&engine, &model);
        let mut diff = Vec::new();
        engine.export_since(&did(), rev, &mut diff).unwrap();
        let head = copy.status(&did()).unwrap().commit;
        copy.apply_diff(&car_input(&diff), &with_key().replace(head)).unwrap();
        assert_counted(&copy, &model);
    }
    clock.advance(1000);
    let fresh = carrack::parts::redb::open(Disk::new(), &options(&clock)).unwrap();
    import(&fresh, &export(&engine, &did()), &with_key()).unwrap();
    assert_counted(&fresh, &model);
    drop(engine);
    assert_eq!(counts(&disk).len(), 1);
    assert_counted(&open(&disk).unwrap(), &model);
}

fn batches() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let blobs = prop::collection::btree_set(0_usize..6, 0..4);
    let step = (0_usize..8, prop_oneof![3 => blobs.prop_map(Some), 2 => Just(None)]);
    prop::collection::vec(prop::collection::vec(step, 1..8), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 48, ..ProptestConfig::default()
    })]
    #[test]
    fn the_count_is_that_of_the_records(batches in batches()) {
        run(&batches);
    }
}

#[test]
fn records_that_share_blobs_come_and_go() {
    let step = |record: usize, blobs: &[usize]| (record, Some(blobs.iter().copied().collect()));
    run(&[
        vec![step(1, &[1, 2]), step(2, &[2, 3]), step(3, &[])],
        vec![step(2, &[1, 2]), step(3, &[3])],
        vec![(1, None), step(4, &[1, 2, 3])],
        vec![(4, None), (2, None)],
        vec![(3, None), step(1, &[5])],
    ]);
}

/// An account of three records that need two blobs, and an account without blobs.
fn store() -> (Disk, Model) {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    engine.create_account(&did_of(1), &key()).unwrap();
    let model: Model = [(1, vec![1]), (2, vec![1, 2]), (3, vec![2])]
        .map(|(record, blobs)| (record, blobs.into_iter().collect()))
        .into();
    let ops = model.iter().map(|(record, blobs)| create_op(at(*record), gallery(blobs, 0)));
    write(&engine, ops.collect()).unwrap();
    (disk, model)
}

/// The status takes the count as it is stored: it does not read what was counted. A scrub does.
#[test]
fn a_wrong_count_is_found_by_a_scrub() {
    let (disk, model) = store();
    let tree = *counts(&disk).keys().next().unwrap();
    assert_eq!(counts(&disk)[&tree], sealed(tree, 2));
    for wrong in [0, 1, 3, u64::MAX] {
        set_count(&disk, tree, Some(&sealed(tree, wrong)));
        let engine = open(&disk).unwrap();
        assert_eq!(engine.status(&did()).unwrap().blobs_needed, wrong);
        let report = engine.scrub(Progress::none()).unwrap();
        assert!(format!("{:?}", report.problems.listed()).contains("count of its blobs"));
        assert_eq!(engine.snapshot(&did()).unwrap().blobs_needed().unwrap().len(), 2);
    }
    set_count(&disk, tree, Some(&sealed(tree, 2)));
    set_count(&disk, 77, Some(&sealed(77, 0)));
    let report = open(&disk).unwrap().scrub(Progress::none()).unwrap();
    assert!(format!("{:?}", report.problems.listed()).contains("tree 77 belong to no account"));
    set_count(&disk, 77, None);
    assert_counted(&open(&disk).unwrap(), &model);
}

/// A changed bit, or the count of another tree, is an error.
#[test]
fn a_damaged_count_is_not_believed() {
    let (disk, model) = store();
    let of = counts(&disk);
    let trees: Vec<u64> = of.keys().copied().collect();
    let value = &of[&trees[0]];
    let mut damaged: Vec<Vec<u8>> = (0..value.len() * 8)
        .map(|bit| {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            flipped
        })
        .collect();
    damaged.extend([of[&trees[1]].clone(), Vec::new(), value[..value.len() - 1].to_vec()]);
    for value in damaged {
        set_count(&disk, trees[0], Some(&value));
        let engine = open(&disk).unwrap();
        assert_eq!(engine.status(&did()).unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(!engine.scrub(Progress::none()).unwrap().is_valid());
        assert_eq!(engine.status(&did_of(1)).unwrap().blobs_needed, 0);
        // What needs the count fails alone and changes nothing; other writes go on.
        let ops = vec![Op::delete(at(1))];
        assert_eq!(write(&engine, ops).unwrap_err().kind(), ErrorKind::Corrupt);
        let other = vec![create_op(path("com.example.x/1"), record(9, 1))];
        engine.write(&did_of(1), other.clone(), &WriteOptions::default(), &key()).unwrap();
        let other = vec![Op::delete(path("com.example.x/1"))];
        engine.write(&did_of(1), other, &WriteOptions::default(), &key()).unwrap();
    }
    set_count(&disk, trees[0], Some(value));
    assert_counted(&open(&disk).unwrap(), &model);
}

/// A count that is not there is made from the index, and its loss is found.
#[test]
fn a_lost_count_is_counted_anew() {
    let (disk, mut model) = store();
    let tree = *counts(&disk).keys().next().unwrap();
    set_count(&disk, tree, None);
    let engine = open(&disk).unwrap();
    assert_eq!(engine.status(&did()).unwrap().blobs_needed, 2);
    let report = engine.scrub(Progress::none()).unwrap();
    assert!(format!("{:?}", report.problems.listed()).contains("is not there"));
    write(&engine, vec![Op::delete(at(1)), Op::delete(at(2))]).unwrap();
    model.retain(|record, _| *record == 3);
    assert_eq!(engine.status(&did()).unwrap().blobs_needed, 1);
    // A copy of the repository has its own.
    let copy = open(&Disk::new()).unwrap();
    import(&copy, &export(&engine, &did()), &with_key()).unwrap();
    assert_counted(&copy, &model);
}

/// Makes the store one that was upgraded a moment ago: references of format 1, and no counts.
fn make_old(disk: &Disk, keep: usize) {
    let database = raw(disk);
    let txn = database.begin_write().unwrap();
    {
        let mut table = txn.open_table(COUNTS).unwrap();
        table.retain(|_, _| false).unwrap();
        txn.open_table(FACTS).unwrap().remove("counted").unwrap().unwrap();
        let mut blobs = txn.open_table(BLOBS).unwrap();
        let keys: Vec<Vec<u8>> =
            blobs.iter().unwrap().map(|entry| entry.unwrap().0.value().to_vec()).collect();
        let mut old = txn.open_table(OLD_BLOBS).unwrap();
        for key in keys.iter().skip(keep) {
            blobs.remove(&key[..]).unwrap();
            old.insert(&key[..], ()).unwrap();
        }
    }
    txn.commit().unwrap();
}

/// The trees of an upgraded store are counted once, in the background, and right from then on.
#[test]
fn an_upgraded_store_is_counted_in_the_background() {
    for keep in 0..=4 {
        let (disk, mut model) = store();
        let before = counts(&disk);
        make_old(&disk, keep);
        let image = disk.image();
        let reader = options(&clock()).read_only(true);
        let reader = carrack::parts::redb::open(disk.clone(), &reader).unwrap();
        assert_counted(&reader, &model);
        drop(reader);
        assert!(disk.image() == image, "a reader has stored something");

        let engine = open(&disk).unwrap();
        assert_counted(&engine, &model);
        // Before that is done or after it.
        write(&engine, vec![Op::delete(at(3))]).unwrap();
        model.remove(&3);
        assert_counted(&engine, &model);
        drop(engine);
        await_counted(&disk, 2);
        assert_eq!(counts(&disk), before, "two blobs are needed still");
        let engine = open(&disk).unwrap();
        write(&engine, vec![Op::delete(at(2)), update_op(at(1), record(9, 1))]).unwrap();
        model = Model::new();
        assert_counted(&engine, &model);
        drop(engine);
        let tree = *before.keys().next().unwrap();
        assert_eq!(counts(&disk)[&tree], sealed(tree, 0));
    }
}

#[track_caller]
fn await_counted(disk: &Disk, trees: usize) {
    let start = Instant::now();
    loop {
        let engine = open(disk).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        drop(engine);
        if counts(disk).len() == trees {
            let database = raw(disk);
            let txn = database.begin_read().unwrap();
            assert!(txn.open_table(FACTS).unwrap().get("counted").unwrap().is_some());
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", counts(disk));
    }
}

/// The counts of trees that are gone go with them, and no copy has them.
#[test]
fn counts_go_with_their_trees() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    let engine = Engine::open_with(&file, &options(&clock())).unwrap();
    let (disk, model) = store();
    let car = export(&open(&disk).unwrap(), &did());
    import(&engine, &car, &with_key()).unwrap();
    import(&engine, &car, &with_key()).unwrap();
    engine.create_account(&did_of(1), &key()).unwrap();
    engine.create_account(&did_of(2), &key()).unwrap();
    engine.delete_account(&did_of(1)).unwrap();
    let backup = folder.path().join("backup.redb");
    engine.backup(&backup, Progress::none()).unwrap();
    drop(engine);
    Engine::compact(&file, &options(&clock()), CompactOptions::default(), Progress::none())
        .unwrap();
    for file in [file, backup] {
        let database = Database::open(&file).unwrap();
        let txn = database.begin_read().unwrap();
        assert_eq!(txn.open_table(COUNTS).unwrap().len().unwrap(), 2, "{file:?}");
        drop((txn, database));
        let engine = Engine::open_with(&file, &options(&clock())).unwrap();
        assert_counted(&engine, &model);
    }
}

/// Pages of accounts are the whole list, deleted accounts included.
#[test]
fn accounts_come_in_pages() {
    let engine = open(&Disk::new()).unwrap();
    assert!(engine.accounts_after(None, 10).unwrap().is_empty());
    for number in 0..23 {
        engine.create_account(&did_of(number), &key()).unwrap();
    }
    engine.delete_account(&did_of(5)).unwrap();
    let all = engine.accounts().unwrap();
    for limit in 1..=24 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = engine.accounts_after(after.as_ref(), limit).unwrap();
            found.extend_from_slice(&page);
            match page.last() {
                Some(last) if page.len() == limit => after = Some(last.did.clone()),
                _ => break,
            }
        }
        assert_eq!(found, all, "{limit} at a time");
    }
    assert!(engine.accounts_after(None, 0).unwrap().is_empty());
    assert_eq!(engine.accounts_after(None, usize::MAX).unwrap(), all);
    // A cursor need not be an account, and may be the last one.
    let between = format!("{}a", all[3].did).parse().unwrap();
    assert_eq!(engine.accounts_after(Some(&between), 2).unwrap(), all[4..6]);
    assert!(engine.accounts_after(Some(&all[22].did), 2).unwrap().is_empty());
    assert_eq!(engine.accounts_after(Some(&"did:aaa:a".parse().unwrap()), 1).unwrap(), all[..1]);
}

/// The object that `accounts --json` prints as it reads is whole JSON also if reading fails.
#[test]
#[cfg(feature = "cli")]
fn a_listing_that_fails_says_so_in_its_object() {
    use serde_json::Value;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    let engine = Engine::open(&file).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    drop(engine);
    let accounts: TableDefinition<&[u8], &[u8]> = TableDefinition::new("carrack.accounts.1");
    let list = |damaged: Option<u32>| {
        let database = Database::open(&file).unwrap();
        let txn = database.begin_write().unwrap();
        {
            let mut table = txn.open_table(accounts).unwrap();
            let row = table.get(did().as_str().as_bytes()).unwrap().unwrap().value().to_vec();
            for number in 0..2500 {
                let did = did_of(number);
                let payload = &row[..row.len() - 8];
                let sum = blake3::hash(&[did.as_str().as_bytes(), &[0], payload].concat());
                let sum = if damaged == Some(number) {
                    [7; 8]
                } else {
                    sum.as_bytes()[..8].try_into().unwrap()
                };
                table.insert(did.as_str().as_bytes(), &[payload, &sum].concat()[..]).unwrap();
            }
        }
        txn.commit().unwrap();
        drop(database);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_carrack"));
        let out = command.arg("accounts").arg(&file).arg("--json").output().unwrap();
        let object: Value = serde_json::from_slice(&out.stdout).unwrap();
        (out.status.code().unwrap(), object)
    };
    let (code, object) = list(None);
    assert_eq!((code, object["accounts"].as_array().unwrap().len()), (0, 2500));
    assert!(object.get("error").is_none());
    let mut dids: Vec<String> = (0..2500).map(|number| did_of(number).to_string()).collect();
    dids.sort();
    let number = |place: usize| (0..2500).find(|n| did_of(*n).to_string() == dids[place]);
    let (code, object) = list(number(2100));
    assert_eq!((code, object["accounts"].as_array().unwrap().len()), (2, 2000));
    assert!(object["error"].as_str().unwrap().contains("damaged"), "{}", object["error"]);
    // Before the first page there is nothing to end.
    let (code, object) = list(number(10));
    assert_eq!(code, 2);
    assert!(object.get("accounts").is_none() && object["error"].is_string());
}

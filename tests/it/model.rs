//! An engine and an ordered map are given the same batches: they agree on everything, and the rows
//! depend on nothing but the content.
//!
//! Holds guarantee G6.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::{COLLECTIONS, MINED};
use crate::common::{
    Disk, NOW, Rng, assert_clean, create_op, did, engine, export, handmade, import, key, options,
    record, update_op, with_key,
};
use carrack::Engine;
use carrack::engine::{List, Op, WriteOptions};
use carrack::env::ManualClock;
use carrack::ident::{RepoPath, Rev};
use carrack::tree::Key;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the map holds of a record.
#[derive(Clone, Debug)]
struct Held {
    record: Vec<u8>,
    rev: Rev,
}

type Model = BTreeMap<RepoPath, Held>;

/// A step on one path: a new record of this size, or none.
#[derive(Clone, Debug)]
struct Step {
    layer: usize,
    path: usize,
    bytes: Option<usize>,
    number: u64,
}

/// Sizes around every bound that rows have: runs of 16 KiB, rows of 32 KiB.
fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        20 => 1_usize..400,
        4 => 400_usize..4000,
        2 => 4000_usize..17_000,
        2 => select(vec![16_300_usize, 16_343, 16_344, 16_345, 16_346, 16_384, 16_385]),
        1 => select(vec![32_700_usize, 32_728, 32_729, 32_730, 32_768, 65_497, 65_498]),
        1 => 17_000_usize..70_000,
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let layer = prop_oneof![12 => 0_usize..=1, 4 => 2_usize..=3, 2 => 4_usize..=8];
    let bytes = prop_oneof![3 => sizes().prop_map(Some), 2 => Just(None)];
    (layer, any::<usize>(), bytes, any::<u64>()).prop_map(|(layer, path, bytes, number)| Step {
        layer,
        path,
        bytes,
        number,
    })
}

fn batches() -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(prop::collection::vec(steps(), 1..40), 1..7)
}

/// Steps as ops that the engine takes in this state, each path once.
fn ops_of(steps: &[Step], model: &Model) -> Vec<Op> {
    let mut used = BTreeSet::new();
    let mut ops = Vec::new();
    for step in steps {
        let path = &MINED[step.layer][step.path % MINED[step.layer].len()];
        if !used.insert(path) {
            continue;
        }
        match (step.bytes, model.contains_key(path)) {
            (Some(bytes), false) => ops.push(create_op(path.clone(), record(bytes, step.number))),
            (Some(bytes), true) => ops.push(update_op(path.clone(), record(bytes, step.number))),
            (None, true) => ops.push(Op::delete(path.clone())),
            (None, false) => {}
        }
    }
    ops
}

fn apply(model: &mut Model, ops: &[Op], rev: Rev) {
    for op in ops {
        match op {
            Op::Create { path, record } | Op::Update { path, record, .. } => {
                let record = record.bytes().to_vec();
                if model.get(path).is_none_or(|held| held.record != record) {
                    model.insert(path.clone(), Held { record, rev });
                }
            }
            Op::Delete { path, .. } => {
                model.remove(path);
            }
        }
    }
}

fn run(batches: &[Vec<Step>]) {
    let clock = Arc::new(ManualClock::new(NOW));
    let engine = carrack::parts::redb::open(Disk::new(), &options(&clock)).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    let mut model = Model::new();
    for (number, steps) in batches.iter().enumerate() {
        clock.advance(1000);
        let ops = ops_of(steps, &model);
        let written = engine.write(&did(), ops.clone(), &WriteOptions::default(), &key()).unwrap();
        apply(&mut model, &ops, written.rev);
        check(&engine, &model, number as u64);
    }
}

fn check(engine: &Engine, model: &Model, number: u64) {
    let snapshot = engine.snapshot(&did()).unwrap();
    let content: BTreeMap<String, Vec<u8>> =
        model.iter().map(|(path, held)| (path.to_string(), held.record.clone())).collect();
    assert_eq!(*snapshot.data(), handmade::tree(&content).seal(), "the root of a new tree");
    assert_eq!(snapshot.record_count(), model.len() as u64);
    assert_clean(engine);
    check_rows(engine);
    check_records(engine, model);
    check_lists(engine, model, &mut Rng::new(number));
}

/// A fresh import has the same rows, and the same counts.
fn check_rows(old: &Engine) {
    let fresh = engine();
    let car = export(old, &did());
    import(&fresh, &car, &with_key()).unwrap();
    assert_eq!(old.rows_digest(&did()).unwrap(), fresh.rows_digest(&did()).unwrap());
    let (a, b) = (old.status(&did()).unwrap(), fresh.status(&did()).unwrap());
    assert_eq!((a.records, a.blocks, a.bytes), (b.records, b.blocks, b.bytes));
    assert_eq!((a.blobs_needed, b.blobs_needed), (0, 0), "counts of a tree without blobs");
    assert_eq!(export(&fresh, &did()), car);
}

fn check_records(engine: &Engine, model: &Model) {
    let snapshot = engine.snapshot(&did()).unwrap();
    for path in MINED.iter().flatten() {
        let found = snapshot.record(path).unwrap();
        let found = found.map(|record| (record.block.bytes().to_vec(), record.rev));
        let expected = model.get(path).map(|held| (held.record.clone(), held.rev));
        assert_eq!(found, expected, "{path}");
    }
    for absent in ["com.example.post/-", "com.example.posts/~", "aa.b.c/d", "zz.b.c/d"] {
        assert_eq!(snapshot.record(&crate::common::path(absent)).unwrap(), None);
    }
}

fn check_lists(engine: &Engine, model: &Model, rng: &mut Rng) {
    let collections = COLLECTIONS.into_iter().map(Some).chain([None, Some("com.example.none")]);
    for collection in collections {
        for reverse in [false, true] {
            let all = MINED.iter().flatten().nth(rng.below(150) as usize).cloned();
            for cursor in [None, all, model.keys().nth(model.len() / 2).cloned()] {
                check_list(engine, model, collection, cursor, reverse);
            }
        }
    }
    let found: Vec<String> = engine
        .snapshot(&did())
        .unwrap()
        .collections()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    // In the order of paths, in which the slash counts.
    let mut expected: Vec<String> = model.keys().map(|path| path.collection().to_owned()).collect();
    expected.dedup();
    assert_eq!(found, expected);
}

fn check_list(
    engine: &Engine,
    model: &Model,
    collection: Option<&str>,
    cursor: Option<RepoPath>,
    reverse: bool,
) {
    let mut expected: Vec<&RepoPath> = model
        .keys()
        .filter(|path| collection.is_none_or(|collection| path.collection() == collection))
        .filter(|path| {
            let behind = |cursor: &RepoPath| if reverse { *path < cursor } else { *path > cursor };
            cursor.as_ref().is_none_or(behind)
        })
        .collect();
    if reverse {
        expected.reverse();
    }
    let what = format!("{collection:?} {cursor:?} {reverse}");
    let collection = collection.map(|collection| collection.parse().unwrap());
    let list = List::default().collection(collection).cursor(cursor).reverse(reverse);
    let snapshot = engine.snapshot(&did()).unwrap();
    let found: Vec<Key> = snapshot.entries(&list).unwrap().map(|entry| entry.unwrap().0).collect();
    let expected: Vec<Key> = expected.iter().map(|path| Key::from(path.as_bytes())).collect();
    assert_eq!(found, expected, "{what}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_batches(batches in batches()) {
        run(&batches);
    }
}

/// One record grows and shrinks over every bound while its neighbours stay.
#[test]
fn a_record_over_every_bound_and_back() {
    let sizes = [10, 16_000, 16_500, 33_000, 70_000, 33_000, 16_500, 300, 16_300, 1];
    let neighbours = (0..60).map(|n| step(n % 2, n / 2, Some(150)));
    let steps = sizes.iter().zip(0..).flat_map(|(bytes, n)| {
        let grown = step(usize::from(n % 3 == 0), 5, Some(*bytes));
        [vec![grown], vec![step(0, 40, Some(n + 1))], vec![step(0, 40, None)]]
    });
    run(&std::iter::once(neighbours.collect()).chain(steps).collect::<Vec<_>>());
}

/// High paths come and go, so that the root rises and falls and runs split and merge.
#[test]
fn the_root_rises_and_falls() {
    let low = (0..40).map(|n| step(n % 2, n / 2, Some(200)));
    let mut batches = vec![low.collect::<Vec<_>>()];
    for layer in [8, 5, 2, 7, 3] {
        batches.push(vec![step(layer, 0, Some(90)), step(layer, 1, Some(90))]);
        batches.push(vec![step(layer, 1, None)]);
    }
    for layer in [8, 7, 5, 3, 2] {
        batches.push(vec![step(layer, 0, None)]);
    }
    batches.push((0..40).map(|n| step(n % 2, n / 2, None)).collect());
    batches.push(vec![step(1, 0, Some(3)), step(0, 0, Some(3))]);
    batches.push(vec![step(1, 0, None)]);
    run(&batches);
}

fn step(layer: usize, path: usize, bytes: Option<usize>) -> Step {
    Step { layer, path, bytes, number: 1 }
}

//! The difference of two repositories is exact, and is read only where they differ.
//!
//! Holds guarantee G43.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::mined::MINED;
use crate::common::{
    Disk, car_input, create_op, did, engine_with_account, export, handmade, import, key, open,
    open_as, raw, record, shuffle, update_op, with_key, write,
};
use carrack::block::{Block, Cid};
use carrack::engine::Op;
use carrack::env::ManualClock;
use carrack::error::Result;
use carrack::ident::Rev;
use carrack::tree::{Change, NodeWant, TreeReader, changes};
use carrack::verify::Archive;
use carrack::{Code, Error, Problem};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

type Records = BTreeMap<String, Vec<u8>>;

/// A tree in memory that notes which of its nodes are read.
struct Noted {
    root: Cid,
    nodes: HashMap<Cid, Block>,
    read: RefCell<Vec<Cid>>,
}

impl Noted {
    fn of(records: &Records) -> Self {
        let blocks = blocks(records);
        let root = handmade::tree(records).seal();
        let held: BTreeSet<Cid> =
            records.values().map(|record| Block::dag_cbor(record.clone()).cid().clone()).collect();
        let nodes = blocks.into_iter().skip(1).filter(|block| !held.contains(block.cid()));
        let nodes = nodes.map(|block| (block.cid().clone(), block)).collect();
        Self { root, nodes, read: RefCell::default() }
    }

    fn reads(&self) -> Vec<Cid> {
        self.read.borrow().clone()
    }
}

impl TreeReader for Noted {
    fn root(&self) -> &Cid {
        &self.root
    }

    fn node(&self, want: &NodeWant) -> Result<Block> {
        self.read.borrow_mut().push(want.cid.clone());
        let absent = || Problem::new(Code::MissingNode, "not there").cid(&want.cid).into();
        self.nodes.get(&want.cid).cloned().ok_or_else(absent)
    }
}

fn blocks(records: &Records) -> Vec<Block> {
    let rev = Rev::after(None, &ManualClock::new(crate::common::NOW), 3).unwrap();
    handmade::blocks(records, &did(), rev, &key())
}

fn value(number: u8) -> Vec<u8> {
    record(12, number.into())
}

fn cid(record: &[u8]) -> Cid {
    Block::dag_cbor(record.to_vec()).cid().clone()
}

/// The difference, by definition.
fn model(old: &Records, new: &Records) -> Vec<Change> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let at = |records: &Records, path: &str| records.get(path).map(|record| cid(record));
    let changes = paths.into_iter().map(|path| Change {
        key: path.as_str().into(),
        old: at(old, path),
        new: at(new, path),
    });
    changes.filter(|change| change.old != change.new).collect()
}

fn found(old: &dyn TreeReader, new: &dyn TreeReader) -> Vec<Change> {
    changes(old, new).map(|change| change.unwrap()).collect()
}

fn edits(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    let paths = MINED.iter().map(Vec::len).sum::<usize>();
    vec((0..paths, prop::option::weighted(0.7, 0..4_u8)), count)
}

fn edit(records: &mut Records, edits: &[(usize, Option<u8>)]) {
    let paths: Vec<_> = MINED.iter().flatten().collect();
    for (path, number) in edits {
        let path = paths[*path].to_string();
        match number {
            Some(number) => drop(records.insert(path, value(*number))),
            None => drop(records.remove(&path)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_difference_is_that_of_the_sets(start in edits(0..150), then in edits(0..40)) {
        let mut old = Records::new();
        edit(&mut old, &start);
        let mut new = old.clone();
        edit(&mut new, &then);
        let (a, b) = (Noted::of(&old), Noted::of(&new));
        prop_assert_eq!(found(&a, &b), model(&old, &new));
        // No node is read twice, and none at all of equal trees.
        for side in [&a, &b] {
            let reads = side.reads();
            prop_assert_eq!(reads.iter().collect::<BTreeSet<_>>().len(), reads.len());
            prop_assert!(a.root != b.root || reads.is_empty());
        }
        prop_assert_eq!(found(&b, &a), model(&new, &old));
    }

    #[test]
    fn what_is_missing_is_an_error_and_never_a_wrong_difference(
        start in edits(20..120), then in edits(1..10), gone: prop::sample::Index, of_new: bool,
    ) {
        let mut old = Records::new();
        edit(&mut old, &start);
        let mut new = old.clone();
        edit(&mut new, &then);
        let (mut a, mut b) = (Noted::of(&old), Noted::of(&new));
        let side = if of_new { &mut b } else { &mut a };
        let mut nodes: Vec<_> = side.nodes.keys().cloned().collect();
        nodes.sort();
        let gone = gone.get(&nodes).clone();
        side.nodes.remove(&gone);
        let mut all = Vec::new();
        let mut failed = false;
        for change in changes(&a, &b) {
            prop_assert!(!failed, "something follows an error");
            match change {
                Ok(change) => all.push(change),
                Err(error) => {
                    prop_assert_eq!(error.problems()[0].code, Code::MissingNode);
                    failed = true;
                }
            }
        }
        let expected = model(&old, &new);
        if failed {
            prop_assert!(expected.starts_with(&all));
        } else {
            prop_assert_eq!(all, expected);
        }
        let was_read = a.reads().contains(&gone) || b.reads().contains(&gone);
        prop_assert_eq!(failed, was_read);
    }
}

/// Of a tree with some thousand records, one change reads the way to it and no more.
#[test]
fn one_change_reads_one_path() {
    let all: Records = (0..3000_u64)
        .map(|number| (format!("com.example.post/{number:07}"), record(12, number)))
        .collect();
    let nodes = Noted::of(&all).nodes.len();
    assert!(nodes > 500, "{nodes}");
    let mut most = 0;
    for number in (0..3000).step_by(97) {
        for change in ["updated", "deleted"] {
            let mut other = all.clone();
            let path = format!("com.example.post/{number:07}");
            match change {
                "updated" => drop(other.insert(path, record(13, number))),
                _ => drop(other.remove(&path)),
            }
            let (a, b) = (Noted::of(&all), Noted::of(&other));
            assert_eq!(found(&a, &b).len(), 1);
            most = most.max(a.reads().len()).max(b.reads().len());
            // Equal subtrees are not read: what both have and one reads lies beside the change.
            let shared = a.reads().into_iter().filter(|cid| b.nodes.contains_key(cid)).count();
            assert!(shared <= 8, "{shared} shared nodes");
        }
    }
    assert!(most <= 24, "{most} of {nodes} nodes");
}

#[test]
fn after_an_error_there_is_no_more() {
    let records: Records = (0..200_u64)
        .map(|number| (format!("com.example.post/{number:07}"), record(12, number)))
        .collect();
    let empty = Noted::of(&Records::new());
    let mut tree = Noted::of(&records);
    tree.nodes.retain(|cid, _| *cid == tree.root);
    let mut all = changes(&empty, &tree);
    let error = all.find_map(Result::err).unwrap();
    assert_eq!(error.problems()[0].code, Code::MissingNode);
    assert!(all.next().is_none());
}

/// Returns another node than the one asked for.
struct Swapped<'a>(&'a Noted, Block);

impl TreeReader for Swapped<'_> {
    fn root(&self) -> &Cid {
        self.0.root()
    }
    fn node(&self, want: &NodeWant) -> Result<Block> {
        if want.cid == self.0.root { self.0.node(want) } else { Ok(self.1.clone()) }
    }
}

#[test]
fn a_node_in_the_wrong_place_is_an_error() {
    let records: Records = (0..200_u64)
        .map(|number| (format!("com.example.post/{number:07}"), record(12, number)))
        .collect();
    let (empty, tree) = (Noted::of(&Records::new()), Noted::of(&records));
    let changes_of = |tree: &dyn TreeReader| changes(&empty, tree).last().unwrap();
    assert!(changes_of(&tree).is_ok());
    let other = empty.nodes[&empty.root].clone();
    let error = changes_of(&Swapped(&tree, other)).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::MissingNode);
}

/// Files in any order, stores and trees in memory give the same difference.
#[test]
fn files_and_stores_are_compared_alike() {
    let engine = engine_with_account();
    let paths: Vec<_> = MINED.iter().flatten().collect();
    for some in paths.chunks(60) {
        write(&engine, some.iter().map(|path| create_op((*path).clone(), value(1))).collect())
            .unwrap();
    }
    let before = export(&engine, &did());
    let copies = open_as(7, &Disk::new()).unwrap();
    import(&copies, &before, &with_key()).unwrap();
    let new_path = "com.example.zzz/1".parse().unwrap();
    let mut ops = vec![create_op(new_path, value(3))];
    ops.extend(paths.iter().step_by(31).map(|path| update_op((*path).clone(), value(2))));
    ops.extend(paths.iter().skip(5).step_by(37).map(|path| Op::delete((*path).clone())));
    let mut seen = BTreeSet::new();
    ops.retain(|op| seen.insert(op.path().clone()));
    let count = ops.len();
    write(&engine, ops).unwrap();
    let after = export(&engine, &did());

    let shuffled = |car: &[u8]| shuffle(car, 3);
    let (old, new) = (copies.snapshot(&did()).unwrap(), engine.snapshot(&did()).unwrap());
    let expected = found(&old, &new);
    assert_eq!(expected.len(), count);
    let archive = |car: &[u8]| Archive::open(&car_input(car)).unwrap();
    for old in [archive(&before), archive(&shuffled(&before))] {
        for new in [archive(&after), archive(&shuffled(&after))] {
            assert_eq!(found(&old, &new), expected);
        }
        assert_eq!(found(&old, &new), expected);
    }
    assert_eq!(found(&old, &archive(&after)), expected);
    assert_eq!(found(&new, &archive(&shuffled(&after))), []);
}

/// A row that is lost, or is another node's, gives an error and no other difference.
#[test]
fn a_damaged_store_is_not_compared_wrongly() {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    let empty = Archive::open(&car_input(&export(&engine, &did()))).unwrap();
    // Records of their own rows, and nodes above layer 0.
    let ops = MINED.iter().flatten().step_by(4).zip(0..);
    let ops = ops.map(|(path, number)| create_op(path.clone(), record(9_000, number)));
    write(&engine, ops.collect()).unwrap();
    let expected = found(&empty, &engine.snapshot(&did()).unwrap());
    engine.close();
    let rows = raw::rows(&disk);
    let mut failed = 0;
    for (number, (key, value)) in rows.iter().enumerate() {
        let other = &rows[(number + 1) % rows.len()].1;
        for damage in [None, Some(&other[..])] {
            raw::put(&disk, &[(key, damage)]);
            let engine = open(&disk).unwrap();
            let snapshot = engine.snapshot(&did()).unwrap();
            match changes(&empty, &snapshot).collect::<Result<Vec<_>>>() {
                Ok(found) => assert_eq!(found, expected),
                Err(error) => {
                    assert!(matches!(error, Error::Corrupt(_) | Error::Problem(_)), "{error}");
                    failed += 1;
                }
            }
            drop(snapshot);
            engine.close();
            raw::put(&disk, &[(key, Some(value))]);
        }
    }
    // All rows of nodes, and none of records.
    assert!(failed >= 2 * 10 && failed < 2 * rows.len(), "{failed} of {}", rows.len());
}

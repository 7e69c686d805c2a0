//! What `export_since` gives is exact, and brings any copy to the head. Holds guarantee G15.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use crate::common::car_input;
use crate::diffs::{Batch, Held, NOW, PATHS, Source, busy, check_copy, export, sections};
use carrack::block::{Block, Cid};
use carrack::engine::{Engine, Extent, ImportOptions};
use carrack::ident::Rev;
use carrack::parts::tree::{Tree, diff};
use carrack::verify::{ExpectedHead, Input};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

fn batch() -> impl Strategy<Value = Batch> {
    let change = prop_oneof![3 => (0..8_u8).prop_map(Some), 2 => Just(None)];
    proptest::collection::btree_map(0..PATHS.len(), change, 0..10)
}

/// The diff since each revision against the trees of all revisions.
fn check_exact(source: &Source) {
    let (new, history) = (source.head(), &source.history);
    for (at, old) in history.iter().enumerate() {
        let (root, blocks) = sections(&source.since(old.rev));
        assert_eq!(root, new.commit);
        assert_eq!(*blocks[0].cid(), new.commit, "the commit comes first");
        let given: BTreeSet<Cid> = blocks[1..].iter().map(|block| block.cid().clone()).collect();
        // The definition: a node is in the diff if some revision since lacked it; a record, if at
        // its path some revision since had another one, or none.
        let lacked = |has: &dyn Fn(&Held) -> bool| history[at..].iter().any(|rev| !has(rev));
        let nodes = new.nodes.iter().filter(|cid| lacked(&|rev: &Held| rev.nodes.contains(*cid)));
        let records = new
            .records
            .iter()
            .filter(|(path, cid)| lacked(&|rev: &Held| rev.records.get(*path) == Some(*cid)))
            .map(|(_, cid)| cid);
        let expected: BTreeSet<Cid> = nodes.chain(records).cloned().collect();
        assert_eq!(given, expected, "since revision {at} of {}", history.len());
        // What the protocol asks for: all that the old tree lacked, and no deleted value.
        let needed = new.blocks.keys().filter(|cid| !old.blocks.contains_key(cid));
        assert!(needed.into_iter().all(|cid| given.contains(cid)));
        assert!(given.iter().all(|cid| new.blocks.contains_key(cid)));
    }
    let commit_alone = sections(&source.since(new.rev)).1;
    assert_eq!(commit_alone.len(), 1);
}

/// A single step against the comparison of the two trees.
fn check_step(source: &Source) {
    let [.., old, new] = &source.history[..] else { return };
    let mut blocks: HashMap<Cid, Block> =
        old.blocks.iter().chain(&new.blocks).map(|(cid, b)| (cid.clone(), b.clone())).collect();
    let (mut a, mut b) = (Tree::at(old.data.clone(), None), Tree::at(new.data.clone(), None));
    let found = diff(&mut a, &mut blocks.clone(), &mut b, &mut blocks).unwrap();
    let records = found.changes.iter().filter_map(|change| change.new.clone());
    let expected: BTreeSet<Cid> =
        found.created.keys().cloned().chain(records).chain([new.commit.clone()]).collect();
    let given = sections(&source.since(old.rev)).1;
    let given: BTreeSet<Cid> = given.iter().map(|block| block.cid().clone()).collect();
    assert_eq!(given, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_diff_from_any_revision_is_exact_and_brings_a_copy_to_the_head(
        batches in vec(batch(), 2..14),
        skips in vec(1..5_usize, 1..6),
    ) {
        let mut source = Source::new();
        let follower = source.mirror();
        let skipping: Vec<(Engine, usize)> =
            skips.iter().map(|skip| (source.mirror(), *skip)).collect();
        for (at, batch) in batches.iter().enumerate() {
            source.write(batch);
            check_step(&source);
            let news = source.since(follower.status(&source.did).unwrap().rev.unwrap());
            follower.apply_diff(&car_input(&news[..]), &ImportOptions::default()).unwrap();
            check_copy(&follower, &source);
            for (mirror, skip) in &skipping {
                if at % skip == skip - 1 || at + 1 == batches.len() {
                    let rev = mirror.status(&source.did).unwrap().rev.unwrap();
                    mirror.apply_diff(&car_input(&source.since(rev)[..]), &ImportOptions::default()).unwrap();
                    check_copy(mirror, &source);
                }
            }
        }
        check_exact(&source);
        // A diff from an earlier revision than the one that a copy holds does as well.
        let late = source.mirror();
        source.write(&BTreeMap::from([(0, Some(1)), (40, Some(2)), (60, None)]));
        late.apply_diff(&car_input(&source.since(source.history[0].rev)[..]), &ImportOptions::default()).unwrap();
        check_copy(&late, &source);
    }

    #[test]
    fn a_copy_serves_diffs_of_its_own_that_are_exact(
        batches in vec(batch(), 2..12),
        skip in 1..4_usize,
    ) {
        let mut source = Source::new();
        let copy = source.mirror();
        let mut behind = vec![(source.head().rev, source.mirror())];
        for (at, batch) in batches.iter().enumerate() {
            source.write(batch);
            if at % skip != 0 {
                continue;
            }
            let rev = copy.status(&source.did).unwrap().rev.unwrap();
            copy.apply_diff(&car_input(&source.since(rev)[..]), &ImportOptions::default()).unwrap();
            let head = source.head().rev;
            for (number, (rev, mirror)) in behind.iter_mut().enumerate() {
                if (at / skip + number) % 3 == 1 {
                    continue;
                }
                let mut car = Vec::new();
                let exported = copy.export_since(&source.did, *rev, &mut car).unwrap();
                prop_assert_eq!(exported.extent, Extent::Since(*rev));
                mirror.apply_diff(&car_input(&car[..]), &ImportOptions::default()).unwrap();
                check_copy(mirror, &source);
                *rev = head;
            }
            // A further one begins here.
            behind.push((head, source.mirror()));
        }
    }
}

#[test]
fn a_diff_since_an_unknown_revision_is_a_full_export() {
    let (source, copy) = busy();
    let full = export(&source.engine, &source.did);
    let mut car = Vec::new();
    let unknown = Rev::from_micros(NOW - 1, 0).unwrap();
    let exported = source.engine.export_since(&source.did, unknown, &mut car).unwrap();
    assert_eq!((exported.extent, &car), (Extent::Full, &full));
    // An import ends the line: what was held before it is not known any more.
    let expect = ExpectedHead::signed_by([source.key.verifying_key()]);
    let options = ImportOptions::default().head(expect);
    copy.import(&Input::spill(&full[..], "a test").unwrap(), &options).unwrap();
    car.clear();
    let before = source.history[1].rev;
    assert_eq!(copy.export_since(&source.did, before, &mut car).unwrap().extent, Extent::Full);
    assert_eq!(car, full);
    let head = source.head().rev;
    let exported = copy.export_since(&source.did, head, std::io::sink()).unwrap();
    assert_eq!((exported.extent, exported.blocks), (Extent::Since(head), 1));
}

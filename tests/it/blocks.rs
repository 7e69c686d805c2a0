//! Blocks asked for by their CIDs. Holds guarantee G23.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{create_op, did, record};
use carrack::block::{Block, Cid};
use carrack::car::Reader;
use carrack::engine::{BlockSearch, Op, Options, WriteOptions};
use carrack::key::{Curve, SigningKey};
use carrack::{Engine, Error};
use std::collections::HashSet;

fn filled() -> (Engine, Vec<Block>) {
    filled_with(&Options::default())
}

/// Forty small records, one that continues in further rows, and one that is there twice.
fn filled_with(options: &Options) -> (Engine, Vec<Block>) {
    let engine = Engine::in_memory_with(options).unwrap();
    let key = SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
    engine.create_account(&did(), &key).unwrap();
    let create =
        |name: String, bytes| create_op(format!("com.example.post/{name}").parse().unwrap(), bytes);
    let mut ops: Vec<Op> = (0..40).map(|n| create(format!("r{n}"), record(40, n))).collect();
    ops.push(create("long".to_owned(), record(100_000, 99)));
    ops.push(create("twin".to_owned(), record(40, 3)));
    engine.write(&did(), ops, &WriteOptions::default(), &key).unwrap();
    let mut car = Vec::new();
    engine.export(&did(), &mut car).unwrap();
    let mut reader = Reader::new(&car[..]).unwrap();
    let mut blocks = Vec::new();
    while let Some(frame) = reader.next_section().unwrap() {
        blocks.push(frame.into_block().unwrap());
    }
    (engine, blocks)
}

fn absent(number: u8) -> Cid {
    Block::dag_cbor(vec![0x18, 100 + number]).cid().clone()
}

#[test]
fn every_block_is_found_and_no_other() {
    let (engine, blocks) = filled();
    let snapshot = engine.snapshot(&did()).unwrap();
    for block in &blocks {
        let found = snapshot.blocks(&[block.cid().clone()]).unwrap();
        assert_eq!(found.blocks, std::slice::from_ref(block));
        assert!(found.is_complete && found.missing.is_empty());
    }
    let mut wanted: Vec<Cid> = blocks.iter().map(|block| block.cid().clone()).collect();
    let distinct: HashSet<Cid> = wanted.iter().cloned().collect();
    assert_eq!(distinct.len() + 1, wanted.len(), "one record is there twice");
    wanted.extend([absent(1), absent(2)]);
    let found = snapshot.blocks(&wanted).unwrap();
    assert_eq!(found.blocks.len(), distinct.len());
    assert_eq!(found.missing, HashSet::from([absent(1), absent(2)]));
    assert!(found.is_complete);
}

#[test]
fn a_walk_that_was_cut_short_does_not_say_that_a_block_is_not_there() {
    let (engine, blocks) = filled();
    let snapshot = engine.snapshot(&did()).unwrap();
    let commit = blocks[0].cid().clone();
    let found = snapshot.blocks_within(&[commit, absent(1)], 1).unwrap();
    assert_eq!((found.blocks.len(), found.missing.len()), (1, 1));
    assert!(!found.is_complete);
}

#[test]
fn how_far_a_search_goes_is_an_option_of_the_engine() {
    let with = |block_search| Options::default().block_search(block_search);
    let (engine, _) = filled_with(&with(BlockSearch::Walk { bytes: 1 }));
    let snapshot = engine.snapshot(&did()).unwrap();
    let wanted = [snapshot.commit().clone(), absent(1)];
    assert!(!snapshot.blocks(&wanted).unwrap().is_complete);
    assert!(snapshot.blocks_within(&wanted, u64::MAX).unwrap().is_complete);
    let (engine, _) = filled_with(&with(BlockSearch::Off));
    let refused = engine.snapshot(&did()).unwrap().blocks(&wanted);
    assert!(matches!(refused, Err(Error::Request(_))), "{refused:?}");
}

#[test]
fn too_many_at_once_are_refused() {
    let (engine, _) = filled();
    let wanted: Vec<Cid> =
        (0..=1000u32).map(|n| Block::dag_cbor(n.to_be_bytes().to_vec()).cid().clone()).collect();
    let refused = engine.snapshot(&did()).unwrap().blocks(&wanted);
    assert!(matches!(refused, Err(Error::Limit { limit: 1000, .. })), "{refused:?}");
}

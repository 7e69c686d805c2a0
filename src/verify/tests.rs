//! Files that would be expensive to verify if copies were searched one by one.
//!
//! Holds guarantee G34.

use super::*;
use crate::block::{Block, Cid};
use crate::car::Writer;
use crate::commit::UnsignedCommit;
use crate::env::SystemClock;
use crate::ident::Rev;
use crate::key::{Curve, SigningKey};
use crate::tree::{Entry, Node, layer};
use std::collections::BTreeMap;

/// Adds the nodes of the tree of these keys, all with this record, and returns the root.
fn plant(keys: &[(String, u8)], height: u8, record: &Cid, nodes: &mut Vec<Block>) -> Cid {
    let mut node = Node::default();
    let mut below = Vec::new();
    let mut hang = |node: &mut Node, below: &mut Vec<(String, u8)>| {
        if !below.is_empty() {
            let root = Some(plant(below, height - 1, record, nodes));
            match node.entries.last_mut() {
                Some(entry) => entry.right = root,
                None => node.left = root,
            }
            below.clear();
        }
    };
    for (key, layer) in keys {
        if *layer < height {
            below.push((key.clone(), *layer));
            continue;
        }
        hang(&mut node, &mut below);
        node.entries.push(Entry { key: key.as_str().into(), value: record.clone(), right: None });
    }
    hang(&mut node, &mut below);
    let block = Block::dag_cbor(node.encode());
    nodes.push(block.clone());
    block.cid().clone()
}

/// A CAR with `paths` paths to one record, and twice as many copies of it before or after the
/// nodes.
fn copies(paths: u32, are_first: bool) -> Input {
    let record = Block::dag_cbor(vec![0xa0]);
    let keys: BTreeMap<String, u8> = (0..paths)
        .map(|number| format!("com.example.a/{number:08}"))
        .map(|key| (key.clone(), layer(key.as_bytes())))
        .collect();
    let keys: Vec<(String, u8)> = keys.into_iter().collect();
    let height = keys.iter().map(|(_, layer)| *layer).max().unwrap();
    let mut nodes = Vec::new();
    let data = plant(&keys, height, record.cid(), &mut nodes);
    let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
    let rev = Rev::from_micros(1_700_000_000_000_000, 1).unwrap();
    let key = SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
    let commit = UnsignedCommit { did, data, rev }.sign(&key).unwrap();
    let copies = vec![record; 2 * paths as usize];
    let rest = if are_first { [copies, nodes] } else { [nodes, copies] };
    let mut car = Writer::new(Vec::new(), std::slice::from_ref(commit.cid())).unwrap();
    for block in std::iter::once(commit.block()).chain(rest.iter().flatten()) {
        car.write(block.cid(), block.bytes()).unwrap();
    }
    Input::spill(&car.finish().unwrap()[..], "copies").unwrap()
}

/// Has the tree walked.
struct Walked;

impl Sink for Walked {}

/// The number of index slots read per path.
fn steps(paths: u32, are_first: bool, sink: &mut dyn Sink) -> u64 {
    let mut source = FileSource::new(copies(paths, are_first)).unwrap();
    let report =
        verify_source(&mut source, &ExpectedHead::unchecked(), &SystemClock, sink).unwrap();
    assert!(report.is_valid(), "{:?}", report.problems.listed());
    assert_eq!((report.records, report.unreferenced_blocks), (Some(paths.into()), Some(0)));
    source.steps() / u64::from(paths)
}

#[test]
fn copies_of_a_record_do_not_make_a_verification_long() {
    for are_first in [true, false] {
        for sink in [&mut Discard as &mut dyn Sink, &mut Walked] {
            let counts = [500, 4000].map(|paths| steps(paths, are_first, sink));
            assert!(counts.iter().all(|count| (4..100).contains(count)), "{counts:?} for a path");
        }
    }
}

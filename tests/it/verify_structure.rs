//! Trees of sound blocks that hang together wrongly: who wants only the verdict, which is found
//! without a walk if nothing is wrong, gets the same as who has the tree walked. Holds guarantee G21.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::bench_common::{Rng, did, signing_key};
use carrack::block::{Block, Cid, json};
use carrack::car::{Reader, Writer};
use carrack::commit::UnsignedCommit;
use carrack::env::SystemClock;
use carrack::ident::Rev;
use carrack::parts::sources::{BlockSource, FileSource};
use carrack::tree::{Entry, Node, RecordWant, layer};
use carrack::verify::{Discard, ExpectedHead, Input, Report, Sink, verify};
use std::collections::BTreeSet;

/// A node as it is to become, right or wrong.
#[derive(Clone, Debug, Default)]
struct Draft {
    left: Option<Box<Draft>>,
    entries: Vec<(String, Option<Box<Draft>>)>,
}

impl Draft {
    /// The one right tree of these keys, which are in order.
    fn of(keys: &[String], height: u8) -> Self {
        let mut draft = Self::default();
        let mut below = Vec::new();
        for key in keys {
            if layer(key.as_bytes()) < height {
                below.push(key.clone());
                continue;
            }
            draft.hang(&std::mem::take(&mut below), height);
            draft.entries.push((key.clone(), None));
        }
        draft.hang(&below, height);
        draft
    }

    fn hang(&mut self, keys: &[String], height: u8) {
        if !keys.is_empty() {
            let below = Some(Box::new(Self::of(keys, height - 1)));
            match self.entries.last_mut() {
                Some((_, right)) => *right = below,
                None => self.left = below,
            }
        }
    }

    /// Shows every node, itself included.
    fn each(&mut self, show: &mut dyn FnMut(&mut Self)) {
        show(self);
        let rights = self.entries.iter_mut().filter_map(|(_, right)| right.as_mut());
        self.left.iter_mut().chain(rights).for_each(|below| below.each(show));
    }

    fn count(&mut self) -> u64 {
        let mut nodes = 0;
        self.each(&mut |_| nodes += 1);
        nodes
    }

    /// Changes one node.
    fn change(&mut self, rng: &mut Rng, mut change: impl FnMut(&mut Self)) {
        let mut left = rng.below(self.count());
        self.each(&mut |node| {
            if left == 0 {
                change(node);
            }
            left = left.wrapping_sub(1);
        });
    }

    fn block(&self, blocks: &mut Vec<Block>) -> Cid {
        let left = self.left.as_ref().map(|left| left.block(blocks));
        let mut entries = Vec::new();
        for (key, right) in &self.entries {
            let record = record(key);
            entries.push(Entry {
                key: key.as_str().into(),
                value: record.cid().clone(),
                right: right.as_ref().map(|right| right.block(blocks)),
            });
            blocks.push(record);
        }
        let block = Block::dag_cbor(Node { left, entries }.encode());
        blocks.push(block.clone());
        block.cid().clone()
    }
}

/// A few paths share each record.
fn record(key: &str) -> Block {
    let number = key.bytes().map(u64::from).sum::<u64>() % 90;
    let record = serde_json::json!({ "$type": "com.example.a", "number": number });
    Block::dag_cbor(json::from_json(&record).unwrap())
}

/// Does one thing to a tree that mostly makes it wrong.
fn disturb(tree: &mut Draft, kind: u64, rng: &mut Rng) {
    let seed = rng.below(1000);
    match kind {
        0 => {}
        1 => tree.change(rng, |node| node.left = None),
        2 => tree.change(rng, |node| node.entries.clear()),
        3 => tree.change(rng, |node| {
            node.entries.pop();
        }),
        4 => tree.change(rng, |node| {
            if let Some((key, _)) = node.entries.first_mut() {
                *key = format!("com.example.a/{seed}");
            }
        }),
        5 => tree.change(rng, |node| {
            if let Some((key, _)) = node.entries.last_mut() {
                *key = key.replace('/', "-");
            }
        }),
        6 => tree.change(rng, |node| {
            let left = Some(Box::new(std::mem::take(node)));
            *node = Draft { left, entries: Vec::new() };
        }),
        7 => tree.change(rng, |node| {
            if let Some(left) = node.left.take().filter(|_| node.entries.is_empty()) {
                *node = *left;
            }
        }),
        8 => tree.change(rng, |node| node.entries.reverse()),
        9 => {
            // One subtree hangs at a second place as well, or instead of another.
            let mut taken = Draft::default();
            tree.change(rng, |node| taken = node.clone());
            tree.change(rng, |node| *node = taken.clone());
        }
        10 => tree.change(rng, |node| {
            let moved = node.left.take();
            if let Some((_, right)) = node.entries.last_mut() {
                node.left = std::mem::replace(right, moved);
            }
        }),
        11 => {
            // Two keys change places, wherever they are.
            let mut taken = String::new();
            let swap = &mut |node: &mut Draft| {
                if let Some((key, _)) = node.entries.last_mut() {
                    std::mem::swap(key, &mut taken);
                }
            };
            let count = tree.count();
            let (one, other) = (rng.below(count), rng.below(count));
            for wanted in [one, other, one] {
                let mut number = 0;
                tree.each(&mut |node| {
                    if number == wanted {
                        swap(node);
                    }
                    number += 1;
                });
            }
        }
        _ => tree.change(rng, |node| {
            node.entries.iter_mut().for_each(|(key, _)| key.push('z'));
        }),
    }
}
const KINDS: u64 = 13;

fn keys(rng: &mut Rng) -> Vec<String> {
    let count = 1 + rng.below(150);
    let keys: BTreeSet<String> =
        (0..count).map(|_| format!("com.example.a/{}", rng.below(5000))).collect();
    keys.into_iter().collect()
}

/// A signed repository of it, its sections in any order but the streaming one.
fn write(tree: &Draft, rng: &mut Rng) -> (Vec<u8>, Cid) {
    let mut blocks = Vec::new();
    let data = tree.block(&mut blocks);
    let rev = Rev::from_micros(1_700_000_000_000_000, 1).unwrap();
    let unsigned = UnsignedCommit { did: did(), data: data.clone(), rev };
    let commit = unsigned.sign(&signing_key()).unwrap();
    let mut seen = BTreeSet::new();
    blocks.retain(|block| seen.insert(block.cid().clone()));
    for at in (1..blocks.len()).rev() {
        blocks.swap(at, rng.below(at as u64 + 1) as usize);
    }
    // Some sections are there twice, as in files whose writer does not look for that.
    for _ in 0..rng.below(3) {
        let again = blocks[rng.below(blocks.len() as u64) as usize].clone();
        blocks.insert(rng.below(blocks.len() as u64) as usize, again);
    }
    if blocks.first().is_some_and(|first| *first.cid() == data) {
        blocks.rotate_left(1);
    }
    let mut car = Vec::new();
    let mut writer = Writer::new(&mut car, std::slice::from_ref(commit.cid())).unwrap();
    for block in std::iter::once(commit.block()).chain(&blocks) {
        writer.write(block.cid(), block.bytes()).unwrap();
    }
    writer.finish().unwrap();
    (car, data)
}

/// Has the tree walked, and wants no bytes of records.
#[derive(Default)]
struct Entries(u64);

impl Sink for Entries {
    fn needs_records(&self) -> bool {
        false
    }

    fn entry(&mut self, _: &RecordWant) -> carrack::Result<()> {
        self.0 += 1;
        Ok(())
    }
}

fn has_node_twice(car: &[u8]) -> bool {
    let mut reader = Reader::new(car).unwrap();
    let mut seen = BTreeSet::new();
    while let Some(frame) = reader.next_section().unwrap() {
        if Node::decode(frame.bytes()).is_ok() && !seen.insert(frame.cid) {
            return true;
        }
    }
    false
}

fn expect() -> ExpectedHead {
    ExpectedHead::signed_by([signing_key().verifying_key()]).did(did())
}

fn report(input: &Input, sink: &mut dyn Sink) -> Report {
    verify(input, &expect(), &SystemClock, sink).unwrap()
}

#[test]
fn a_verdict_without_a_walk_is_that_of_the_walk() {
    let mut rng = Rng::new(77);
    let (mut valid, mut invalid, mut found) = (0, 0, 0);
    for round in 0..900 {
        let keys = keys(&mut rng);
        let height = keys.iter().map(|key| layer(key.as_bytes())).max().unwrap();
        let mut tree = Draft::of(&keys, height);
        disturb(&mut tree, round % KINDS, &mut rng);
        let (car, data) = write(&tree, &mut rng);
        let input = Input::spill(&car[..], "drafted").unwrap();

        let mut entries = Entries::default();
        let walked = report(&input, &mut entries);
        let judged = report(&input, &mut Discard);
        assert_eq!(judged, walked, "round {round}\n{tree:?}");

        let mut supply = FileSource::new(input).unwrap();
        supply.skip_records();
        supply.skip_tree();
        supply.want(walked.commit.as_ref().unwrap()).unwrap().unwrap();
        let sound = supply.check_outline(&data).unwrap();
        // An empty repository is left to the walk, and so is a file that has a node twice.
        let is_sound = walked.is_valid() && walked.records != Some(0);
        assert!(is_sound || sound.is_none(), "round {round}\n{tree:?}");
        assert!(!is_sound || sound.is_some() || has_node_twice(&car), "round {round}\n{tree:?}");
        found += u64::from(sound.is_some());
        if let Some(sound) = sound {
            assert_eq!((Some(sound.records), sound.records), (walked.records, entries.0));
            assert_eq!((Some(sound.nodes), Some(sound.height)), (walked.nodes, walked.height));
        }
        *if walked.is_valid() { &mut valid } else { &mut invalid } += 1;
    }
    assert!(found > valid / 2, "only {found} of {valid} without a walk");
    assert!(valid > 150 && invalid > 400, "{valid} right ones and {invalid} wrong ones");
}

//! A generator of repositories: the same seed and size always give the same bytes.
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]
#![allow(dead_code, reason = "each bench uses a part of it")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may stop")]

use carrack::block::{Block, Cid, json};
use carrack::car::Writer;
use carrack::commit::UnsignedCommit;
use carrack::ident::{Did, Rev};
use carrack::key::{Curve, SigningKey};
use carrack::tree::{Entry, Key, Node, layer};
use serde_json::json;
use std::path::{Path, PathBuf};

#[allow(clippy::duplicate_mod, reason = "the tests use both")]
#[path = "../../tests/common/rng.rs"]
mod rng;

pub use rng::Rng;

pub const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const FIRST_MICROS: u64 = 1_690_000_000_000_000;
const STEP_MICROS: u64 = 61_000_000;

pub fn did() -> Did {
    DID.parse().unwrap()
}

pub fn signing_key() -> SigningKey {
    SigningKey::from_bytes(Curve::K256, &[0x5a; 32]).unwrap()
}

/// The order of a generated file's blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Streaming,
    Shuffled,
}

const WORDS: [&str; 12] = [
    "ahoy", "harbour", "the", "tide", "of", "a", "carrack", "salt", "wind", "under", "lantern",
    "morning",
];

/// Path and record number `n`: likes, posts, reposts and follows as accounts have them.
pub fn record(n: u64) -> (String, Vec<u8>) {
    let mut rng = Rng::new(n.wrapping_mul(0x2545_f491_4f6c_dd1d) + 1);
    let at = Rev::from_micros(FIRST_MICROS + n * STEP_MICROS + rng.below(STEP_MICROS / 2), 11);
    let rkey = at.unwrap().to_string();
    let kind = rng.below(100);
    let subject = |rng: &mut Rng| {
        let cid = Block::dag_cbor(rng.below(u64::MAX).to_be_bytes().to_vec()).cid().to_string();
        let did = format!("did:plc:{:024}", rng.below(1 << 60));
        json!({ "cid": cid, "uri": format!("at://{did}/app.bsky.feed.post/{rkey}") })
    };
    let (collection, value) = match kind {
        0..55 => ("app.bsky.feed.like", json!({ "subject": subject(&mut rng) })),
        55..75 => {
            let words = 3 + rng.below(40);
            let text: Vec<&str> =
                (0..words).map(|_| WORDS[rng.below(WORDS.len() as u64) as usize]).collect();
            ("app.bsky.feed.post", json!({ "text": text.join(" "), "langs": ["en"] }))
        }
        75..90 => ("app.bsky.feed.repost", json!({ "subject": subject(&mut rng) })),
        _ => {
            let did = format!("did:plc:{:024}", rng.below(1 << 60));
            ("app.bsky.graph.follow", json!({ "subject": did }))
        }
    };
    let mut value = value;
    value["$type"] = collection.into();
    value["createdAt"] = format!("2026-01-01T00:00:{:02}.000Z", n % 60).into();
    (format!("{collection}/{rkey}"), json::from_json(&value).unwrap())
}

struct Leaf {
    key: Key,
    layer: u8,
    number: u64,
    cid: Cid,
}

struct Builder {
    leaves: Vec<Leaf>,
    nodes: Vec<Option<Block>>,
    /// Nodes and records in streaming order.
    order: Vec<Item>,
}

#[derive(Clone, Copy)]
enum Item {
    Node(usize),
    Record(u64),
}

impl Builder {
    fn build(&mut self, from: usize, to: usize, height: u8) -> Cid {
        let id = self.nodes.len();
        self.nodes.push(None);
        self.order.push(Item::Node(id));
        let here: Vec<usize> = (from..to).filter(|at| self.leaves[*at].layer == height).collect();
        let first = here.first().copied().unwrap_or(to);
        let left = (first > from).then(|| self.build(from, first, height - 1));
        let mut entries = Vec::with_capacity(here.len());
        for (n, at) in here.iter().copied().enumerate() {
            self.order.push(Item::Record(self.leaves[at].number));
            let next = here.get(n + 1).copied().unwrap_or(to);
            let right = (next > at + 1).then(|| self.build(at + 1, next, height - 1));
            let leaf = &self.leaves[at];
            entries.push(Entry { key: leaf.key.clone(), value: leaf.cid.clone(), right });
        }
        let block = Block::dag_cbor(Node { left, entries }.encode());
        let cid = block.cid().clone();
        self.nodes[id] = Some(block);
        cid
    }
}

/// Writes a signed repository of this many records into a file, and gives its length.
pub fn write_car(path: &Path, records: u64, order: Order) -> u64 {
    let mut leaves: Vec<Leaf> = (0..records)
        .map(|number| {
            let (path, bytes) = record(number);
            let layer = layer(path.as_bytes());
            let cid = Block::dag_cbor(bytes).cid().clone();
            Leaf { key: Key::from(path.as_str()), layer, number, cid }
        })
        .collect();
    leaves.sort_by(|a, b| a.key.cmp(&b.key));
    let height = leaves.iter().map(|leaf| leaf.layer).max().unwrap_or(0);
    let count = leaves.len();
    let mut builder = Builder { leaves, nodes: Vec::new(), order: Vec::new() };
    let data = builder.build(0, count, height);
    let rev = Rev::from_micros(FIRST_MICROS + records * STEP_MICROS, 11).unwrap();
    let commit = UnsignedCommit { did: did(), data, rev }.sign(&signing_key()).unwrap();
    let mut items = builder.order;
    if order == Order::Shuffled {
        let mut rng = Rng::new(7);
        for at in (1..items.len()).rev() {
            items.swap(at, rng.below(at as u64 + 1) as usize);
        }
    }
    let file = std::fs::File::create(path).unwrap();
    let mut car = Writer::new(file, std::slice::from_ref(commit.cid())).unwrap();
    car.write(commit.cid(), commit.block().bytes()).unwrap();
    for item in items {
        let block = match item {
            Item::Node(id) => builder.nodes[id].clone().unwrap(),
            Item::Record(number) => Block::dag_cbor(record(number).1),
        };
        car.write(block.cid(), block.bytes()).unwrap();
    }
    let length = car.bytes_written();
    car.finish().unwrap();
    length
}

/// A generated file in a folder that goes away with the bench.
pub fn car_in(folder: &Path, records: u64, order: Order) -> PathBuf {
    let name = if order == Order::Streaming { "streaming" } else { "shuffled" };
    let path = folder.join(format!("{records}-{name}.car"));
    write_car(&path, records, order);
    path
}

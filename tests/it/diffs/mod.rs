//! A source with a known history, and copies of it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "tests"
)]

use crate::common::{create_op, update_op};
use carrack::Progress;
use carrack::block::{Block, Cid};
use carrack::car::{Reader, Writer};
use carrack::engine::{Engine, Extent, ImportOptions, Op, Options, State, WriteOptions};
use carrack::env::ManualClock;
use carrack::ident::{Did, RepoPath, Rev};
use carrack::key::{Curve, SigningKey};
use carrack::parts::tree::{Walk, Want};
use carrack::tree::layer;
use carrack::verify::{ExpectedHead, Input};
use ipld_core::ipld;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

pub const NOW: u64 = 1_760_000_000_000_000;
const TOP_LAYER: u8 = 6;
const KEYS_PER_LAYER: [usize; 7] = [30, 14, 6, 4, 3, 2, 2];

/// Paths of layers 0 to 6, in no order that has to do with their layers; the low layers often.
pub static PATHS: LazyLock<Vec<RepoPath>> = LazyLock::new(|| {
    let mut by_layer = vec![Vec::new(); usize::from(TOP_LAYER) + 1];
    for number in 0_u32.. {
        let path = format!("com.example.mined/{:08x}", number.wrapping_mul(0x9e37_79b1));
        let at = usize::from(layer(path.as_bytes()));
        if at < by_layer.len() && by_layer[at].len() < KEYS_PER_LAYER[at] {
            by_layer[at].push(path.parse().unwrap());
        }
        if by_layer.iter().zip(KEYS_PER_LAYER).all(|(paths, count)| paths.len() == count) {
            break;
        }
    }
    by_layer.concat()
});

/// One of few values, so that records come back (A-B-A) and sit at several paths; some long
/// enough to break runs, one long enough for rows of its own.
pub fn value(number: u8) -> Vec<u8> {
    let length = match number % 8 {
        6 => 7_000,
        7 => 40_000,
        _ => usize::from(number),
    };
    let text = char::from(b'a' + number % 26).to_string().repeat(length);
    let blob = Block::dag_cbor(vec![number % 3]);
    let blob = Cid::of(carrack::block::Codec::Raw, blob.bytes());
    let link = ipld_core::ipld::Ipld::Link(blob.to_bytes()[..].try_into().unwrap());
    let record = if number.is_multiple_of(2) {
        ipld!({ "$type": "com.example.mined", "text": text })
    } else {
        let embed = ipld!({ "$type": "blob", "ref": link, "mimeType": "image/png", "size": 1 });
        ipld!({ "$type": "com.example.mined", "text": text, "embed": embed })
    };
    carrack::block::drisl::encode(&record).unwrap()
}

/// What one commit does: to each path, a value or deletion.
pub type Batch = BTreeMap<usize, Option<u8>>;

pub struct Source {
    pub engine: Engine,
    pub did: Did,
    pub key: SigningKey,
    pub clock: Arc<ManualClock>,
    /// What each revision held: the whole export.
    pub history: Vec<Held>,
}

pub struct Held {
    pub rev: Rev,
    /// Blocks by CID, without the commit.
    pub blocks: BTreeMap<Cid, Block>,
    pub nodes: BTreeSet<Cid>,
    pub records: BTreeMap<Vec<u8>, Cid>,
    pub data: Cid,
    pub commit: Cid,
}

pub fn options(clock: &Arc<ManualClock>) -> Options {
    Options::default().clock(clock.clone())
}

impl Source {
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let engine = Engine::in_memory_with(&options(&clock)).unwrap();
        let key = SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
        let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
        engine.create_account(&did, &key).unwrap();
        let mut source = Self { engine, did, key, clock, history: Vec::new() };
        source.remember();
        source
    }

    /// Carries out what the paths' state allows of a batch, as one commit.
    pub fn write(&mut self, batch: &Batch) {
        let held = &self.history.last().unwrap().records;
        let ops = batch.iter().filter_map(|(path, change)| {
            let path = PATHS[*path].clone();
            match (held.contains_key(path.as_bytes()), change) {
                (false, Some(number)) => Some(create_op(path, value(*number))),
                (true, Some(number)) => Some(update_op(path, value(*number))),
                (true, None) => Some(Op::delete(path)),
                (false, None) => None,
            }
        });
        let options = WriteOptions::default().commit_anyway(true);
        self.engine.write(&self.did, ops.collect(), &options, &self.key).unwrap();
        self.clock.advance(1_000);
        self.remember();
    }

    fn remember(&mut self) {
        self.history.push(held(&self.engine, &self.did));
    }

    pub fn head(&self) -> &Held {
        self.history.last().unwrap()
    }

    pub fn since(&self, rev: Rev) -> Vec<u8> {
        let mut car = Vec::new();
        let exported = self.engine.export_since(&self.did, rev, &mut car).unwrap();
        assert_eq!(exported.extent, Extent::Since(rev));
        assert_eq!(exported.bytes, car.len() as u64);
        assert_eq!(exported.blocks, sections(&car).1.len() as u64);
        car
    }

    /// A copy of the present head in an engine of its own, switched off.
    pub fn mirror(&self) -> Engine {
        let mirror = imported(&export(&self.engine, &self.did), &self.clock, &self.key);
        mirror.set_state(&self.did, State::Deactivated).unwrap();
        mirror
    }
}

pub fn export(engine: &Engine, did: &Did) -> Vec<u8> {
    let mut car = Vec::new();
    engine.export(did, &mut car).unwrap();
    car
}

pub fn imported(car: &[u8], clock: &Arc<ManualClock>, key: &SigningKey) -> Engine {
    let engine = Engine::in_memory_with(&options(clock)).unwrap();
    let expect = ExpectedHead::signed_by([key.verifying_key()]);
    let options = ImportOptions::default().head(expect);
    engine.import(&Input::spill(car, "a test").unwrap(), &options).unwrap();
    engine
}

pub fn sections(car: &[u8]) -> (Cid, Vec<Block>) {
    let mut reader = Reader::new(car).unwrap();
    let root = reader.roots()[0].clone();
    let mut blocks = Vec::new();
    while let Some(frame) = reader.next_section().unwrap() {
        blocks.push(frame.into_block().unwrap());
    }
    (root, blocks)
}

pub fn car_of(root: &Cid, blocks: &[Block]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), std::slice::from_ref(root)).unwrap();
    for block in blocks {
        writer.write(block.cid(), block.bytes()).unwrap();
    }
    writer.finish().unwrap()
}

pub fn held(engine: &Engine, did: &Did) -> Held {
    let status = engine.status(did).unwrap();
    let (commit, blocks) = sections(&export(engine, did));
    let mut blocks: BTreeMap<Cid, Block> =
        blocks.into_iter().map(|block| (block.cid().clone(), block)).collect();
    blocks.remove(&commit);
    let data = status.data.unwrap();
    let mut walk = Walk::new(data.clone());
    let (mut nodes, mut records) = (BTreeSet::new(), BTreeMap::new());
    loop {
        match walk.next() {
            Want::Node(want) => {
                assert!(walk.enter(&blocks[&want.cid]).is_empty());
                nodes.insert(want.cid);
            }
            Want::Record(want) => {
                records.insert(want.key.as_bytes().to_vec(), want.cid);
            }
            Want::Leave { .. } => {}
            Want::End => break,
        }
    }
    Held { rev: status.rev.unwrap(), blocks, nodes, records, data, commit }
}

/// Whether a copy is what a fresh import of its head would be.
pub fn check_copy(copy: &Engine, source: &Source) {
    let did = &source.did;
    let report = copy.scrub(Progress::none()).unwrap();
    assert!(report.is_valid(), "{:?}", report.problems.listed());
    assert_eq!(copy.status(did).unwrap().commit.as_ref(), Some(&source.head().commit));
    let car = export(&source.engine, did);
    assert_eq!(export(copy, did), car);
    let fresh = imported(&car, &source.clock, &source.key);
    assert_eq!(copy.rows_digest(did).unwrap(), fresh.rows_digest(did).unwrap());
    let (copy, fresh) = (copy.status(did).unwrap(), fresh.status(did).unwrap());
    assert_eq!((copy.records, copy.blocks, copy.bytes), (fresh.records, fresh.blocks, fresh.bytes));
    assert_eq!(copy.blobs_needed, fresh.blobs_needed);
    assert_eq!(copy.trust, fresh.trust);
}

pub fn settled(engine: &Engine, did: &Did) -> (Option<Cid>, Vec<u8>, String) {
    let digest = engine.rows_digest(did).unwrap();
    (engine.status(did).unwrap().commit, export(engine, did), digest)
}

/// A source whose last two commits split, move, merge and bring back; and a copy before them.
pub fn busy() -> (Source, Engine) {
    let mut source = Source::new();
    let all = PATHS.len();
    source.write(&(0..all).filter(|n| n % 3 != 0).map(|n| (n, Some(n as u8 % 6))).collect());
    let copy = source.mirror();
    source.write(&(0..all).filter(|n| n % 7 == 1).map(|n| (n, None)).collect());
    source.write(&(0..all).filter(|n| n % 5 == 0).map(|n| (n, Some(n as u8 % 8))).collect());
    (source, copy)
}

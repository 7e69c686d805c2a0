//! Every commit yields an event that a strict follower accepts, no larger than it has to be.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use crate::common::{
    NOW, Rng, assert_clean, create_op, did, engine, handmade, import, key, update_op, with_key,
    write,
};
use carrack::block::{Block, Cid};
use carrack::car::Reader;
use carrack::engine::{Op, State, WriteOptions};
use carrack::env::SystemClock;
use carrack::event::{CommitEvent, Event, RepoOp, Verdict, verify_frame};
use carrack::ident::{RepoPath, Rev};
use carrack::key::{Curve, SigningKey};
use carrack::parts::tree::{Gap, NodeSource, Tree, diff};
use carrack::tree::{Key, Node, layer};
use carrack::verify::ExpectedHead;
use carrack::{Engine, Error, Progress};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

/// A batch of random ops that fits what is there.
fn batch(rng: &mut Rng, model: &mut BTreeMap<String, u64>) -> Vec<Op> {
    let mut ops = BTreeMap::new();
    let most = if rng.below(10) == 0 { 60 } else { 4 };
    for _ in 0..=rng.below(most) {
        let path = format!("com.example.c{}/{}", rng.below(3), rng.below(400));
        if ops.contains_key(&path) {
            continue;
        }
        let value = rng.below(1 << 30);
        let record = [&[0x1a][..], &u32::try_from(value).unwrap().to_be_bytes()].concat();
        let record = [&[0xa1, 0x61, b'n'][..], &record].concat();
        let at = path.parse().unwrap();
        let op = match (model.contains_key(&path), rng.below(3)) {
            (false, _) => create_op(at, record),
            (true, 0) => update_op(at, record),
            (true, _) => Op::delete(at),
        };
        match &op {
            Op::Delete { .. } => model.remove(&path),
            _ => model.insert(path.clone(), value),
        };
        ops.insert(path, op);
    }
    ops.into_values().collect()
}

fn blocks_of(car: &[u8]) -> HashMap<Cid, Block> {
    let mut reader = Reader::new(car).unwrap();
    let mut blocks = HashMap::new();
    while let Some(frame) = reader.next_section().unwrap() {
        let block = frame.into_block().unwrap();
        assert!(blocks.insert(block.cid().clone(), block).is_none(), "a block twice in a slice");
    }
    blocks
}

struct Recording<'a> {
    blocks: &'a HashMap<Cid, Block>,
    read: BTreeSet<Cid>,
}

impl NodeSource for Recording<'_> {
    fn load(&mut self, gap: &Gap) -> carrack::Result<Block> {
        self.read.insert(gap.cid.clone());
        Ok(self.blocks[&gap.cid].clone())
    }
}

/// The slice holds the commit, the nodes that are new, those on the way to each change and to the
/// keys next to it, the records.
fn assert_exact(event: &CommitEvent, before: &HashMap<Cid, Block>, after: &HashMap<Cid, Block>) {
    let commit = carrack::commit::Commit::decode(&after[&event.commit]).unwrap();
    let mut old = Tree::at(event.prev_data.clone().unwrap(), None);
    let mut new = Tree::at(commit.data().clone(), None);
    let found = diff(&mut old, &mut before.clone(), &mut new, &mut after.clone()).unwrap();
    let mut expected: BTreeSet<Cid> = found.created.into_keys().collect();
    let mut source = Recording { blocks: after, read: BTreeSet::new() };
    let mut walked = Tree::at(commit.data().clone(), None);
    let keys = keys_of(commit.data(), after);
    for op in &event.ops {
        let key = Key::from(op.path().as_bytes());
        let left = keys.range(..key.clone()).next_back();
        let right = keys.range((Bound::Excluded(key.clone()), Bound::Unbounded)).next();
        // What is updated stays where it is: its neighbours do not matter.
        let moves = !matches!(op, RepoOp::Update { .. });
        for key in [left, right].into_iter().flatten().filter(|_| moves).chain([&key]) {
            walked.find(key, &mut source).unwrap();
        }
    }
    expected.extend(source.read);
    expected.extend(event.ops.iter().filter_map(|op| op.cid().cloned()));
    expected.insert(event.commit.clone());
    let held: BTreeSet<Cid> = blocks_of(&event.blocks).into_keys().collect();
    assert_eq!(held, expected);
    assert_inverts_in_any_order(event, commit.data());
}

fn keys_of(root: &Cid, blocks: &HashMap<Cid, Block>) -> BTreeSet<Key> {
    let node = Node::decode(blocks[root].bytes()).unwrap();
    let below = node.entries.iter().filter_map(|entry| entry.right.as_ref()).chain(&node.left);
    let mut keys: BTreeSet<Key> = below.flat_map(|child| keys_of(child, blocks)).collect();
    keys.extend(node.entries.into_iter().map(|entry| entry.key));
    keys
}

/// Followers do not agree on an order: by path, deletes first, as the event has them.
fn assert_inverts_in_any_order(event: &CommitEvent, data: &Cid) {
    let mut blocks = blocks_of(&event.blocks);
    let by_path = |op: &RepoOp| op.path().to_string();
    let is_delete = |op: &RepoOp| matches!(op, RepoOp::Delete { .. });
    let mut orders = vec![event.ops.clone(); 12];
    orders[1].reverse();
    orders[2].sort_by_key(by_path);
    orders[3].sort_by_key(|op| std::cmp::Reverse(by_path(op)));
    orders[4].sort_by_key(|op| (!is_delete(op), by_path(op)));
    orders[5].sort_by_key(|op| (is_delete(op), by_path(op)));
    let mut rng = Rng::new(event.seq);
    for order in &mut orders[6..] {
        for place in (1..order.len()).rev() {
            order.swap(place, usize::try_from(rng.below(place as u64 + 1)).unwrap());
        }
    }
    for order in orders {
        let mut tree = Tree::at(data.clone(), None);
        for op in &order {
            let key = Key::from(op.path().as_bytes());
            match op.prev() {
                Some(prev) => drop(tree.insert(&key, prev.clone(), &mut blocks).unwrap()),
                None => drop(tree.remove(&key, &mut blocks).unwrap()),
            }
        }
        assert_eq!(Some(tree.seal()), event.prev_data);
    }
}

fn export(engine: &Engine) -> HashMap<Cid, Block> {
    let mut car = Vec::new();
    engine.export(&did(), &mut car).unwrap();
    let mut reader = Reader::new(&car[..]).unwrap();
    let mut blocks = HashMap::new();
    while let Some(frame) = reader.next_section().unwrap() {
        let block = frame.into_block().unwrap();
        blocks.insert(block.cid().clone(), block);
    }
    blocks
}

#[test]
fn random_histories_give_valid_and_exact_events() {
    let engine = engine();
    engine.create_account(&did(), &key()).unwrap();
    let expect = ExpectedHead::signed_by([key().verifying_key()]).did(did());
    let (mut rng, mut model) = (Rng::new(42), BTreeMap::new());
    let mut before = export(&engine);
    let mut cursor = engine.last_seq().unwrap();
    for _ in 0..300 {
        let ops = batch(&mut rng, &mut model);
        let written = engine.write(&did(), ops, &WriteOptions::default(), &key()).unwrap();
        let Some(seq) = written.seq else { continue };
        assert_eq!(seq, cursor + 1);
        let mut events = engine.events(cursor).unwrap();
        let logged = events.next().unwrap().unwrap();
        assert!(events.next().unwrap().is_none());
        let report = verify_frame(&logged.frame(), &expect, &SystemClock);
        assert_eq!(report.verdict, Verdict::Valid, "{:?}", report.problems);
        let Event::Commit(event) = logged.event().unwrap() else { panic!("no commit") };
        assert_eq!(
            (event.since, event.prev_data.as_ref()),
            (Some(written.since), Some(&written.prev_data))
        );
        let after = export(&engine);
        assert_exact(&event, &before, &after);
        (before, cursor) = (after, seq);
    }
    assert!(engine.scrub(Progress::none()).unwrap().is_valid());
}

#[test]
fn an_empty_write_signs_anew_over_the_same_tree() {
    let engine = engine();
    engine.create_account(&did(), &key()).unwrap();
    let ops = vec![create_op("com.example.a/1".parse().unwrap(), vec![0xa0])];
    engine.write(&did(), ops, &WriteOptions::default(), &key()).unwrap();
    let cursor = engine.last_seq().unwrap();
    let other = SigningKey::from_bytes(Curve::P256, &[6; 32]).unwrap();
    let rekey = WriteOptions::default().rekey(true);
    let written = engine.write(&did(), vec![], &rekey, &other).unwrap();
    assert_eq!(written.data, written.prev_data);
    let logged = engine.events(cursor).unwrap().next().unwrap().unwrap();
    let expect = ExpectedHead::signed_by([other.verifying_key()]).did(did());
    let report = verify_frame(&logged.frame(), &expect, &SystemClock);
    assert_eq!(report.verdict, Verdict::Valid, "{:?}", report.problems);
    let same = vec![update_op("com.example.a/1".parse().unwrap(), vec![0xa0])];
    let unchanged = engine.write(&did(), same.clone(), &WriteOptions::default(), &other).unwrap();
    assert_eq!((unchanged.seq, unchanged.rev), (None, written.rev));
    let options = WriteOptions::default().commit_anyway(true);
    let changed = engine.write(&did(), same, &options, &other).unwrap();
    assert!(changed.seq.is_some() && changed.rev > written.rev);
}

#[test]
fn a_deleted_account_leaves_only_its_last_event() {
    let engine = engine();
    engine.create_account(&did(), &key()).unwrap();
    let ops = vec![create_op("com.example.a/1".parse().unwrap(), vec![0xa0])];
    engine.write(&did(), ops, &WriteOptions::default(), &key()).unwrap();
    engine.delete_account(&did()).unwrap();
    let mut events = engine.events(0).unwrap();
    let only = events.next().unwrap().unwrap().event().unwrap();
    let Event::Account(account) = only else { panic!("another event") };
    assert!(!account.active && account.status.unwrap().as_str() == "deleted");
    assert!(events.next().unwrap().is_none());
}

#[test]
fn switching_an_account_off_and_on_is_announced() {
    let engine = engine();
    engine.create_account(&did(), &key()).unwrap();
    let cursor = engine.last_seq().unwrap();
    for state in [State::Deactivated, State::Active, State::TakenDown, State::Active] {
        engine.set_state(&did(), state).unwrap();
    }
    let mut events = engine.events(cursor).unwrap();
    let mut kinds = Vec::new();
    while let Some(event) = events.next().unwrap() {
        kinds.push(event.event().unwrap().kind());
    }
    let expected = ["#account", "#account", "#identity", "#sync", "#account", "#account"];
    assert_eq!(kinds, expected);
}

#[test]
fn a_reader_waits_for_the_next_event() {
    let engine = engine();
    engine.create_account(&did(), &key()).unwrap();
    let mut events = engine.events(engine.last_seq().unwrap()).unwrap();
    assert!(events.wait(Duration::from_millis(20)).unwrap().is_none());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            engine.write(&did(), vec![], &WriteOptions::default(), &key()).unwrap();
        });
        assert!(events.wait(Duration::from_secs(20)).unwrap().is_some());
    });
    assert!(engine.events(engine.last_seq().unwrap() + 1).is_err());
}

/// Paths of layer 0, as far apart as paths with this beginning can be.
fn wide(beginning: &str, count: usize) -> Vec<String> {
    (0_u32..)
        .map(|number| {
            let hash = blake3::hash(&number.to_be_bytes()).to_hex();
            format!("com.example.{beginning}/{number:06}{}", &hash[..24])
        })
        .filter(|path| layer(path.as_bytes()) == 0)
        .take(count)
        .collect()
}

/// Three nodes of some 750 KB under a root with two entries, and a path in each of the three.
fn wide_engine() -> (Engine, [RepoPath; 3]) {
    let nodes = ["a", "c", "e"].map(|beginning| wide(beginning, 9000));
    let dividers = ["b", "d"].map(|beginning| {
        let paths = (0..).map(|number| format!("com.example.{beginning}/{number}"));
        paths.into_iter().find(|path| layer(path.as_bytes()) == 1).unwrap()
    });
    let one_in_each = nodes.each_ref().map(|paths| paths[4000].parse().unwrap());
    let paths = nodes.into_iter().flatten().chain(dividers);
    let records = paths.map(|path| (path, vec![0xa0])).collect();
    let rev = Rev::from_micros(NOW, 0).unwrap();
    let engine = engine();
    import(&engine, &handmade::repository(&records, &did(), rev, &key()), &with_key()).unwrap();
    (engine, one_in_each)
}

#[test]
fn deletes_whose_slice_is_too_large_are_announced_as_a_sync() {
    let (engine, paths) = wide_engine();
    let seq = engine.last_seq().unwrap();
    let before = (engine.status(&did()).unwrap(), engine.rows_digest(&did()).unwrap());
    let updates = paths.iter().map(|path| update_op(path.clone(), vec![0xa1, 0x61, b'n', 1]));
    let error = write(&engine, updates.collect()).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: 2_000_000, .. }), "{error}");
    assert_eq!((engine.status(&did()).unwrap(), engine.rows_digest(&did()).unwrap()), before);
    assert_eq!(engine.last_seq().unwrap(), seq);
    // One of the nodes alone fits.
    write(&engine, vec![update_op(paths[0].clone(), vec![0xa1, 0x61, b'n', 1])]).unwrap();
    let deletes = paths.iter().map(|path| Op::delete(path.clone()));
    let written = write(&engine, deletes.collect()).unwrap();
    assert_eq!((written.seq, written.ops.len()), (Some(seq + 2), 3));
    assert_eq!(engine.status(&did()).unwrap().records, before.0.records - 3);
    let logged = engine.events(seq + 1).unwrap().next().unwrap().unwrap();
    let Event::Sync(sync) = logged.event().unwrap() else { panic!("not a #sync") };
    assert_eq!(sync.rev, written.rev);
    let expect = ExpectedHead::signed_by([key().verifying_key()]).did(did());
    let report = verify_frame(&logged.frame(), &expect, &SystemClock);
    assert_eq!(report.verdict, Verdict::Valid, "{:?}", report.problems);
    assert_clean(&engine);
}

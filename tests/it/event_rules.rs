//! Each rule for events, broken on purpose in a frame that is right otherwise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use carrack::Code;
use carrack::Problem;
use carrack::block::{Block, Cid, drisl};
use carrack::car::Writer;
use carrack::commit::{Commit, UnsignedCommit};
use carrack::env::ManualClock;
use carrack::error::Result;
use carrack::event::{
    CommitEvent, Event, EventReport, RepoOp, SyncEvent, Timestamp, Verdict, verify_frame,
};
use carrack::ident::{Did, Rev};
use carrack::key::{Curve, SignatureStatus, SigningKey};
use carrack::limits::{
    CLOCK_DRIFT_MAX_MICROS, EVENT_BLOCKS_BYTES_MAX, EVENT_FRAME_BYTES_MAX, EVENT_OPS_MAX,
    RECORD_BYTES_MAX, SECTION_BYTES_MAX, SYNC_BLOCKS_BYTES_MAX,
};
use carrack::parts::car::{append_section, header};
use carrack::parts::tree::invert;
use carrack::parts::tree::{Gap, NodeSource, Tree, diff};
use carrack::verify::ExpectedHead;
use ipld_core::ipld;
use ipld_core::ipld::Ipld;
use std::collections::HashMap;

const NOW: u64 = 1_700_000_000_000_000;

#[derive(Clone, Default)]
struct Blocks(HashMap<Cid, Block>);

impl NodeSource for Blocks {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        let missing = || Problem::new(Code::MissingNode, "not here").cid(&gap.cid).into();
        self.0.get(&gap.cid).cloned().ok_or_else(missing)
    }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap()
}

fn did() -> Did {
    "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap()
}

fn rev(micros: u64) -> Rev {
    Rev::from_micros(micros, 0).unwrap()
}

fn record(number: usize) -> Block {
    Block::dag_cbor(drisl::encode(&ipld!({ "number": i128::try_from(number).unwrap() })).unwrap())
}

fn path(number: usize) -> carrack::ident::RepoPath {
    format!("com.example.record/{number:05}").parse().unwrap()
}

fn car(roots: &[Cid], blocks: impl IntoIterator<Item = Block>) -> bytes::Bytes {
    // A writer refuses what is too long.
    let mut out = header(roots);
    for block in blocks {
        append_section(&mut out, block.cid(), block.bytes());
    }
    out.into()
}

fn sign(data: Cid, rev: Rev) -> Commit {
    UnsignedCommit { did: did(), data, rev }.sign(&key()).unwrap()
}

/// An event whose slice holds the whole tree and all records of it.
struct Scene {
    event: CommitEvent,
    commit: Commit,
    blocks: Blocks,
}

impl Scene {
    /// Paths 0 to `before` exist; then `ops` happen.
    fn new(before: usize, ops: Vec<RepoOp>) -> Self {
        let mut blocks = Blocks::default();
        let mut tree = Tree::empty();
        for number in 0..before {
            let key = path(number).as_bytes().into();
            tree.insert(&key, record(number).cid().clone(), &mut blocks).unwrap();
        }
        let before = tree.seal();
        for op in &ops {
            let key = op.path().as_bytes().into();
            match op.cid() {
                Some(cid) => drop(tree.insert(&key, cid.clone(), &mut blocks).unwrap()),
                None => drop(tree.remove(&key, &mut blocks).unwrap()),
            }
        }
        let data = tree.seal();
        let made = diff(&mut Tree::empty(), &mut Blocks::default(), &mut tree, &mut blocks);
        blocks.0.extend(made.unwrap().created);
        for number in 0..500 {
            let block = record(number);
            if ops.iter().any(|op| op.cid() == Some(block.cid())) {
                blocks.0.insert(block.cid().clone(), block);
            }
        }
        let commit = sign(data, rev(NOW));
        blocks.0.insert(commit.cid().clone(), commit.block().clone());
        let event = CommitEvent {
            seq: 1,
            did: did(),
            time: Timestamp::from_micros(NOW),
            rev: rev(NOW),
            since: Some(rev(NOW - 1)),
            commit: commit.cid().clone(),
            blocks: car(&[commit.cid().clone()], blocks.0.values().cloned()),
            ops,
            prev_data: Some(before),
        };
        Self { event, commit, blocks }
    }

    fn plain() -> Self {
        Self::new(40, vec![create(100), update(3), delete(7)])
    }

    fn with(mut self, change: impl FnOnce(&mut CommitEvent)) -> Vec<Code> {
        change(&mut self.event);
        codes(&Event::Commit(self.event).encode())
    }

    /// Signs another commit instead, at the root of the slice.
    fn with_commit(mut self, commit: &Commit) -> Vec<Code> {
        let block = commit.block().clone();
        self.blocks.0.insert(block.cid().clone(), block);
        self.event.commit = commit.cid().clone();
        self.event.blocks = car(&[commit.cid().clone()], self.blocks.0.into_values());
        codes(&Event::Commit(self.event).encode())
    }
}

fn create(number: usize) -> RepoOp {
    RepoOp::Create { path: path(number), cid: record(number).cid().clone() }
}

fn update(number: usize) -> RepoOp {
    let [cid, prev] = [number + 200, number].map(|number| record(number).cid().clone());
    RepoOp::Update { path: path(number), cid, prev }
}

fn delete(number: usize) -> RepoOp {
    RepoOp::Delete { path: path(number), prev: record(number).cid().clone() }
}

fn verify(frame: &[u8]) -> EventReport {
    let expect = ExpectedHead::signed_by([key().verifying_key()]).did(did());
    verify_frame(frame, &expect, &ManualClock::new(NOW))
}

fn codes(frame: &[u8]) -> Vec<Code> {
    let report = verify(frame);
    assert_eq!(report.verdict == Verdict::Valid, report.problems.is_empty());
    report.problems.listed().iter().map(|problem| problem.code).collect()
}

#[test]
fn a_right_commit_is_valid() {
    assert_eq!(Scene::plain().with(|_| ()), []);
    let report = verify(&Event::Commit(Scene::plain().event).encode());
    assert_eq!(report.signature, Some(SignatureStatus::Valid));
    assert_eq!(report.rev, Some(rev(NOW)));
}

#[test]
fn a_first_commit_needs_no_prev_data() {
    let first = || Scene::new(0, vec![create(1), create(2)]);
    let empty = Some(Tree::empty().seal());
    assert_eq!(first().event.prev_data, empty);
    assert_eq!(first().with(|event| (event.since, event.prev_data) = (None, None)), []);
    assert_eq!(first().with(|event| event.since = None), []);
    assert_eq!(first().with(|event| event.prev_data = None), [Code::InversionFailed]);
    let bare = Scene::new(0, Vec::new());
    assert_eq!(bare.with(|event| (event.since, event.prev_data) = (None, None)), []);
    let second = Scene::plain();
    let found = second.with(|event| (event.since, event.prev_data) = (None, None));
    assert_eq!(found, [Code::InversionFailed]);
}

#[test]
fn a_commit_without_ops_needs_no_node() {
    let scene = Scene::new(40, Vec::new());
    let only = car(&[scene.commit.cid().clone()], [scene.commit.block().clone()]);
    assert_eq!(scene.with(|event| event.blocks = only), []);
    let other = record(0).cid().clone();
    let scene = Scene::new(40, Vec::new());
    assert_eq!(scene.with(|event| event.prev_data = Some(other)), [Code::InversionFailed]);
}

#[test]
fn ops_are_what_the_tree_shows() {
    let wrong = || record(300).cid().clone();
    // Each is found twice: by looking, and by undoing.
    let both = [Code::OpMismatch, Code::InversionFailed];
    let found = Scene::plain().with(|event| event.ops[2] = create(3));
    assert_eq!(
        found,
        [Code::OpMismatch, Code::MissingRecord, Code::OpMismatch, Code::InversionFailed]
    );
    let found = Scene::plain().with(|event| {
        event.ops.push(RepoOp::Delete { path: path(5), prev: wrong() });
    });
    assert_eq!(found, both);
    let found = Scene::plain().with(|event| {
        event.ops[1] = RepoOp::Update {
            path: path(3),
            cid: event.ops[1].cid().unwrap().clone(),
            prev: wrong(),
        };
    });
    assert_eq!(found, [Code::InversionFailed]);
    assert_eq!(Scene::plain().with(|event| drop(event.ops.pop())), [Code::InversionFailed]);
    let found = Scene::plain().with(|event| event.ops.push(delete(7)));
    assert_eq!(found[0], Code::OpMismatch);
    let found = Scene::plain().with(|event| {
        event.ops.push(RepoOp::Create { path: path(9), cid: record(100).cid().clone() });
    });
    assert_eq!(found, both, "a record that the tree does not have");
    // The order of the ops does not matter.
    assert_eq!(Scene::plain().with(|event| event.ops.reverse()), []);
}

#[test]
fn new_records_are_there_and_not_too_large() {
    let mut scene = Scene::plain();
    scene.blocks.0.remove(record(100).cid()).unwrap();
    scene.event.blocks = car(&[scene.commit.cid().clone()], scene.blocks.0.values().cloned());
    assert_eq!(scene.with(|_| ()), [Code::MissingRecord]);

    for (length, expected) in [
        (RECORD_BYTES_MAX, vec![]),
        (RECORD_BYTES_MAX + 1, vec![Code::TooLarge]),
        // Read past: nothing else is missed for it.
        (SECTION_BYTES_MAX + 1, vec![Code::TooLarge]),
    ] {
        // A map of one key, a byte string with a head of five bytes.
        let value = Ipld::Bytes(vec![0; length - 8]);
        let block = Block::dag_cbor(drisl::encode(&ipld!({ "n": value })).unwrap());
        assert_eq!(block.bytes().len(), length);
        let cid = block.cid().clone();
        let mut scene = Scene::new(10, vec![RepoOp::Create { path: path(100), cid: cid.clone() }]);
        scene.blocks.0.insert(cid, block);
        let blocks = car(&[scene.commit.cid().clone()], scene.blocks.0.values().cloned());
        assert_eq!(scene.with(|event| event.blocks = blocks), expected);
    }
}

#[test]
fn fields_agree_with_the_signed_commit() {
    let other: Did = "did:web:other.example".parse().unwrap();
    assert_eq!(Scene::plain().with(|event| event.did = other), [Code::FieldMismatch]);
    assert_eq!(Scene::plain().with(|event| event.rev = rev(NOW + 1)), [Code::FieldMismatch]);
    let cid = record(0).cid().clone();
    assert_eq!(Scene::plain().with(|event| event.commit = cid), [Code::FieldMismatch]);
    let found = Scene::plain().with(|event| event.since = Some(event.rev));
    assert_eq!(found, [Code::BadRev]);
}

#[test]
fn a_commit_is_signed_and_of_its_time() {
    let scene = Scene::plain();
    let other = SigningKey::from_bytes(Curve::P256, &[7; 32]).unwrap();
    let data = scene.commit.data().clone();
    let commit = UnsignedCommit { did: did(), data, rev: rev(NOW) }.sign(&other).unwrap();
    assert_eq!(scene.with_commit(&commit), [Code::BadSignature]);

    for (ahead, expected) in [(0, vec![]), (1, vec![Code::FutureRev])] {
        let mut scene = Scene::plain();
        let late = rev(NOW + CLOCK_DRIFT_MAX_MICROS + ahead);
        scene.event.rev = late;
        let commit = sign(scene.commit.data().clone(), late);
        assert_eq!(scene.with_commit(&commit), expected);
    }
}

#[test]
fn a_commit_of_version_2_is_not_streamed() {
    let mut scene = Scene::plain();
    let data = Ipld::Link(scene.commit.data().to_bytes()[..].try_into().unwrap());
    let old = ipld!({
        "did": did().as_str(), "rev": rev(NOW).to_string(), "sig": Ipld::Bytes(vec![1; 64]),
        "data": data, "prev": null, "version": 2,
    });
    let block = Block::dag_cbor(drisl::encode(&old).unwrap());
    let commit = Commit::decode(&block).unwrap();
    scene.event.rev = rev(NOW);
    assert_eq!(scene.with_commit(&commit), [Code::BadCommit, Code::BadSignature]);
}

#[test]
fn blocks_are_a_whole_car_with_the_commit_at_its_root() {
    let cut = Scene::plain().with(|event| event.blocks.truncate(event.blocks.len() - 1));
    assert_eq!(cut, [Code::Truncated]);
    assert_eq!(Scene::plain().with(|event| event.blocks.clear()), [Code::NotACar]);
    let scene = Scene::plain();
    let rootless = car(&[], scene.blocks.0.values().cloned());
    assert_eq!(scene.with(|event| event.blocks = rootless), [Code::NoRoot]);
    let mut scene = Scene::plain();
    scene.blocks.0.remove(scene.commit.cid()).unwrap();
    let headless = car(&[scene.commit.cid().clone()], scene.blocks.0.values().cloned());
    assert_eq!(scene.with(|event| event.blocks = headless), [Code::MissingCommit]);
    let scene = Scene::plain();
    let mut writer = Writer::new(Vec::new(), &[scene.commit.cid().clone()]).unwrap();
    for block in scene.blocks.0.values() {
        writer.write(block.cid(), block.bytes()).unwrap();
    }
    writer.write(record(400).cid(), b"something else").unwrap();
    let lying = writer.finish().unwrap();
    assert_eq!(scene.with(|event| event.blocks = lying.into()), [Code::HashMismatch]);
}

#[test]
fn events_have_a_size() {
    let many = (100..=100 + EVENT_OPS_MAX).map(create).collect::<Vec<_>>();
    assert_eq!(Scene::new(5, many[1..].to_vec()).with(|_| ()), []);
    assert_eq!(Scene::new(5, many).with(|_| ()), [Code::TooManyOps]);

    for (over, expected) in [(0, vec![]), (1, vec![Code::TooLarge])] {
        let scene = Scene::plain();
        // What does not belong to the commit fills the slice up.
        let missing = EVENT_BLOCKS_BYTES_MAX - scene.event.blocks.len() + over;
        let half = missing / 2;
        // A length of three bytes, and the CID.
        let filling = [half, missing - half].map(|n| Block::dag_cbor(vec![0; n - 39]));
        let blocks = scene.blocks.0.values().cloned().chain(filling);
        let blocks = car(&[scene.commit.cid().clone()], blocks);
        assert_eq!(blocks.len(), EVENT_BLOCKS_BYTES_MAX + over);
        assert_eq!(scene.with(|event| event.blocks = blocks), expected);
    }
    assert_eq!(codes(&vec![0; EVENT_FRAME_BYTES_MAX + 1]), [Code::TooLarge]);
}

fn sync() -> (SyncEvent, Commit) {
    let commit = sign(Tree::empty().seal(), rev(NOW));
    let blocks = car(&[commit.cid().clone()], [commit.block().clone()]);
    let time = Timestamp::from_micros(NOW);
    (SyncEvent { seq: 9, did: did(), time, rev: rev(NOW), blocks }, commit)
}

#[test]
fn a_sync_is_its_commit_and_nothing_else() {
    let with = |change: &dyn Fn(&mut SyncEvent, Commit)| {
        let (mut event, commit) = sync();
        change(&mut event, commit);
        codes(&Event::Sync(event).encode())
    };
    assert_eq!(with(&|_, _| ()), []);
    assert_eq!(with(&|event, _| event.rev = rev(NOW - 1)), [Code::FieldMismatch]);
    let other: Did = "did:web:other.example".parse().unwrap();
    assert_eq!(with(&|event, _| event.did = other.clone()), [Code::FieldMismatch]);
    let more = with(&|event, commit| {
        event.blocks = car(&[commit.cid().clone()], [commit.block().clone(), record(1)]);
    });
    assert_eq!(more, [Code::BadFrame]);
    let absent = with(&|event, commit| event.blocks = car(&[commit.cid().clone()], [record(1)]));
    assert_eq!(absent, [Code::MissingCommit]);
    let large = with(&|event, commit| {
        let again = commit.block().bytes().len() + 38;
        let times = SYNC_BLOCKS_BYTES_MAX / again + 1;
        let blocks = std::iter::repeat_n(commit.block().clone(), times);
        event.blocks = car(&[commit.cid().clone()], blocks);
    });
    assert_eq!(large, [Code::TooLarge]);
    assert_eq!(verify(&Event::Sync(sync().0).encode()).signature, Some(SignatureStatus::Valid));
}

/// A frame of any header and body.
fn frame(header: &Ipld, body: &Ipld) -> Vec<u8> {
    [header, body].map(|half| drisl::encode(half).unwrap()).concat()
}

fn body_of(event: &Event) -> Ipld {
    let frame = event.encode();
    let mut header = carrack::parts::drisl::Decoder::new(&frame);
    header.skip().unwrap();
    drisl::decode(&frame[header.position()..]).unwrap()
}

#[test]
fn every_field_is_needed_and_further_ones_are_not() {
    let event = Event::Commit(Scene::plain().event);
    let header = ipld!({ "op": 1, "t": "#commit" });
    let Ipld::Map(body) = body_of(&event) else { panic!("no map") };
    assert_eq!(frame(&header, &Ipld::Map(body.clone())), event.encode());
    for name in body.keys() {
        let mut less = body.clone();
        less.remove(name);
        assert!(!codes(&frame(&header, &Ipld::Map(less))).is_empty(), "{name}");
        let mut other = body.clone();
        other.insert(name.clone(), Ipld::Map([("x".to_owned(), Ipld::Null)].into()));
        let found = codes(&frame(&header, &Ipld::Map(other)));
        assert_eq!(found, [Code::BadFrame], "{name}");
    }
    let mut more = body.clone();
    more.insert("further".to_owned(), ipld!({ "a": [1, 2] }));
    assert_eq!(codes(&frame(&header, &Ipld::Map(more))), []);
    for name in ["tooBig", "rebase"] {
        let mut big = body.clone();
        big.insert(name.to_owned(), Ipld::Bool(true));
        assert_eq!(codes(&frame(&header, &Ipld::Map(big))), [Code::BadFrame]);
    }
    // What came before the fault is reported all the same.
    let mut late = body;
    late.remove("blocks");
    let report = verify(&frame(&header, &Ipld::Map(late)));
    assert_eq!((report.seq, report.did, report.rev), (Some(1), Some(did()), Some(rev(NOW))));
}

#[test]
fn ops_have_the_fields_of_their_action() {
    let header = ipld!({ "op": 1, "t": "#commit" });
    let link = || Ipld::Link(record(1).cid().to_bytes()[..].try_into().unwrap());
    let good = "com.example.record/1";
    for (op, code) in [
        (ipld!({ "action": "create", "path": good, "cid": null }), Code::OpMismatch),
        (
            ipld!({ "action": "create", "path": good, "cid": link(), "prev": link() }),
            Code::OpMismatch,
        ),
        (ipld!({ "action": "update", "path": good, "cid": link() }), Code::OpMismatch),
        (ipld!({ "action": "delete", "path": good, "cid": null }), Code::OpMismatch),
        (
            ipld!({ "action": "delete", "path": good, "cid": link(), "prev": link() }),
            Code::OpMismatch,
        ),
        (ipld!({ "action": "move", "path": good, "cid": link() }), Code::OpMismatch),
        (ipld!({ "action": "create", "path": "com.example.record", "cid": link() }), Code::BadPath),
        (ipld!({ "action": "create", "path": good }), Code::BadFrame),
        (ipld!({ "action": "create", "cid": link() }), Code::BadFrame),
        (ipld!({ "path": good, "cid": link() }), Code::BadFrame),
        (ipld!("create"), Code::BadFrame),
    ] {
        let Ipld::Map(mut body) = body_of(&Event::Commit(Scene::plain().event)) else { panic!() };
        body.insert("ops".to_owned(), Ipld::List(vec![op.clone()]));
        assert_eq!(codes(&frame(&header, &Ipld::Map(body))), [code], "{op:?}");
    }
}

#[test]
fn an_inversion_asks_for_what_it_needs_and_guesses_nothing() {
    let Scene { event, commit, blocks } = Scene::plain();
    let before = event.prev_data.clone().unwrap();
    assert_eq!(invert(commit.data(), &event.ops, &mut blocks.clone()).unwrap(), before);
    let mut needed = 0;
    for cid in blocks.0.keys() {
        let mut less = blocks.clone();
        less.0.remove(cid);
        match invert(commit.data(), &event.ops, &mut less) {
            Ok(root) => assert_eq!(root, before),
            Err(error) => {
                assert_eq!(error.problems()[0].cid.as_ref(), Some(cid));
                needed += 1;
            }
        }
    }
    assert!(needed >= 3, "{needed}");
}

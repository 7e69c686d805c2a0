//! Diffs: what `export_since` gives is exact, and a copy that applies it is the same repository.
//! Holds guarantees G15 and G16.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "tests"
)]

use carrack::block::{Block, Cid};
use carrack::car::{Reader, Writer};
use carrack::engine::{Engine, Extent, ImportOptions, Op, Options, State, WriteOptions};
use carrack::error::Code;
use carrack::ident::{Did, ManualClock, RepoPath, Rev};
use carrack::key::{Curve, SigningKey};
use carrack::tree::{Tree, Walk, Want, diff, layer};
use carrack::verify::{Expect, Input};
use carrack::{Error, ErrorKind};
use ipld_core::ipld;
use proptest::collection::vec;
use proptest::prelude::*;
use redb::backends::InMemoryBackend;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

const NOW: u64 = 1_760_000_000_000_000;
const TOP_LAYER: u8 = 6;
const KEYS_PER_LAYER: [usize; 7] = [30, 14, 6, 4, 3, 2, 2];

/// Paths of layers 0 to 6, in no order that has to do with their layers; the low layers often.
static PATHS: LazyLock<Vec<RepoPath>> = LazyLock::new(|| {
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
fn value(number: u8) -> Vec<u8> {
    let length = match number % 8 {
        6 => 7_000,
        7 => 40_000,
        _ => usize::from(number),
    };
    let text = char::from(b'a' + number % 26).to_string().repeat(length);
    let blob = Block::dag_cbor(vec![number % 3]);
    let blob = Cid::of(carrack::block::Codec::Raw, blob.bytes());
    let link = ipld_core::ipld::Ipld::Link(blob.to_bytes()[..].try_into().unwrap());
    let record = if number % 2 == 0 {
        ipld!({ "$type": "com.example.mined", "text": text })
    } else {
        let embed = ipld!({ "$type": "blob", "ref": link, "mimeType": "image/png", "size": 1 });
        ipld!({ "$type": "com.example.mined", "text": text, "embed": embed })
    };
    carrack::block::drisl::encode(&record).unwrap()
}

/// What one commit does: to each path, a value or deletion.
type Batch = BTreeMap<usize, Option<u8>>;

fn batch() -> impl Strategy<Value = Batch> {
    let change = prop_oneof![3 => (0..8_u8).prop_map(Some), 2 => Just(None)];
    proptest::collection::btree_map(0..PATHS.len(), change, 0..10)
}

struct Source {
    engine: Engine,
    did: Did,
    key: SigningKey,
    clock: Arc<ManualClock>,
    /// What each revision held: the whole export.
    history: Vec<Held>,
}

struct Held {
    rev: Rev,
    /// Blocks by CID, without the commit.
    blocks: BTreeMap<Cid, Block>,
    nodes: BTreeSet<Cid>,
    records: BTreeMap<Vec<u8>, Cid>,
    data: Cid,
    commit: Cid,
}

fn options(clock: &Arc<ManualClock>) -> Options {
    Options { clock: clock.clone(), ..Options::default() }
}

impl Source {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let engine = Engine::open_backend(InMemoryBackend::new(), &options(&clock)).unwrap();
        let key = SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
        let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
        engine.create_account(&did, &key).unwrap();
        let mut source = Self { engine, did, key, clock, history: Vec::new() };
        source.remember();
        source
    }

    /// Carries out what the paths' state allows of a batch, as one commit.
    fn write(&mut self, batch: &Batch) {
        let held = &self.history.last().unwrap().records;
        let ops = batch.iter().filter_map(|(path, change)| {
            let path = PATHS[*path].clone();
            match (held.contains_key(path.as_bytes()), change) {
                (false, Some(number)) => Some(Op::create(path, value(*number))),
                (true, Some(number)) => Some(Op::update(path, value(*number))),
                (true, None) => Some(Op::delete(path)),
                (false, None) => None,
            }
        });
        let options = WriteOptions { commit_anyway: true, ..WriteOptions::default() };
        self.engine.write(&self.did, ops.collect(), &options, &self.key).unwrap();
        self.clock.advance(1_000);
        self.remember();
    }

    fn remember(&mut self) {
        self.history.push(held(&self.engine, &self.did));
    }

    fn head(&self) -> &Held {
        self.history.last().unwrap()
    }

    fn since(&self, rev: Rev) -> Vec<u8> {
        let mut car = Vec::new();
        let exported = self.engine.export_since(&self.did, rev, &mut car).unwrap();
        assert_eq!(exported.extent, Extent::Since(rev));
        assert_eq!(exported.bytes, car.len() as u64);
        assert_eq!(exported.blocks, sections(&car).1.len() as u64);
        car
    }

    /// A copy of the present head in an engine of its own, switched off.
    fn mirror(&self) -> Engine {
        let mirror = imported(&export(&self.engine, &self.did), &self.clock, &self.key);
        mirror.set_state(&self.did, State::Deactivated).unwrap();
        mirror
    }
}

fn export(engine: &Engine, did: &Did) -> Vec<u8> {
    let mut car = Vec::new();
    engine.export(did, &mut car).unwrap();
    car
}

fn imported(car: &[u8], clock: &Arc<ManualClock>, key: &SigningKey) -> Engine {
    let engine = Engine::open_backend(InMemoryBackend::new(), &options(clock)).unwrap();
    let expect = Expect { did: None, keys: vec![key.verifying_key()] };
    let options = ImportOptions { expect, ..ImportOptions::default() };
    engine.import(&Input::spill(car, "a test").unwrap(), &options).unwrap();
    engine
}

fn sections(car: &[u8]) -> (Cid, Vec<Block>) {
    let mut reader = Reader::new(car).unwrap();
    let root = reader.roots()[0].clone();
    let mut blocks = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        blocks.push(frame.into_block().unwrap());
    }
    (root, blocks)
}

fn car_of(root: &Cid, blocks: &[Block]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), std::slice::from_ref(root)).unwrap();
    for block in blocks {
        writer.write(block.cid(), block.bytes()).unwrap();
    }
    writer.finish().unwrap()
}

fn held(engine: &Engine, did: &Did) -> Held {
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

/// Whether a copy is what a fresh import of its head would be.
fn check_copy(copy: &Engine, source: &Source) {
    let did = &source.did;
    let report = copy.scrub(&mut |_| ()).unwrap();
    assert!(report.is_valid(), "{:?}", report.problems.listed());
    assert_eq!(copy.status(did).unwrap().commit.as_ref(), Some(&source.head().commit));
    let car = export(&source.engine, did);
    assert_eq!(export(copy, did), car);
    let fresh = imported(&car, &source.clock, &source.key);
    assert_eq!(rows(copy), rows(&fresh), "the rows of a fresh import");
    let (copy, fresh) = (copy.status(did).unwrap(), fresh.status(did).unwrap());
    assert_eq!((copy.records, copy.blocks, copy.bytes), (fresh.records, fresh.blocks, fresh.bytes));
    assert_eq!(copy.blobs_needed, fresh.blobs_needed);
    assert_eq!(copy.trust, fresh.trust);
}

/// How many rows there are; that they are cut as a fresh import cuts them is the scrub's part.
fn rows(engine: &Engine) -> u64 {
    engine.scrub(&mut |_| ()).unwrap().rows
}

fn settled(engine: &Engine, did: &Did) -> (Option<Cid>, Vec<u8>, u64) {
    (engine.status(did).unwrap().commit, export(engine, did), rows(engine))
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
            follower.apply_diff(&news[..], &ImportOptions::default()).unwrap();
            check_copy(&follower, &source);
            for (mirror, skip) in &skipping {
                if at % skip == skip - 1 || at + 1 == batches.len() {
                    let rev = mirror.status(&source.did).unwrap().rev.unwrap();
                    mirror.apply_diff(&source.since(rev)[..], &ImportOptions::default()).unwrap();
                    check_copy(mirror, &source);
                }
            }
        }
        check_exact(&source);
        // A diff from an earlier revision than the one that a copy holds does as well.
        let late = source.mirror();
        source.write(&BTreeMap::from([(0, Some(1)), (40, Some(2)), (60, None)]));
        late.apply_diff(&source.since(source.history[0].rev)[..], &ImportOptions::default()).unwrap();
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
            copy.apply_diff(&source.since(rev)[..], &ImportOptions::default()).unwrap();
            for (rev, mirror) in &behind {
                let mut car = Vec::new();
                let exported = copy.export_since(&source.did, *rev, &mut car).unwrap();
                prop_assert_eq!(exported.extent, Extent::Since(*rev));
                mirror.apply_diff(&car[..], &ImportOptions::default()).unwrap();
                check_copy(mirror, &source);
            }
            // Each mirror is at the head now; a further one begins here.
            let head = source.head().rev;
            behind.iter_mut().for_each(|(rev, _)| *rev = head);
            behind.push((head, source.mirror()));
        }
    }
}

/// A source whose last two commits split, move, merge and bring back; and a copy before them.
fn busy() -> (Source, Engine) {
    let mut source = Source::new();
    let all = PATHS.len();
    source.write(&(0..all).filter(|n| n % 3 != 0).map(|n| (n, Some(n as u8 % 6))).collect());
    let copy = source.mirror();
    source.write(&(0..all).filter(|n| n % 7 == 1).map(|n| (n, None)).collect());
    source.write(&(0..all).filter(|n| n % 5 == 0).map(|n| (n, Some(n as u8 % 8))).collect());
    (source, copy)
}

#[test]
fn a_diff_that_lacks_a_block_is_refused_or_did_not_need_it() {
    let (source, _) = busy();
    let before = &source.history[1];
    let (root, blocks) = sections(&source.since(before.rev));
    let mut refused = 0;
    for dropped in 0..blocks.len() {
        let (_, copy) = busy();
        let state = settled(&copy, &source.did);
        let rest: Vec<Block> = blocks
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != dropped)
            .map(|(_, b)| b.clone())
            .collect();
        match copy.apply_diff(&car_of(&root, &rest)[..], &ImportOptions::default()) {
            Ok(_) => {
                let cid = blocks[dropped].cid();
                let twice = rest.iter().any(|block| block.cid() == cid);
                assert!(twice || before.blocks.contains_key(cid), "{cid} was needed");
                check_copy(&copy, &source);
            }
            Err(error) => {
                let code = error.problems()[0].code;
                let expected = [Code::MissingCommit, Code::MissingNode, Code::MissingRecord];
                assert!(expected.contains(&code), "{error}");
                assert_eq!(settled(&copy, &source.did), state);
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused} of {}", blocks.len());
}

/// The new records are at no other path: one that is held need not be in the diff, and a flip in
/// its CID's codec would only make a block of it that nobody asks for.
#[test]
fn a_diff_with_a_flipped_byte_is_refused() {
    let mut source = Source::new();
    source.write(&(0..20).map(|n| (n * 3, Some(n as u8 % 5))).collect());
    let copy = source.mirror();
    let state = settled(&copy, &source.did);
    source.write(&BTreeMap::from([(1, Some(97)), (30, Some(98)), (3, None)]));
    let before = &source.history[1];
    let car = source.since(before.rev);
    for at in 0..car.len() {
        let mut broken = car.clone();
        broken[at] ^= 1 << (at % 8);
        match copy.apply_diff(&broken[..], &ImportOptions::default()) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "byte {at}: {error}"),
            Ok(applied) => panic!("byte {at}: {applied:?}"),
        }
    }
    for end in 0..car.len() {
        let error = copy.apply_diff(&car[..end], &ImportOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "cut at {end}: {error}");
    }
    assert_eq!(settled(&copy, &source.did), state);
    copy.apply_diff(&car[..], &ImportOptions::default()).unwrap();
    check_copy(&copy, &source);
}

#[test]
fn blocks_that_nobody_asked_for_are_not_kept() {
    let (source, copy) = busy();
    let (root, mut blocks) = sections(&source.since(source.history[1].rev));
    blocks.push(Block::dag_cbor(value(5 + 26)));
    blocks.reverse();
    let applied = copy.apply_diff(&car_of(&root, &blocks)[..], &ImportOptions::default()).unwrap();
    assert_eq!(applied.unreferenced_blocks, 1);
    check_copy(&copy, &source);
}

#[test]
fn a_full_export_is_a_diff_too() {
    let (source, copy) = busy();
    let car = export(&source.engine, &source.did);
    let applied = copy.apply_diff(&car[..], &ImportOptions::default()).unwrap();
    assert_eq!(applied.since, source.history[1].rev);
    check_copy(&copy, &source);
    let again = copy.apply_diff(&car[..], &ImportOptions::default()).unwrap();
    assert_eq!((again.since, again.rev, again.created), (applied.rev, applied.rev, 0));
}

/// As servers give it that keep blocks by CID: without what the old tree had anywhere.
#[test]
fn a_record_that_was_at_another_path_is_found() {
    let mut source = Source::new();
    source.write(&(0..50).map(|n| (n, Some((n % 5) as u8))).collect());
    source.write(&BTreeMap::from([(51, Some(7)), (5, Some(6))]));
    let copy = source.mirror();
    source.write(&BTreeMap::from([(51, None), (52, Some(7)), (60, Some(6)), (54, Some(1))]));
    let old = &source.history[2];
    let (root, mut blocks) = sections(&source.since(old.rev));
    blocks.retain(|block| !old.blocks.contains_key(block.cid()));
    let records = blocks.iter().filter(|block| !source.head().nodes.contains(block.cid()));
    assert_eq!(records.count(), 1, "the commit alone");
    copy.apply_diff(&car_of(&root, &blocks)[..], &ImportOptions::default()).unwrap();
    check_copy(&copy, &source);
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
    let expect = Expect { did: None, keys: vec![source.key.verifying_key()] };
    let options = ImportOptions { expect, ..ImportOptions::default() };
    copy.import(&Input::spill(&full[..], "a test").unwrap(), &options).unwrap();
    car.clear();
    let before = source.history[1].rev;
    assert_eq!(copy.export_since(&source.did, before, &mut car).unwrap().extent, Extent::Full);
    assert_eq!(car, full);
    let head = source.head().rev;
    let exported = copy.export_since(&source.did, head, std::io::sink()).unwrap();
    assert_eq!((exported.extent, exported.blocks), (Extent::Since(head), 1));
}

#[test]
fn who_may_apply_a_diff_and_to_what() {
    let (source, copy) = busy();
    let did = &source.did;
    let car = source.since(source.history[1].rev);
    let state = settled(&copy, did);
    let apply = |options: &ImportOptions| copy.apply_diff(&car[..], options);
    // An account that takes writes is left alone, unless its head is named.
    copy.set_state(did, State::Active).unwrap();
    assert!(matches!(apply(&ImportOptions::default()), Err(Error::State { .. })));
    let wrong =
        ImportOptions { replace: Some(source.head().data.clone()), ..ImportOptions::default() };
    assert!(matches!(apply(&wrong), Err(Error::Swap { .. })));
    // The key has to be right, the account too.
    copy.set_state(did, State::Deactivated).unwrap();
    let other = SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap();
    let keys = vec![other.verifying_key()];
    let expect = Expect { did: None, keys };
    let error = apply(&ImportOptions { expect, ..ImportOptions::default() }).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::BadSignature);
    let someone = Some("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa".parse().unwrap());
    let expect = Expect { did: someone, keys: Vec::new() };
    let error = apply(&ImportOptions { expect, ..ImportOptions::default() }).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::DidMismatch);
    // A copy that is too far behind cannot use it, one that is not there neither.
    let behind = imported(&export(&Source::new().engine, did), &source.clock, &source.key);
    behind.set_state(did, State::Deactivated).unwrap();
    let error = behind.apply_diff(&car[..], &ImportOptions::default()).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::MissingNode);
    let empty = Engine::open_backend(InMemoryBackend::new(), &options(&source.clock)).unwrap();
    assert!(matches!(
        empty.apply_diff(&car[..], &ImportOptions::default()),
        Err(Error::NotFound { .. })
    ));
    assert_eq!(settled(&copy, did), state);
    // Named, it may go in; and once there, nothing older does.
    copy.set_state(did, State::Active).unwrap();
    let named = ImportOptions { replace: state.0.clone(), ..ImportOptions::default() };
    apply(&named).unwrap();
    copy.set_state(did, State::Deactivated).unwrap();
    check_copy(&copy, &source);
    let older = busy().1;
    let error = copy.apply_diff(&export(&older, did)[..], &ImportOptions::default()).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::BadRev);
}

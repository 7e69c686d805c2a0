//! A proof of a collection shows all of it or says that it does not. Holds guarantee G9.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use crate::bench_common::{Rng, did, signing_key};
use crate::common::{create_op, update_op};
use carrack::block::{Block, Cid, json};
use carrack::car::{Reader, Writer};
use carrack::commit::UnsignedCommit;
use carrack::engine::{Engine, Op, WriteOptions};
use carrack::env::SystemClock;
use carrack::ident::{Nsid, Rev};
use carrack::key::{Curve, SigningKey};
use carrack::parts::sources::{StreamSource, verify_collection_source};
use carrack::tree::{Entry, Key, Node, layer};
use carrack::verify::{
    CollectionReport, Discard, ExpectedHead, Input, ListingDigest, Order, verify_collection,
};
use carrack::{Code, Error};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;

/// In the order of their keys, '-' < '.' < '/' < '0': the neighbours of `app.bsky.feed.post` on
/// both sides begin with its name. The last of them never get a record.
const COLLECTIONS: [&str; 11] = [
    "app.bsky.feed.like",
    "app.bsky.feed.pos",
    "app.bsky.feed.post-x.y",
    "app.bsky.feed.post.x",
    "app.bsky.feed.post",
    "app.bsky.feed.post0",
    "app.bsky.feed.posts",
    "app.bsky.graph.follow",
    "aaa.aaa.aaa",
    "app.bsky.feed.posT",
    "zzz.zzz.zzz",
];
const FILLED: u64 = 8;

type Model = BTreeMap<String, Cid>;

struct Account {
    engine: Engine,
    model: Model,
    _folder: tempfile::TempDir,
}

impl Account {
    /// An account after some commits of random creates, updates and deletes.
    fn random(seed: u64, commits: u64, ops: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path().join("store.redb")).unwrap();
        engine.create_account(&did(), &signing_key()).unwrap();
        let mut rng = Rng::new(seed);
        let mut model = Model::new();
        for _ in 0..commits {
            let mut batch = BTreeMap::new();
            for _ in 0..ops {
                let path = random_path(&mut rng);
                let exists = model.contains_key(&path);
                let of = path.parse().unwrap();
                let op = match (exists, rng.below(3)) {
                    (true, 0) => Op::delete(of),
                    (true, _) => update_op(of, random_record(&mut rng)),
                    (false, _) => create_op(of, random_record(&mut rng)),
                };
                batch.insert(path, op);
            }
            for (path, op) in &batch {
                match op {
                    Op::Create { record, .. } | Op::Update { record, .. } => {
                        model.insert(path.clone(), record.cid().clone())
                    }
                    Op::Delete { .. } => model.remove(path),
                };
            }
            let ops = batch.into_values().collect();
            engine.write(&did(), ops, &WriteOptions::default(), &signing_key()).unwrap();
        }
        Self { engine, model, _folder: folder }
    }

    fn proof(&self, collection: &str) -> Vec<u8> {
        let mut proof = Vec::new();
        let snapshot = self.engine.snapshot(&did()).unwrap();
        let records = snapshot.prove_collection(&nsid(collection), &mut proof).unwrap();
        assert_eq!(records, self.truth(collection).0, "{collection}");
        proof
    }

    /// How many records a collection has, and their digest.
    fn truth(&self, collection: &str) -> (u64, String) {
        let mut digest = ListingDigest::default();
        let mut records = 0;
        for (path, cid) in &self.model {
            if path.split('/').next() == Some(collection) {
                digest.push(path.as_bytes(), cid).unwrap();
                records += 1;
            }
        }
        (records, digest.finish())
    }

    /// Whatever is said of a collection has to be the truth.
    fn assert_right(&self, report: &CollectionReport) {
        let (records, digest) = self.truth(report.collection.as_str());
        assert_eq!(report.records.is_some(), report.complete.is_some());
        assert_eq!(report.listing_sha256.is_some(), report.complete.is_some());
        if report.complete.is_some() {
            assert_eq!(report.records, Some(records), "{}", report.collection);
            assert_eq!(report.listing_sha256, Some(digest), "{}", report.collection);
        }
    }
}

fn nsid(text: &str) -> Nsid {
    text.parse().unwrap()
}

/// Few enough paths that some are written again.
fn random_path(rng: &mut Rng) -> String {
    const FIRST: [&str; 6] = ["-", "_", "0", ":", "~", "a"];
    let collection = COLLECTIONS[usize::try_from(rng.below(FILLED)).unwrap()];
    let first = FIRST[usize::try_from(rng.below(6)).unwrap()];
    format!("{collection}/{first}{}", rng.below(12))
}

/// Often the same record as elsewhere, now and then one that fits into no run or no row.
fn random_record(rng: &mut Rng) -> Vec<u8> {
    let length = match rng.below(40) {
        0 => 70_000,
        1..3 => 9000,
        _ => 20,
    };
    let text = "o".repeat(length);
    json::from_json(&json!({ "n": rng.below(30), "text": text })).unwrap()
}

fn blocks(car: &[u8]) -> (Cid, Vec<Block>) {
    let mut reader = Reader::new(car).unwrap();
    let root = reader.roots()[0].clone();
    let mut out = Vec::new();
    while let Some(frame) = reader.next_section().unwrap() {
        out.push(frame.into_block().unwrap());
    }
    (root, out)
}

fn car<'a>(root: &Cid, sections: impl Iterator<Item = (&'a Cid, &'a [u8])>) -> Vec<u8> {
    let mut out = Writer::new(Vec::new(), std::slice::from_ref(root)).unwrap();
    for (cid, bytes) in sections {
        out.write(cid, bytes).unwrap();
    }
    out.finish().unwrap()
}

fn car_of<'a>(root: &Cid, blocks: impl Iterator<Item = &'a Block>) -> Vec<u8> {
    car(root, blocks.map(|block| (block.cid(), block.bytes())))
}

fn expect() -> ExpectedHead {
    ExpectedHead::signed_by([signing_key().verifying_key()]).did(did())
}

fn check(proof: &[u8], collection: &str) -> CollectionReport {
    check_for(proof, collection, &expect())
}

fn check_for(proof: &[u8], collection: &str, expect: &ExpectedHead) -> CollectionReport {
    let input = Input::spill(proof, "a proof").unwrap();
    let collection = nsid(collection);
    verify_collection(&input, &collection, expect, &SystemClock, &mut Discard).unwrap()
}

fn codes(report: &CollectionReport) -> Vec<Code> {
    report.report.problems.listed().iter().map(|problem| problem.code).collect()
}

fn accounts() -> impl Iterator<Item = Account> {
    [(0, 0, 0), (1, 1, 1), (2, 3, 2), (3, 4, 30), (4, 6, 120)]
        .into_iter()
        .map(|(seed, commits, ops)| Account::random(seed, commits, ops))
}

#[test]
fn every_collection_is_proven_whole_or_empty() {
    for account in accounts() {
        let mut whole = Vec::new();
        account.engine.export(&did(), &mut whole).unwrap();
        for collection in COLLECTIONS {
            let proof = account.proof(collection);
            let report = check(&proof, collection);
            assert!(report.is_valid(), "{collection}: {:?}", codes(&report));
            account.assert_right(&report);
            // Nothing in it that is not needed, in the order of the walk, and so for a pipe too.
            assert_eq!(report.report.unreferenced_blocks, Some(0));
            assert_eq!(report.report.order, Some(Order::Streaming));
            let mut stream = StreamSource::new(&proof[..]).unwrap();
            let of = nsid(collection);
            let piped =
                verify_collection_source(&mut stream, &of, &expect(), &SystemClock, &mut Discard)
                    .unwrap();
            assert!(piped.is_valid());
            account.assert_right(&piped);
            // A whole repository proves each of its collections.
            let report = check(&whole, collection);
            assert!(report.is_valid());
            account.assert_right(&report);
        }
    }
}

#[test]
fn a_proof_leaves_out_what_it_does_not_need() {
    let account = Account::random(4, 6, 120);
    for collection in COLLECTIONS {
        let (_, blocks) = blocks(&account.proof(collection));
        let records = usize::try_from(account.truth(collection).0).unwrap();
        let nodes = blocks.len() - records - 1;
        assert!(nodes <= records + 12, "{collection}: {nodes} nodes for {records} records");
    }
}

#[test]
fn dropping_any_block_never_turns_into_a_false_answer() {
    for account in accounts() {
        for collection in COLLECTIONS {
            let (root, all) = blocks(&account.proof(collection));
            for (dropped, block) in all.iter().enumerate() {
                let rest = all.iter().enumerate().filter(|(at, _)| *at != dropped);
                let report = check(&car_of(&root, rest.map(|(_, block)| block)), collection);
                account.assert_right(&report);
                // A record that sits at two paths comes twice.
                let again = all.iter().filter(|other| other.cid() == block.cid()).count() > 1;
                assert_eq!(report.is_valid(), again, "{collection}, block {dropped}");
                assert_eq!(report.complete == Some(true), again);
                let expected = match (again, dropped) {
                    (true, _) => vec![],
                    (false, 0) => vec![Code::MissingCommit],
                    _ if Node::decode(block.bytes()).is_ok() => vec![Code::NotProven],
                    _ => vec![Code::MissingRecord],
                };
                assert_eq!(codes(&report), expected, "{collection}, block {dropped}");
            }
        }
    }
}

#[test]
fn altering_any_block_never_turns_into_a_false_answer() {
    let account = Account::random(3, 4, 30);
    let mut rng = Rng::new(11);
    for collection in COLLECTIONS {
        let (root, all) = blocks(&account.proof(collection));
        for (altered, block) in all.iter().enumerate() {
            let mut bytes = block.bytes().to_vec();
            let at = usize::try_from(rng.below(bytes.len() as u64)).unwrap();
            bytes[at] ^= 1 << rng.below(8);
            // Under the old CID, and under its own.
            for cid in [block.cid().clone(), Block::dag_cbor(bytes.clone()).cid().clone()] {
                let sections = all.iter().enumerate().map(|(at, block)| {
                    if at == altered { (&cid, &bytes[..]) } else { (block.cid(), block.bytes()) }
                });
                let report = check(&car(&root, sections), collection);
                account.assert_right(&report);
                let again = all.iter().filter(|other| other.cid() == block.cid()).count() > 1;
                if cid == *block.cid() {
                    assert!(codes(&report).contains(&Code::HashMismatch), "{collection}");
                    assert!(!report.is_valid());
                }
                assert!(again || report.complete != Some(true), "{collection}, block {altered}");
            }
        }
    }
}

#[test]
fn a_proof_of_one_collection_proves_of_others_only_what_is_so() {
    for account in accounts() {
        for collection in COLLECTIONS {
            let proof = account.proof(collection);
            for other in COLLECTIONS {
                let report = check(&proof, other);
                account.assert_right(&report);
                let only = |code| codes(&report).iter().all(|found| *found == code);
                match report.complete {
                    Some(true) => assert!(report.is_valid()),
                    Some(false) => assert!(!report.is_valid() && only(Code::MissingRecord)),
                    None => assert!(codes(&report).contains(&Code::NotProven)),
                }
            }
        }
    }
}

#[test]
fn a_proof_cut_short_anywhere_is_not_one() {
    let account = Account::random(2, 3, 2);
    for collection in [COLLECTIONS[4], COLLECTIONS[8]] {
        let proof = account.proof(collection);
        for length in (0..proof.len()).filter(|length| *length < 2000 || length % 97 == 0) {
            let report = check(&proof[..length], collection);
            account.assert_right(&report);
            assert!(!report.is_valid(), "{length} of {}", proof.len());
            assert_ne!(report.complete, Some(true), "{length} of {}", proof.len());
        }
    }
}

#[test]
fn any_order_of_blocks_will_do() {
    let account = Account::random(4, 6, 120);
    let (root, mut all) = blocks(&account.proof("app.bsky.feed.post"));
    all.reverse();
    let report = check(&car_of(&root, all.iter()), "app.bsky.feed.post");
    assert!(report.is_valid());
    account.assert_right(&report);
    assert_eq!(report.report.order, Some(Order::Other));
}

#[test]
fn under_a_wrong_head_nothing_is_proven() {
    let account = Account::random(2, 3, 2);
    let proof = account.proof("app.bsky.feed.post");
    let other = SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap();
    let wrong_key = expect().keys(carrack::verify::Keys::AnyOf(vec![other.verifying_key()]));
    let other: carrack::ident::Did = "did:plc:other".parse().unwrap();
    let wrong_did = expect().did(other);
    for (expect, code) in [(wrong_key, Code::BadSignature), (wrong_did, Code::DidMismatch)] {
        let report = check_for(&proof, "app.bsky.feed.post", &expect);
        assert_eq!(codes(&report), [code]);
        assert_eq!((report.complete, report.records), (None, None));
    }
    let report = check_for(&proof, "app.bsky.feed.post", &ExpectedHead::unchecked());
    assert_eq!(report.complete, Some(true));
}

/// A key of this collection and layer, the `skip`th in order of number.
fn key_of(collection: &str, at: u8, skip: usize) -> Key {
    let keys = (1000_u32..).map(|n| format!("{collection}/{n}"));
    Key::from(keys.filter(|key| layer(key.as_bytes()) == at).nth(skip).unwrap().as_str())
}

/// A signed CAR of these nodes, the root first, and one record for all entries.
fn signed(nodes: &[Node], record: &Block) -> Vec<u8> {
    let nodes: Vec<Block> = nodes.iter().map(|node| Block::dag_cbor(node.encode())).collect();
    let data = nodes[0].cid().clone();
    let rev = Rev::from_micros(1_700_000_000_000_000, 5).unwrap();
    let commit = UnsignedCommit { did: did(), data, rev }.sign(&signing_key()).unwrap();
    let all = [std::slice::from_ref(commit.block()), &nodes[..], std::slice::from_ref(record)];
    car_of(commit.cid(), all.concat().iter())
}

#[test]
fn a_tree_that_is_built_wrong_in_the_range_proves_nothing() {
    let record = Block::dag_cbor(json::from_json(&json!({ "text": "ahoy" })).unwrap());
    let value = record.cid().clone();
    let leaf = |key: Key| Node {
        left: None,
        entries: vec![Entry { key, value: value.clone(), right: None }],
    };
    let like = key_of("app.bsky.feed.like", 1, 0);
    let over = |child: &Node, key: &Key| Node {
        left: None,
        entries: vec![Entry {
            key: key.clone(),
            value: value.clone(),
            right: Some(Block::dag_cbor(child.encode()).cid().clone()),
        }],
    };
    // As it should be: a like with the post below and right of it.
    let right = leaf(key_of("app.bsky.feed.post", 0, 0));
    let report = check(&signed(&[over(&right, &like), right], &record), "app.bsky.feed.post");
    assert!(report.is_valid(), "{:?}", codes(&report));
    assert_eq!(report.records, Some(1));

    // Keys that a walk by ranges would take for another collection's, or for none.
    let stray = leaf(key_of("app.bsky.feed.a", 0, 0));
    let wrong_layer = leaf(key_of("app.bsky.feed.post", 1, 0));
    let bare = Node::default();
    for (child, code) in
        [(stray, Code::KeyRange), (wrong_layer, Code::WrongLayer), (bare, Code::EmptyNode)]
    {
        let report = check(&signed(&[over(&child, &like), child], &record), "app.bsky.feed.post");
        assert_eq!(codes(&report)[0], code);
        assert_eq!((report.complete, report.records), (None, None), "{code:?}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn the_json_says_what_is_proven() {
    let account = Account::random(2, 3, 2);
    let proof = account.proof("app.bsky.feed.post");
    let (records, digest) = account.truth("app.bsky.feed.post");
    let json = |proof| serde_json::to_value(proof).unwrap();
    let out = json(check(&proof, "app.bsky.feed.post"));
    assert_eq!(out["verdict"], "valid");
    assert_eq!(out["records"], json!(null));
    let collection = "app.bsky.feed.post";
    let whole = json!({
        "collection": collection, "complete": true, "records": records, "listing_sha256": digest,
    });
    assert_eq!(out["proof"], whole);
    let (root, all) = blocks(&proof);
    let out = json(check(&car_of(&root, all[..1].iter()), collection));
    assert_eq!(out["verdict"], "invalid");
    assert_eq!(out["problems"][0]["code"], "NotProven");
    let nothing = json!({
        "collection": collection, "complete": null, "records": null, "listing_sha256": null,
    });
    assert_eq!(out["proof"], nothing);
}

#[test]
fn an_output_that_fails_ends_the_proof_with_its_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let account = Account::random(4, 6, 120);
    let snapshot = account.engine.snapshot(&did()).unwrap();
    let failed = snapshot.prove_collection(&nsid("app.bsky.feed.post"), Full);
    assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
}

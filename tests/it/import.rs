//! An import is all or nothing: what is refused leaves no account, no change and no row.
//!
//! Holds guarantee G2.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::handmade::{blocks, car, repository};
use crate::common::mined::MINED;
use crate::common::{
    Disk, NOW, assert_clean, await_rows, did, did_of, export, import, key, open, record, records,
    with_key, write,
};
use carrack::block::{Block, Cid};
use carrack::commit::UnsignedCommit;
use carrack::engine::{ImportOptions, Op, State, Trust};
use carrack::ident::Rev;
use carrack::key::{Curve, Signer, SigningKey};
use carrack::parts::drisl::Encoder;
use carrack::tree::{Entry, Key, Node};
use carrack::verify::ExpectedHead;
use carrack::{Code, Engine, Error, ErrorKind, Progress};
use std::collections::BTreeMap;

fn rev(later: u64) -> Rev {
    Rev::from_micros(NOW + later, 1).unwrap()
}

/// Forty records over the layers 0 to 3.
fn content(number: u64) -> BTreeMap<String, Vec<u8>> {
    let paths = MINED[0][..28].iter().chain(&MINED[1][..8]).chain(&MINED[2][..3]);
    let paths = paths.chain(&MINED[3][..1]);
    paths.map(|path| (path.to_string(), record(200, number))).collect()
}

fn commit_on(data: &Cid) -> Block {
    let unsigned = UnsignedCommit { did: did(), data: data.clone(), rev: rev(0) };
    unsigned.sign(&key()).unwrap().block().clone()
}

/// A repository of these blocks, the root first, behind a commit that names it.
fn signed(nodes: Vec<Block>) -> Vec<u8> {
    let commit = commit_on(nodes[0].cid());
    car(&std::iter::once(commit).chain(nodes).collect::<Vec<_>>())
}

fn node(left: Option<&Block>, entries: &[(&str, Option<&Block>)]) -> Block {
    let cid = |block: &Block| block.cid().clone();
    let entries = entries.iter().map(|(key, right)| Entry {
        key: Key::from(*key),
        value: cid(&leaf()),
        right: right.map(cid),
    });
    Block::dag_cbor(Node { left: left.map(cid), entries: entries.collect() }.encode())
}

fn leaf() -> Block {
    Block::dag_cbor(record(20, 0))
}

fn legacy_commit(data: &Cid) -> Block {
    let encode = |signature: Option<&[u8]>| {
        let mut to = Encoder::new();
        to.map(4 + usize::from(signature.is_some()));
        to.text("did");
        to.text(did().as_str());
        if let Some(signature) = signature {
            to.text("sig");
            to.bytes(signature);
        }
        to.text("data");
        to.link(data);
        to.text("prev");
        to.null();
        to.text("version");
        to.uint(2);
        to.finish()
    };
    let signature = key().sign(&encode(None)).unwrap();
    Block::dag_cbor(encode(Some(&signature)))
}

/// Repositories whose trees are wrong, though every hash and the signature are right.
fn wrong_trees() -> Vec<(&'static str, Code, Vec<u8>)> {
    let (low, high) = (MINED[0][0].as_str(), MINED[1][0].as_str());
    let two = [MINED[0][0].as_str(), MINED[0][1].as_str()];
    let (first, last) = (two.iter().min().unwrap(), two.iter().max().unwrap());
    let odd = (0..).map(|n| format!("no path {n}"));
    let odd = odd.into_iter().find(|key| carrack::tree::layer(key.as_bytes()) == 0).unwrap();
    let leaf_node = node(None, &[(low, None)]);
    let empty = node(None, &[]);
    let top = node(Some(&leaf_node), &[]);
    let (a, b) = if low < high { (low, high) } else { (high, low) };
    let misplaced = if low < high {
        node(None, &[(high, Some(&leaf_node))])
    } else {
        node(Some(&leaf_node), &[(high, None)])
    };
    let hollow = node(Some(&empty), &[(high, None)]);
    vec![
        ("a key that is no path", Code::BadPath, signed(vec![node(None, &[(&odd, None)]), leaf()])),
        (
            "two layers in a node",
            Code::WrongLayer,
            signed(vec![node(None, &[(a, None), (b, None)]), leaf()]),
        ),
        (
            "keys that descend",
            Code::KeyOrder,
            signed(vec![node(None, &[(*last, None), (*first, None)]), leaf()]),
        ),
        (
            "a key twice",
            Code::KeyOrder,
            signed(vec![node(None, &[(low, None), (low, None)]), leaf()]),
        ),
        (
            "a key outside its range",
            Code::KeyRange,
            signed(vec![misplaced, leaf(), leaf_node.clone()]),
        ),
        ("a root without entries", Code::EmptyNode, signed(vec![top, leaf_node, leaf()])),
        ("a node without anything", Code::EmptyNode, signed(vec![hollow, empty, leaf()])),
        ("a root that is no node", Code::BadNode, signed(vec![leaf()])),
    ]
}

/// Everything that is refused, with the problem that is named.
fn refused() -> Vec<(&'static str, Code, Vec<u8>)> {
    let whole = blocks(&content(0), &did(), rev(0), &key());
    let without = |index: usize| {
        let mut left = whole.clone();
        let gone = left.remove(index);
        left.retain(|block| block.cid() != gone.cid());
        let mut bytes = car(&whole[..1]);
        let body = car(&left);
        let header = car(&left[..1]).len()
            - (carrack::parts::car::section_len(left[0].cid(), left[0].bytes().len()));
        bytes.truncate(header);
        bytes.extend_from_slice(&body[header..]);
        bytes
    };
    let mut twisted = car(&whole);
    let length = twisted.len();
    twisted[length - 3] ^= 4;
    let other = SigningKey::from_bytes(Curve::K256, &[9; 32]).unwrap();
    let legacy = legacy_commit(whole[1].cid());
    let legacy = car(&std::iter::once(legacy).chain(whole[1..].to_vec()).collect::<Vec<_>>());
    let future = Rev::from_micros(NOW + 600_000_000, 0).unwrap();
    let mut all = vec![
        ("nothing", Code::NotACar, Vec::new()),
        ("a text", Code::NotACar, b"this is not a repository. ".repeat(9)),
        ("a cut", Code::Truncated, car(&whole)[..length - 1].to_vec()),
        ("a wrong hash", Code::HashMismatch, twisted),
        ("another key", Code::BadSignature, repository(&content(0), &did(), rev(0), &other)),
        ("another account", Code::DidMismatch, repository(&content(0), &did_of(5), rev(0), &key())),
        ("the future", Code::FutureRev, repository(&content(0), &did(), future, &key())),
        ("a commit of version 2", Code::BadCommit, legacy),
        ("a commit alone", Code::MissingNode, car(&whole[..1])),
        ("a commit that is a record", Code::BadCommit, car(&[leaf()])),
        ("no commit", Code::MissingCommit, without(0)),
        ("no root", Code::MissingNode, without(1)),
        ("no last record", Code::MissingRecord, without(whole.len() - 1)),
    ];
    all.extend(wrong_trees());
    all
}

fn expecting() -> ImportOptions {
    let expect = ExpectedHead::signed_by([key().verifying_key()]).did(did());
    ImportOptions::default().head(expect)
}

fn rows(engine: &Engine) -> u64 {
    engine.scrub(Progress::none()).unwrap().rows
}

#[track_caller]
fn assert_refused(engine: &Engine, what: &str, code: Code, car: &[u8]) {
    match import(engine, car, &expecting()) {
        Err(error @ Error::Refused(_)) => {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            let codes: Vec<Code> = error.problems().iter().map(|problem| problem.code).collect();
            assert!(codes.contains(&code), "{what}: {:?}", error.problems());
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn what_is_refused_leaves_nothing() {
    for (what, code, car) in refused() {
        let disk = Disk::new();
        let engine = open(&disk).unwrap();
        assert_refused(&engine, what, code, &car);
        assert_eq!(rows(&engine), 0, "{what}: at once");
        assert!(engine.accounts().unwrap().is_empty(), "{what}");
        drop(engine);
        let engine = open(&disk).unwrap();
        assert_eq!(rows(&engine), 0, "{what}: at the next open");
        assert!(engine.accounts().unwrap().is_empty(), "{what}");
        assert_clean(&engine);
    }
}

#[test]
fn what_is_refused_changes_no_account() {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    let old = Rev::from_micros(NOW - 1000, 1).unwrap();
    import(&engine, &repository(&content(7), &did(), old, &key()), &with_key()).unwrap();
    engine.set_state(&did(), State::Deactivated).unwrap();
    let (before, held) = (engine.status(&did()).unwrap(), rows(&engine));
    for (what, code, car) in refused() {
        assert_refused(&engine, what, code, &car);
        assert_eq!(rows(&engine), held, "{what}");
        assert_eq!(engine.status(&did()).unwrap(), before, "{what}");
    }
    assert_clean(&engine);
    drop(engine);
    let engine = open(&disk).unwrap();
    assert_eq!(records(&engine, &did()), content(7));
}

/// Ten megabytes of good records come before the one that is missing.
#[test]
fn a_large_import_that_is_refused_at_its_end() {
    let engine = crate::common::engine();
    let paths = MINED.iter().flatten();
    let large = paths.zip(0..).map(|(path, n)| (path.to_string(), record(50_000, n))).collect();
    let mut all = blocks(&large, &did(), rev(0), &key());
    all.pop();
    assert_refused(&engine, "large", Code::MissingRecord, &car(&all));
    assert_eq!(rows(&engine), 0);
}

/// The store stops in the middle of an import: the next open takes it back.
#[test]
fn an_import_that_is_cut_off() {
    let paths = MINED.iter().flatten();
    let large = paths.zip(0..).map(|(path, n)| (path.to_string(), record(50_000, n))).collect();
    let car = repository(&large, &did(), rev(0), &key());
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    disk.fail_at_sync(disk.syncs() + 6);
    let error = import(&engine, &car, &with_key()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reopen, "{error}");
    drop(engine);
    let disk = disk.after(crate::common::disk::Loss::Everything);
    let engine = open(&disk).unwrap();
    assert!(engine.accounts().unwrap().is_empty());
    await_rows(&engine, 0);
    import(&engine, &car, &with_key()).unwrap();
    assert_eq!(export(&engine, &did()), car);
    assert_clean(&engine);
}

#[test]
fn without_a_key_it_has_to_be_said() {
    let engine = crate::common::engine();
    let car = repository(&content(0), &did(), rev(0), &key());
    let error = import(&engine, &car, &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error}");
    let unverified = ImportOptions::default().unverified();
    let imported = import(&engine, &car, &unverified).unwrap();
    assert_eq!(imported.trust, Trust::Unverified);
    let status = engine.status(&did()).unwrap();
    assert_eq!((status.trust, status.key), (Trust::Unverified, None));
    // The same head with the key: nothing is replaced, the trust goes up, and stays.
    for options in [with_key(), unverified] {
        import(&engine, &car, &options).unwrap();
        let status = engine.status(&did()).unwrap();
        assert_eq!(status.trust, Trust::Verified);
        assert_eq!(status.key, Some(key().verifying_key().to_did_key()));
        assert_eq!(status.commit, Some(imported.commit.clone()));
    }
    await_rows(&engine, imported_rows(&car));
}

fn imported_rows(car: &[u8]) -> u64 {
    let engine = crate::common::engine();
    import(&engine, car, &with_key()).unwrap();
    rows(&engine)
}

#[test]
fn an_account_in_use_is_replaced_only_by_name() {
    let engine = crate::common::engine();
    let [old, newer, newest] = [0, 1, 2].map(|n| repository(&content(n), &did(), rev(n), &key()));
    let first = import(&engine, &old, &with_key()).unwrap();
    let before = engine.status(&did()).unwrap();
    for state in [State::Active, State::Suspended, State::TakenDown] {
        engine.set_state(&did(), state.clone()).unwrap();
        let error = import(&engine, &newer, &with_key()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        // What is there already is no replacement.
        import(&engine, &old, &with_key()).unwrap();
        assert_eq!(engine.status(&did()).unwrap().state, state);
    }
    engine.set_state(&did(), State::Active).unwrap();
    assert_eq!(engine.status(&did()).unwrap(), before);
    let named = |head: &Cid| with_key().replace(head.clone());
    let error = import(&engine, &newer, &named(leaf().cid())).unwrap_err();
    assert!(matches!(error, Error::Swap { .. }), "{error}");
    let second = import(&engine, &newer, &named(&first.commit)).unwrap();
    assert_eq!(records(&engine, &did()), content(1));
    // Naming the right head does not bring the past back.
    let error = import(&engine, &old, &named(&second.commit)).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::BadRev);
    engine.set_state(&did(), State::Deactivated).unwrap();
    let error = import(&engine, &newest, &named(&first.commit)).unwrap_err();
    assert!(matches!(error, Error::Swap { .. }), "{error}");
    import(&engine, &newest, &with_key()).unwrap();
    assert_eq!(engine.status(&did()).unwrap().state, State::Deactivated);
    assert_eq!(records(&engine, &did()), content(2));
    await_rows(&engine, imported_rows(&newest));
    assert_clean(&engine);
}

/// Any order of the blocks, doubles and strangers among them.
#[test]
fn the_order_of_the_blocks_does_not_matter() {
    let whole = blocks(&content(3), &did(), rev(0), &key());
    let streaming = car(&whole);
    let mut reversed = whole.clone();
    reversed[1..].reverse();
    reversed.extend(whole[5..9].to_vec());
    reversed.push(Block::dag_cbor(record(3000, 1234)));
    let engine = crate::common::engine();
    let imported = import(&engine, &car(&reversed), &with_key()).unwrap();
    assert_eq!(imported.report.unreferenced_blocks, Some(1));
    assert_eq!(export(&engine, &did()), streaming, "a stranger was stored");
    write(&engine, vec![Op::delete(MINED[0][0].clone())]).unwrap();
    assert_clean(&engine);
}

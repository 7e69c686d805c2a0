//! Who may apply a diff, and what is refused: then nothing is changed. Holds guarantee G16.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "tests"
)]

use crate::common::car_input;
use crate::diffs::{
    PATHS, Source, busy, car_of, check_copy, export, imported, options, sections, settled, value,
};
use carrack::Code;
use carrack::block::{Block, Cid, Codec};
use carrack::commit::UnsignedCommit;
use carrack::engine::{Engine, ImportOptions, State};
use carrack::ident::Rev;
use carrack::key::{Curve, SigningKey};
use carrack::limits::{DIFF_BYTES_MAX, SECTION_BYTES_MAX};
use carrack::parts::car::varint;
use carrack::tree::{Entry, Node};
use carrack::verify::{ExpectedHead, Input};
use carrack::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::io::Read;

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
        match copy.apply_diff(&car_input(&car_of(&root, &rest)[..]), &ImportOptions::default()) {
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
/// its CID's codec would only make an unrequested block of it.
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
        match copy.apply_diff(&car_input(&broken[..]), &ImportOptions::default()) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "byte {at}: {error}"),
            Ok(applied) => panic!("byte {at}: {applied:?}"),
        }
    }
    for end in 0..car.len() {
        let error =
            copy.apply_diff(&car_input(&car[..end]), &ImportOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "cut at {end}: {error}");
    }
    assert_eq!(settled(&copy, &source.did), state);
    copy.apply_diff(&car_input(&car[..]), &ImportOptions::default()).unwrap();
    check_copy(&copy, &source);
}

#[test]
fn blocks_that_nobody_asked_for_are_not_kept() {
    let (source, copy) = busy();
    let (root, mut blocks) = sections(&source.since(source.history[1].rev));
    blocks.push(Block::dag_cbor(value(5 + 26)));
    blocks.reverse();
    let applied = copy
        .apply_diff(&car_input(&car_of(&root, &blocks)[..]), &ImportOptions::default())
        .unwrap();
    assert_eq!(applied.unreferenced_blocks, 1);
    check_copy(&copy, &source);
}

#[test]
fn a_full_export_is_a_diff_too() {
    let (source, copy) = busy();
    let car = export(&source.engine, &source.did);
    let applied = copy.apply_diff(&car_input(&car[..]), &ImportOptions::default()).unwrap();
    assert_eq!(applied.since, source.history[1].rev);
    check_copy(&copy, &source);
    let again = copy.apply_diff(&car_input(&car[..]), &ImportOptions::default()).unwrap();
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
    copy.apply_diff(&car_input(&car_of(&root, &blocks)[..]), &ImportOptions::default()).unwrap();
    check_copy(&copy, &source);
}

#[test]
fn who_may_apply_a_diff_and_to_what() {
    let (source, copy) = busy();
    let did = &source.did;
    let car = source.since(source.history[1].rev);
    let state = settled(&copy, did);
    let apply = |options: &ImportOptions| copy.apply_diff(&car_input(&car[..]), options);
    // An account that takes writes is left alone, unless its head is named.
    copy.set_state(did, State::Active).unwrap();
    assert!(matches!(apply(&ImportOptions::default()), Err(Error::HeadNotNamed { .. })));
    let wrong = ImportOptions::default().replace(source.head().data.clone());
    assert!(matches!(apply(&wrong), Err(Error::Swap { .. })));
    // The key has to be right, the account too.
    copy.set_state(did, State::Deactivated).unwrap();
    let other = SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap();
    let keys = vec![other.verifying_key()];
    let expect = ExpectedHead::signed_by(keys);
    let error = apply(&ImportOptions::default().head(expect)).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::BadSignature);
    let someone = Some("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa".parse().unwrap());
    let expect = ExpectedHead::unchecked().did(someone);
    let error = apply(&ImportOptions::default().head(expect)).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::DidMismatch);
    // A copy that is too far behind cannot use it, one that is not there neither.
    let behind = imported(&export(&Source::new().engine, did), &source.clock, &source.key);
    behind.set_state(did, State::Deactivated).unwrap();
    let error = behind.apply_diff(&car_input(&car[..]), &ImportOptions::default()).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::MissingNode);
    let empty = Engine::in_memory_with(&options(&source.clock)).unwrap();
    assert!(matches!(
        empty.apply_diff(&car_input(&car[..]), &ImportOptions::default()),
        Err(Error::NotFound { .. })
    ));
    assert_eq!(settled(&copy, did), state);
    // Named, it may go in; and once there, nothing older does.
    copy.set_state(did, State::Active).unwrap();
    let named = ImportOptions::default().replace(state.0.clone());
    apply(&named).unwrap();
    copy.set_state(did, State::Deactivated).unwrap();
    check_copy(&copy, &source);
    let older = busy().1;
    let error = copy
        .apply_diff(&car_input(&export(&older, did)[..]), &ImportOptions::default())
        .unwrap_err();
    assert_eq!(error.problems()[0].code, Code::BadRev);
}

/// Signed by the right key, and wrong: held subtrees in places where they may not hang.
#[test]
fn a_held_subtree_is_not_taken_out_of_its_range() {
    let mut source = Source::new();
    let mut layer_1 = PATHS[30..44].to_vec();
    layer_1.sort();
    let (low, middle, high) = (&layer_1[0], &layer_1[7], &layer_1[13]);
    let at = |path| PATHS.iter().position(|other| other == path).unwrap();
    let outer = [at(low), at(high)].map(|n| (n, Some(1)));
    source.write(&(0..30).map(|n| (n, Some(n as u8 % 5))).chain(outer).collect());
    let copy = source.mirror();
    let state = settled(&copy, &source.did);
    let root = Node::decode(source.head().blocks[&source.head().data].bytes()).unwrap();
    let between = root.entries[0].right.clone().unwrap();
    let record = Block::dag_cbor(value(3));
    let entry = |path: &carrack::ident::RepoPath, right: Option<&Cid>| Entry {
        key: path.as_bytes().into(),
        value: record.cid().clone(),
        right: right.cloned(),
    };
    let apply = |node: &Node| {
        let top = Block::dag_cbor(node.encode());
        let mut blocks = vec![record.clone(), top.clone()];
        let rev = Rev::after(Some(source.head().rev), &*source.clock, 1).unwrap();
        let unsigned = UnsignedCommit { did: source.did.clone(), data: top.cid().clone(), rev };
        let commit = unsigned.sign(&source.key).unwrap();
        blocks.push(commit.block().clone());
        copy.apply_diff(&car_input(&car_of(commit.cid(), &blocks)[..]), &ImportOptions::default())
    };
    let node = |rights: [Option<&Cid>; 3]| {
        let paths = [low, middle, high].into_iter().zip(rights);
        let entries = paths.map(|(path, right)| entry(path, right)).collect();
        Node { left: root.left.clone(), entries }
    };
    let held = Some(&between);
    let refused = [
        (node([held, None, None]), Code::KeyRange),
        (node([None, held, None]), Code::KeyRange),
        (node([None, None, held]), Code::KeyRange),
        (node([held, held, None]), Code::KeyRange),
        (
            Node { left: None, entries: vec![entry(low, Some(&source.head().data))] },
            Code::WrongLayer,
        ),
        (Node { left: held.cloned(), entries: vec![entry(&PATHS[44], None)] }, Code::WrongLayer),
        (Node { left: held.cloned(), entries: Vec::new() }, Code::EmptyNode),
    ];
    for (number, (node, code)) in refused.into_iter().enumerate() {
        let error = apply(&node).unwrap_err();
        assert_eq!(error.problems()[0].code, code, "{number}: {error}");
        assert_eq!(settled(&copy, &source.did), state);
    }
    // What is right goes in, by the same way.
    apply(&Node { left: root.left.clone(), entries: root.entries.clone() }).unwrap();
}

/// The root of the subtree is in its range, and what hangs deep at its edge is not.
#[test]
fn the_edges_of_a_held_subtree_are_looked_at() {
    let mut layer_2 = PATHS[44..50].to_vec();
    layer_2.sort();
    let (low, middle, high) = (&layer_2[0], &layer_2[3], &layer_2[5]);
    for to_the_left in [true, false] {
        let mut source = Source::new();
        let side = |n: &usize| (PATHS[*n] < *middle) == to_the_left;
        let numbers = (0..30).chain((30..44).filter(side));
        let outer = [low, high].map(|path| PATHS.iter().position(|other| other == path).unwrap());
        source.write(&numbers.chain(outer).map(|n| (n, Some(1))).collect());
        let copy = source.mirror();
        let state = settled(&copy, &source.did);
        let mut root = Node::decode(source.head().blocks[&source.head().data].bytes()).unwrap();
        assert_eq!(root.entries.len(), 2);
        let between = root.entries[0].right.take();
        let (left, right) = if to_the_left { (between, None) } else { (None, between) };
        root.entries[0].right = left;
        let value = root.entries[0].value.clone();
        root.entries.insert(1, Entry { key: middle.as_bytes().into(), value, right });
        let top = Block::dag_cbor(root.encode());
        let rev = Rev::after(Some(source.head().rev), &*source.clock, 1).unwrap();
        let unsigned = UnsignedCommit { did: source.did.clone(), data: top.cid().clone(), rev };
        let commit = unsigned.sign(&source.key).unwrap();
        let car = car_of(commit.cid(), &[commit.block().clone(), top]);
        let error = copy.apply_diff(&car_input(&car[..]), &ImportOptions::default()).unwrap_err();
        assert_eq!(error.problems()[0].code, Code::KeyRange, "{error}");
        assert_eq!(settled(&copy, &source.did), state);
    }
}

#[test]
fn a_diff_may_carry_what_is_not_of_the_repository() {
    let (source, _) = busy();
    let diff = source.since(source.history[1].rev);
    let section = |cid: &[u8], bytes: &[u8]| {
        let mut out = Vec::new();
        varint::write((cid.len() + bytes.len()) as u64, &mut out);
        [&out, cid, bytes].concat()
    };
    let apply = |more: &[u8]| {
        let (_, copy) = busy();
        let applied =
            copy.apply_diff(&car_input(&[&diff, more].concat()[..]), &ImportOptions::default());
        (applied.map(|applied| applied.unreferenced_blocks), copy)
    };
    let plain = apply(&[]).0.unwrap();
    let long = vec![1; SECTION_BYTES_MAX + 1];
    let raw = Cid::of(Codec::Raw, &long).to_bytes();
    let sha512 = [&[1, 0x55, 0x13, 0x40][..], &[7; 64]].concat();
    for others in [section(&raw, &long), section(&sha512, b"x"), section(&sha512, &long)] {
        let (unreferenced, copy) = apply(&others);
        assert_eq!(unreferenced.unwrap(), plain + 1);
        check_copy(&copy, &source);
    }
    for (others, code) in [
        (section(&raw, &[&long[1..], b"x"].concat()), Code::HashMismatch),
        (section(&raw, &long)[..long.len()].to_vec(), Code::Truncated),
    ] {
        assert_eq!(apply(&others).0.unwrap_err().problems()[0].code, code);
    }
    // Whatever length it states, no more is read than a diff may have.
    let longer = std::io::repeat(1).take(DIFF_BYTES_MAX + (1 << 20));
    let claim = &[&diff[..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], &raw].concat()[..];
    let (_, copy) = busy();
    let input = Input::spill(claim.chain(longer), "a test").unwrap();
    let error = copy.apply_diff(&input, &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
}

//! Archives with much in them that is not of the repository: blobs, sections that cannot be checked,
//! floods. What is of the repository is found all the same, and nothing is said that is not so.
//!
//! Holds guarantee G35.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::mined::MINED;
use crate::common::{NOW, Rng, car_input, did, engine, handmade, import, key, record, with_key};
use carrack::block::{Block, Cid, Codec};
use carrack::commit::UnsignedCommit;
use carrack::env::SystemClock;
use carrack::ident::{RepoPath, Rev};
use carrack::limits::SECTION_BYTES_MAX;
use carrack::parts::car::{header, varint};
use carrack::parts::sources::{StreamSource, verify_source};
use carrack::tree::{Entry, Node, layer};
use carrack::verify::{
    Discard, ExpectedHead, Input, ListingDigest, Order, Report, Sink, verify, verify_proof,
};
use carrack::{Code, Error};
use std::collections::BTreeMap;

/// A section with this CID, whatever the bytes.
fn section(cid: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint::write((cid.len() + bytes.len()) as u64, &mut out);
    [&out, cid, bytes].concat()
}

fn section_of(block: &Block) -> Vec<u8> {
    section(&block.cid().to_bytes(), block.bytes())
}

fn blob(bytes: &[u8]) -> Vec<u8> {
    section(&Cid::of(Codec::Raw, bytes).to_bytes(), bytes)
}

fn rev() -> Rev {
    Rev::from_micros(NOW, 1).unwrap()
}

fn expect() -> ExpectedHead {
    ExpectedHead::signed_by([key().verifying_key()]).did(did())
}

/// Forty records over several layers, as sections in streaming order.
fn repository() -> (Cid, Vec<Vec<u8>>) {
    let paths = MINED[0][..30].iter().chain(&MINED[1][..8]).chain(&MINED[2][..2]);
    let records = paths.zip(0_u64..).map(|(path, number)| (path.to_string(), record(40, number)));
    let blocks = handmade::blocks(&records.collect(), &did(), rev(), &key());
    (blocks[0].cid().clone(), blocks.iter().map(section_of).collect())
}

fn car(root: &Cid, sections: &[Vec<u8>]) -> Vec<u8> {
    [header(std::slice::from_ref(root)), sections.concat()].concat()
}

/// Wants the records.
struct Walked;

impl Sink for Walked {}

/// The report is the same for a caller that wants the verdict, the tree or the records; an import
/// says the same.
#[track_caller]
fn report(car: &[u8]) -> Report {
    let input = Input::spill(car, "test").unwrap();
    let report = |sink: &mut dyn Sink| verify(&input, &expect(), &SystemClock, sink).unwrap();
    let judged = report(&mut Discard);
    assert_eq!(report(&mut ListingDigest::default()), judged);
    assert_eq!(report(&mut Walked), judged);
    match import(&engine(), car, &with_key()) {
        Ok(imported) => assert_eq!(Some(imported.records), judged.records),
        Err(Error::Refused(problems)) => assert_eq!(problems, judged.problems),
        Err(error) => panic!("{error}"),
    }
    judged
}

fn codes(report: &Report) -> Vec<Code> {
    report.problems.listed().iter().map(|problem| problem.code).collect()
}

/// The sections in several orders, and these others among them: in front, between them, and behind.
fn arrangements(sections: &[Vec<u8>], others: &[Vec<u8>]) -> Vec<(bool, Vec<Vec<u8>>)> {
    let mut shuffled = sections.to_vec();
    let mut rng = Rng::new(5);
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, usize::try_from(rng.below(at as u64 + 1)).unwrap());
    }
    let behind = (true, [sections, others].concat());
    let mut all = vec![behind, (false, [&shuffled, others].concat())];
    let last = sections.len() - 1;
    for at in [0, 1, last.min(7), last] {
        all.push((false, [&sections[..at], others, &sections[at..]].concat()));
    }
    all
}

#[test]
fn blobs_are_read_past() {
    let (root, sections) = repository();
    let long = vec![3; SECTION_BYTES_MAX + 200_000];
    let others = [blob(&long), blob(b"a small one"), blob(&long), blob(b"")];
    for (is_streaming, sections) in arrangements(&sections, &others) {
        let report = report(&car(&root, &sections));
        assert_eq!(codes(&report), []);
        assert!(report.warnings.is_empty());
        // Each counts, copies too.
        assert_eq!((report.records, report.unreferenced_blocks), (Some(40), Some(4)));
        assert_eq!(report.blocks, Some(sections.len() as u64));
        assert_eq!(report.order == Some(Order::Streaming), is_streaming);
    }
}

#[test]
fn what_can_be_hashed_is_hashed() {
    let (root, sections) = repository();
    let long = vec![3; SECTION_BYTES_MAX + 1];
    let raw = Cid::of(Codec::Raw, b"something else").to_bytes();
    let cbor = Cid::of(Codec::DagCbor, b"something else").to_bytes();
    for wrong in [section(&raw, b"x"), section(&raw, &long), section(&cbor, &long)] {
        for (_, sections) in arrangements(&sections, std::slice::from_ref(&wrong)) {
            let car = car(&root, &sections);
            let report = report(&car);
            assert_eq!(codes(&report), [Code::HashMismatch]);
            let problem = &report.problems.listed()[0];
            let offset = car.windows(50).position(|bytes| wrong.starts_with(bytes));
            let offset = offset.or_else(|| car.windows(38).position(|bytes| bytes == wrong));
            assert_eq!(problem.offset, offset.map(|offset| offset as u64));
            assert!(problem.cid.is_some());
        }
    }
}

#[test]
fn what_cannot_be_hashed_is_told_once_and_is_no_reason_to_refuse() {
    let (root, sections) = repository();
    let identity = section(&[1, 0x55, 0, 0], b"");
    let sha512 = section(&[&[1, 0x71, 0x13, 0x40][..], &[7; 64]].concat(), b"x");
    let long_cid = section(&[&[1, 0x55, 0, 100][..], &[7; 100]].concat(), b"");
    let others = [identity.clone(), sha512, identity, long_cid];
    for (is_streaming, sections) in arrangements(&sections, &others) {
        let report = report(&car(&root, &sections));
        assert_eq!(codes(&report), []);
        let [warning] = report.warnings.listed() else { panic!("{:?}", report.warnings) };
        assert_eq!(warning.code, Code::UnsupportedCid);
        assert!(warning.message.contains("4 in all"), "{warning}");
        assert_eq!(report.unreferenced_blocks, Some(4));
        assert_eq!(report.order == Some(Order::Streaming), is_streaming);
    }
}

#[test]
fn a_length_beyond_the_end_is_a_cut_and_nothing_else_is_missing() {
    let (root, sections) = repository();
    let long = blob(&vec![3; SECTION_BYTES_MAX + 1]);
    let mut far = Vec::new();
    varint::write((1 << 62) + 36, &mut far);
    far.extend_from_slice(&long[3..300]);
    for cut in [&long[..long.len() - 1], &long[..200], &far] {
        let whole = car(&root, &sections);
        let report = report(&[&whole, cut].concat());
        assert_eq!(codes(&report), [Code::Truncated]);
        assert_eq!(report.problems.listed()[0].offset, Some(whole.len() as u64));
        assert_eq!(report.records, Some(40));
    }
}

/// A repository of one node, as sections: keys of layer 0, each with the CID of its record.
fn of_one_node(records: &[(&str, Cid)]) -> (Cid, Vec<Vec<u8>>) {
    let entries = records.iter().map(|(key, value)| {
        assert_eq!(layer(key.as_bytes()), 0);
        Entry { key: (*key).into(), value: value.clone(), right: None }
    });
    let node = Block::dag_cbor(Node { left: None, entries: entries.collect() }.encode());
    let unsigned = UnsignedCommit { did: did(), data: node.cid().clone(), rev: rev() };
    let commit = unsigned.sign(&key()).unwrap();
    (commit.cid().clone(), vec![section_of(commit.block()), section_of(&node)])
}

/// Paths of layer 0, in order.
fn paths() -> [&'static str; 3] {
    let mut paths: Vec<&str> = MINED[0][..3].iter().map(RepoPath::as_str).collect();
    paths.sort_unstable();
    paths.try_into().unwrap()
}

#[test]
fn a_long_section_that_the_tree_names_is_the_only_problem() {
    let [first, second, third] = paths();
    let small = |number| Block::dag_cbor(record(40, number));
    let long = Block::dag_cbor(record(SECTION_BYTES_MAX + 100, 2));
    for is_right in [true, false] {
        let (one, three) = (small(1), small(3));
        let (root, mut sections) = of_one_node(&[
            (first, one.cid().clone()),
            (second, long.cid().clone()),
            (third, three.cid().clone()),
        ]);
        let mut long_section = section_of(&long);
        *long_section.last_mut().unwrap() ^= u8::from(!is_right);
        sections.extend([section_of(&one), long_section.clone(), section_of(&three)]);
        let streaming = car(&root, &sections);
        for at in 0..sections.len() {
            sections.rotate_left(1);
            let car = car(&root, &sections);
            let report = report(&car);
            assert_eq!(codes(&report), [Code::TooLarge], "{at}: {:?}", report.problems);
            let problem = &report.problems.listed()[0];
            let offset = car.windows(60).position(|bytes| long_section.starts_with(bytes));
            assert_eq!(problem.cid.as_ref(), Some(long.cid()));
            assert_eq!(problem.path.as_deref(), Some(second));
            assert_eq!(problem.offset, offset.map(|offset| offset as u64));
            assert_eq!((report.records, report.unreferenced_blocks), (Some(3), Some(0)));

            let proof = |path: &str| {
                let path = path.parse().unwrap();
                verify_proof(&car_input(&car[..]), &path, &expect(), &SystemClock).unwrap()
            };
            if is_right {
                let found = proof(second);
                assert_eq!(codes(&found.report), [Code::TooLarge]);
                assert_eq!(found.report.problems.listed()[0].path.as_deref(), Some(second));
                assert_eq!(proof(first).present, Some(true));
            } else {
                assert_eq!(codes(&proof(first).report), [Code::HashMismatch]);
            }
        }
        // A stream, which keeps nothing and cannot go back.
        let mut stream = StreamSource::new(&streaming[..]).unwrap();
        let report = verify_source(&mut stream, &expect(), &SystemClock, &mut Walked).unwrap();
        assert_eq!(codes(&report), [Code::TooLarge]);
        assert_eq!(report.problems.listed()[0].path.as_deref(), Some(second));
    }
}

#[test]
fn a_record_with_the_cid_of_a_blob_is_found() {
    let [first, second, third] = paths();
    let raw = |number| (Cid::of(Codec::Raw, &record(40, number)), record(40, number));
    let (named, ordinary) = (raw(2), Block::dag_cbor(record(40, 1)));
    let (root, mut sections) = of_one_node(&[
        (first, ordinary.cid().clone()),
        (second, named.0.clone()),
        (third, ordinary.cid().clone()),
    ]);
    sections.push(section_of(&ordinary));
    let right = section(&named.0.to_bytes(), &named.1);
    let wrong = section(&named.0.to_bytes(), b"something else");
    let others = [blob(b"another"), blob(&vec![1; SECTION_BYTES_MAX + 1])];
    for (there, expected) in [
        (vec![right.clone()], vec![]),
        (vec![], vec![Code::MissingRecord]),
        (vec![wrong.clone()], vec![Code::HashMismatch]),
        (vec![right.clone(), right], vec![]),
    ] {
        let sections = [&sections[..], &there].concat();
        for (_, sections) in arrangements(&sections, &others[..]) {
            let report = report(&car(&root, &sections));
            assert_eq!(codes(&report), expected);
            assert_eq!((report.records, report.unreferenced_blocks), (Some(3), Some(2)));
        }
    }
}

/// Unlinked nodes with this number of links.
fn decoys(count: u64) -> Vec<Vec<u8>> {
    let nodes = (0..count.div_ceil(2000)).map(|number| {
        let value = |at: u64| Cid::of(Codec::DagCbor, &(number * 2000 + at).to_be_bytes());
        let key = |at: u64| format!("com.example.a/{at:04}");
        let entry = |at| Entry { key: key(at).as_str().into(), value: value(at), right: None };
        let entries = (0..2000).map(entry).collect();
        section_of(&Block::dag_cbor(Node { left: None, entries }.encode()))
    });
    nodes.collect()
}

#[test]
fn a_flood_is_the_only_problem() {
    let (root, sections) = repository();
    let empty = section(&Cid::of(Codec::DagCbor, b"").to_bytes(), b"");
    let flood = |sections: u64| vec![empty.repeat(usize::try_from(sections).unwrap())];

    // More than any tree of these links allows: nothing is looked up.
    let (front, behind) = (vec![sections[0].clone()], sections[1..].to_vec());
    let over = car(&root, &[front.clone(), flood(1_010_000), behind.clone()].concat());
    let found = report(&over);
    assert_eq!(codes(&found), [Code::TooManyBlocks]);
    assert_eq!((found.records, found.unreferenced_blocks, found.order), (None, None, None));
    assert_eq!(found.blocks, Some(1_010_000 + sections.len() as u64));
    assert_eq!(found.did, Some(did()));

    let verdict = |parts: &[Vec<Vec<u8>>]| {
        let input = Input::spill(&car(&root, &parts.concat())[..], "test").unwrap();
        verify(&input, &expect(), &SystemClock, &mut Discard).unwrap()
    };
    // Behind a tree that has been read.
    let found = verdict(&[sections.clone(), flood(1_010_000)]);
    assert_eq!(codes(&found), [Code::TooManyBlocks]);
    assert_eq!((found.records, found.unreferenced_blocks), (Some(40), None));

    // Nodes that nothing links to make room in the index; in the end the tree's own size counts.
    let decoys = decoys(30_000);
    let reached = (sections.len() + decoys.len()) as u64;
    for (more, expected) in [(10, vec![]), (10_000, vec![Code::TooManyBlocks])] {
        let flood = flood(1_000_000 - reached + more);
        let found = verdict(&[front.clone(), flood, decoys.clone(), behind.clone()]);
        assert_eq!(codes(&found), expected);
        assert_eq!(found.unreferenced_blocks, Some(1 + decoys.len() as u64));
        assert_eq!(found.records, Some(40));
    }
}

/// Records first, their nodes behind: only the whole file tells how many links there are.
#[test]
fn many_sections_before_their_nodes_are_no_flood() {
    let records: BTreeMap<String, Vec<u8>> =
        [(paths()[0].to_owned(), record(40, 1))].into_iter().collect();
    let blocks = handmade::blocks(&records, &did(), rev(), &key());
    let root = blocks[0].cid().clone();
    let sections: Vec<Vec<u8>> = blocks.iter().map(section_of).collect();
    let empty = section(&Cid::of(Codec::DagCbor, b"").to_bytes(), b"");
    let flood = vec![empty.repeat(1_000_050)];
    let input = |links| {
        let parts = [flood.clone(), sections.clone(), decoys(links)].concat();
        Input::spill(&car(&root, &parts)[..], "test").unwrap()
    };
    let verified = |links| verify(&input(links), &expect(), &SystemClock, &mut Discard).unwrap();
    // Not enough of them: nothing was looked up. Enough: the tree is found, and its size counts.
    let found = verified(0);
    assert_eq!((codes(&found), found.did), (vec![Code::TooManyBlocks], None));
    let found = verified(2000);
    assert_eq!((codes(&found), found.did), (vec![Code::TooManyBlocks], Some(did())));
    assert_eq!((found.records, found.unreferenced_blocks), (Some(1), Some(2)));
}

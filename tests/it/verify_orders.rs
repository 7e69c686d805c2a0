//! The same verdict and the same problems, whatever the order of the sections, how far they were
//! read ahead, and whether the walk wants the records. Holds guarantee G21.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use crate::bench_common::{Order, Rng, did, signing_key, write_car};
use carrack::Code;
use carrack::block::{Block, Cid};
use carrack::car::{Reader, Writer};
use carrack::env::SystemClock;
use carrack::parts::sources::{BlockSource, Missing, Totals, verify_source};
use carrack::tree::RecordWant;
use carrack::verify::{Discard, ExpectedHead, Input, Order as Found, Report, Sink, verify};
use std::collections::HashMap;
use std::path::Path;

/// More than a mebibyte: smaller files are read without threads.
const RECORDS: u64 = 5000;

type Sections = Vec<(Cid, Vec<u8>)>;

/// What the reader of a plain map of blocks finds, which has no order and reads nothing ahead.
struct Plain {
    roots: Vec<Cid>,
    blocks: HashMap<Cid, Result<Block, Missing>>,
}

impl BlockSource for Plain {
    fn roots(&self) -> &[Cid] {
        &self.roots
    }

    fn want(&mut self, cid: &Cid) -> carrack::Result<Result<Block, Missing>> {
        Ok(self.blocks.get(cid).cloned().unwrap_or(Err(Missing::Absent)))
    }

    fn finish(&mut self, _: &mut dyn FnMut(carrack::Problem)) -> carrack::Result<Totals> {
        Ok(Totals::default())
    }

    fn position(&self) -> u64 {
        0
    }
}

/// Wants the records, and counts them.
#[derive(Default)]
struct Counting(u64);

impl Sink for Counting {
    fn record(&mut self, want: &RecordWant, block: &Block) -> carrack::Result<()> {
        assert_eq!(want.cid, *block.cid());
        self.0 += 1;
        Ok(())
    }
}

fn expect() -> ExpectedHead {
    ExpectedHead::signed_by([signing_key().verifying_key()]).did(did())
}

fn read(path: &Path) -> (Cid, Sections) {
    let mut reader = Reader::new(std::fs::File::open(path).unwrap()).unwrap();
    let root = reader.roots()[0].clone();
    let mut sections = Vec::new();
    while let Some(frame) = reader.next_section().unwrap() {
        sections.push((frame.cid.clone(), frame.bytes().to_vec()));
    }
    (root, sections)
}

fn plain(root: &Cid, sections: &Sections) -> Report {
    let mut blocks = HashMap::new();
    for (cid, bytes) in sections {
        let block = Block::check(cid.clone(), bytes.clone()).map_err(Missing::Wrong);
        blocks.entry(cid.clone()).or_insert(block);
    }
    let mut supply = Plain { roots: vec![root.clone()], blocks };
    verify_source(&mut supply, &expect(), &SystemClock, &mut Discard).unwrap()
}

/// Every problem without its offset, which a map has none of, in order.
fn told(report: &Report) -> Vec<String> {
    let each = report.problems.listed().iter().chain(report.warnings.listed());
    each.map(|problem| {
        let mut problem = problem.clone();
        problem.offset = None;
        problem.to_string()
    })
    .collect()
}

/// Verifies a file of these sections with and without a use for records.
fn compare(folder: &Path, root: &Cid, sections: &Sections, what: &str) -> Report {
    let path = folder.join("compared.car");
    let mut car =
        Writer::new(std::fs::File::create(&path).unwrap(), std::slice::from_ref(root)).unwrap();
    for (cid, bytes) in sections {
        car.write(cid, bytes).unwrap();
    }
    car.finish().unwrap();
    let input = Input::open(&path).unwrap();
    assert!(input.length() > 1 << 20, "read without threads");
    let plain = plain(root, sections);
    let mut counting = Counting::default();
    let with = verify(&input, &expect(), &SystemClock, &mut counting).unwrap();
    let without = verify(&input, &expect(), &SystemClock, &mut Discard).unwrap();
    let unread = |report: &Report| -> Vec<String> {
        // What no walk comes to is only found by who reads the file.
        told(report).into_iter().take(told(&plain).len()).collect()
    };
    assert_eq!(unread(&with), told(&plain), "{what}, with records");
    assert_eq!(told(&with), told(&without), "{what}: with and without records");
    assert_eq!(with, without, "{what}: the reports");
    assert_eq!((with.records, with.height), (plain.records, plain.height), "{what}");
    if let Some(records) = with.records.filter(|_| with.is_valid()) {
        assert_eq!(counting.0, records, "{what}");
    }
    with
}

/// Some pieces of the file change places, from there on.
fn disturbed(sections: &Sections, from: usize, rng: &mut Rng) -> Sections {
    let mut sections = sections.clone();
    for at in (from + 1..sections.len()).rev() {
        let other = from + usize::try_from(rng.below((at - from) as u64 + 1)).unwrap();
        sections.swap(at, other);
    }
    sections
}

#[test]
fn the_order_of_the_sections_changes_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.car");
    write_car(&path, RECORDS, Order::Streaming);
    let (root, whole) = read(&path);
    let mut rng = Rng::new(11);
    let is_streaming = |report: &Report| report.order == Some(Found::Streaming);

    let report = compare(folder.path(), &root, &whole, "streaming");
    assert!(report.is_valid() && is_streaming(&report));
    for from in [1, 2, whole.len() / 2, whole.len() - 40] {
        let shuffled = disturbed(&whole, from, &mut rng);
        let report = compare(folder.path(), &root, &shuffled, &format!("shuffled from {from}"));
        assert!(report.is_valid() && !is_streaming(&report));
    }
    for round in 0..12 {
        let from = if round % 3 == 0 { whole.len() } else { 1 + round * 37 };
        let mut damaged =
            if from < whole.len() { disturbed(&whole, from, &mut rng) } else { whole.clone() };
        for _ in 0..3 {
            let at = 1 + usize::try_from(rng.below(damaged.len() as u64 - 1)).unwrap();
            match rng.below(4) {
                0 => drop(damaged.remove(at)),
                1 => {
                    let middle = damaged[at].1.len() / 2;
                    damaged[at].1[middle] ^= 0x10;
                }
                2 => damaged.insert(at, damaged[at / 2].clone()),
                _ => damaged.insert(at, (Cid::of(carrack::block::Codec::Raw, b"x"), b"x".to_vec())),
            }
        }
        compare(folder.path(), &root, &damaged, &format!("damaged, round {round}"));
    }
}

/// What is found without a walk is only that nothing is wrong. These files do not begin in the
/// order of the walk, so that all of them are looked at in that way first.
#[test]
fn a_record_that_is_not_sound_is_found_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.car");
    write_car(&path, RECORDS, Order::Shuffled);
    let (root, whole) = read(&path);
    assert!(compare(folder.path(), &root, &whole, "whole").is_valid());
    let is_record = |bytes: &[u8]| {
        carrack::tree::Node::decode(bytes).is_err()
            && carrack::commit::Commit::decode(&Block::dag_cbor(bytes.to_vec())).is_err()
    };
    let records: Vec<usize> =
        (2..whole.len()).filter(|place| is_record(&whole[*place].1)).collect();
    for place in [records[0], records[records.len() / 2], records[records.len() - 1]] {
        let mut wrong = whole.clone();
        let last = wrong[place].1.len() - 1;
        wrong[place].1[last] ^= 1;
        let report = compare(folder.path(), &root, &wrong, "a changed bit");
        assert!(report.problems.listed().iter().any(|it| it.code == Code::HashMismatch));
        // A right section of the same CID in front of it, or behind it.
        for at in [1, wrong.len()] {
            let mut both = wrong.clone();
            both.insert(at, whole[place].clone());
            compare(folder.path(), &root, &both, "a right one and a wrong one");
        }
        let mut less = whole.clone();
        less.remove(place);
        let report = compare(folder.path(), &root, &less, "a missing record");
        assert!(report.problems.listed().iter().any(|it| it.code == Code::MissingRecord));
    }
}

#[test]
fn a_file_without_its_upper_nodes_is_looked_through_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.car");
    write_car(&path, RECORDS, Order::Shuffled);
    let (root, whole) = read(&path);
    // Each node that is left out leaves a hole, and the walk goes on behind it.
    for step in [50, 300] {
        let is_node = |bytes: &[u8]| carrack::tree::Node::decode(bytes).is_ok();
        let mut nodes = 0;
        let holes: Sections = whole
            .iter()
            .filter(|(_, bytes)| {
                nodes += usize::from(is_node(bytes));
                !(is_node(bytes) && nodes % step == 0)
            })
            .cloned()
            .collect();
        let report = compare(folder.path(), &root, &holes, &format!("every {step}th node missing"));
        assert!(!report.is_valid());
    }
}

#[test]
fn what_is_wrong_with_sections_that_nobody_asked_for_is_told_in_the_order_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.car");
    write_car(&path, RECORDS, Order::Shuffled);
    let (root, mut sections) = read(&path);
    for number in 0..1500u32 {
        let cid = Cid::of(carrack::block::Codec::Raw, &number.to_be_bytes());
        sections.insert(1 + number as usize * 3, (cid, b"something else".to_vec()));
    }
    let report = compare(folder.path(), &root, &sections, "with wrong sections");
    let listed = report.problems.listed();
    let offsets: Vec<u64> = listed.iter().filter_map(|problem| problem.offset).collect();
    assert_eq!((offsets.len(), report.problems.omitted()), (1000, 500));
    assert!(offsets.is_sorted());
    assert_eq!(listed[0].cid, Some(Cid::of(carrack::block::Codec::Raw, &0u32.to_be_bytes())));
}

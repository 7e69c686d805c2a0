//! An import and an export of any size take the same memory.
//!
//! Holds guarantee G13. One test in a process of its own, as it looks at the peak of the process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

mod common;

use carrack::block::{Block, Cid};
use carrack::car::Writer;
use carrack::commit::UnsignedCommit;
use carrack::engine::{Op, WriteOptions};
use carrack::ident::Rev;
use carrack::tree::{Child, Key, Tree};
use carrack::verify::{Input, Nothing, verify_file};
use carrack::{Engine, engine::Options};
use common::handmade::NoSource;
use common::{NOW, clock, did, key, options, with_key};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Records of 16 KiB: 320 MB altogether.
const RECORDS: u64 = 20_000;
const RECORD_BYTES: usize = 16 * 1024;
/// What `limits.rs` says of an import of any size; the database's cache takes 64 MiB of it.
const PEAK_MAX: u64 = 200 << 20;

fn path_of(number: u64) -> String {
    format!("com.example.post/{number:07}")
}

fn record_of(number: u64) -> Block {
    let mut bytes = common::record(64, number);
    // One long string: cheaper to make than a random one.
    let length = RECORD_BYTES as u16;
    bytes.splice(..bytes.len(), [0xa1, 0x61, b'd', 0x59].into_iter().chain(length.to_be_bytes()));
    bytes.extend(number.to_be_bytes().into_iter().cycle().take(RECORD_BYTES));
    Block::dag_cbor(bytes)
}

/// Writes the repository without ever holding its records, in streaming order or backwards.
fn write_car(path: &Path, backwards: bool) {
    let mut tree = Tree::empty();
    let mut numbers = BTreeMap::new();
    for number in 0..RECORDS {
        let cid = record_of(number).cid().clone();
        numbers.insert(cid.clone(), number);
        tree.insert(&Key::from(path_of(number).as_str()), cid, &mut NoSource).unwrap();
    }
    let rev = Rev::from_micros(NOW, 1).unwrap();
    let unsigned = UnsignedCommit { did: did(), data: tree.seal(), rev };
    let commit = unsigned.sign(&key()).unwrap();
    let mut order = vec![Part::Block(commit.block().clone())];
    push(tree.root(), &numbers, &mut order);
    if backwards {
        order.reverse();
    }
    let file = BufWriter::new(File::create(path).unwrap());
    let mut car = Writer::new(file, std::slice::from_ref(commit.cid())).unwrap();
    for part in order {
        let block = match part {
            Part::Block(block) => block,
            Part::Record(number) => record_of(number),
        };
        car.write(block.cid(), block.bytes()).unwrap();
    }
    car.finish().unwrap();
}

enum Part {
    Block(Block),
    Record(u64),
}

fn push(child: &Child, numbers: &BTreeMap<Cid, u64>, order: &mut Vec<Part>) {
    let Child::Held(node) = child else { panic!("not in memory") };
    order.push(Part::Block(node.block.clone().unwrap()));
    node.left.iter().for_each(|left| push(left, numbers, order));
    for entry in &node.entries {
        order.push(Part::Record(numbers[&entry.value]));
        entry.right.iter().for_each(|right| push(right, numbers, order));
    }
}

/// The most memory that the process has ever had, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
}

#[test]
fn large_imports_and_exports() {
    if peak().is_none() {
        eprintln!("skipped: the system does not tell a process's memory");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for backwards in [false, true] {
        let car = folder.path().join("repository.car");
        write_car(&car, backwards);
        let before = peak().unwrap();
        assert!(before < PEAK_MAX, "the test itself takes {before}");
        let input = Input::open(&car).unwrap();
        assert!(input.length() > RECORDS * RECORD_BYTES as u64);
        let report = verify_file(&input, &with_key().expect, &*clock(), &mut Nothing).unwrap();
        assert!(report.is_valid());
        let store = folder.path().join(format!("{backwards}.redb"));
        let engine = Engine::open_with(&store, &Options { ..options(&clock()) }).unwrap();
        let imported = engine.import(&input, &with_key()).unwrap();
        assert_eq!(imported.records, RECORDS);
        let exported = engine.export(&did(), std::io::sink()).unwrap();
        assert_eq!(exported.bytes, input.length());
        let ops = vec![Op::delete(path_of(RECORDS / 2).parse().unwrap())];
        engine.write(&did(), ops, &WriteOptions::default(), &key()).unwrap();
        let after = peak().unwrap();
        assert!(after < PEAK_MAX, "{after} bytes, backwards: {backwards}");
        eprintln!("peak: {before}, then {after}");
    }
}

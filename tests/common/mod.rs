//! What the tests share: engines on storage that can be looked into, accounts, records, mined
//! paths, repositories made by hand.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

pub mod cli_page;
#[cfg(feature = "cli")]
pub mod command;
pub mod disk;
pub mod handmade;
pub mod host;
pub mod material;
pub mod mined;
pub mod pages;
pub mod power;
pub mod raw;
mod rng;
pub mod sample;

pub use disk::Disk;
pub use rng::Rng;

use bytes::Bytes;
use carrack::Progress;
use carrack::engine::{
    Engine, ImportOptions, Imported, List, Op, Options, Record, WriteOptions, Written,
};
use carrack::env::{ManualClock, SeededRandom};
use carrack::ident::{Did, RepoPath};
use carrack::key::{Curve, SigningKey};
use carrack::verify::{ExpectedHead, Input};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When the tests take place, in microseconds.
pub const NOW: u64 = 1_750_000_000_000_000;

/// The account that most tests use.
pub fn did() -> Did {
    did_of(0)
}

/// Another account for each number.
pub fn did_of(number: u32) -> Did {
    let letters: String = (0..24)
        .map(|place| char::from(b'a' + u8::try_from((number >> (place % 8 * 4)) & 15).unwrap()))
        .collect();
    format!("did:plc:{letters}").parse().unwrap()
}

pub fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

/// The key that signs for all accounts.
pub fn key() -> SigningKey {
    SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap()
}

pub fn options(clock: &Arc<ManualClock>) -> Options {
    let random = Arc::new(SeededRandom::new(1));
    Options::default().clock(clock.clone()).random(random)
}

/// A clock that stands still.
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(NOW))
}

/// A new store in memory, with a clock that stands still.
pub fn engine() -> Engine {
    open(&Disk::new()).unwrap()
}

pub fn open(disk: &Disk) -> carrack::Result<Engine> {
    open_as(0, disk)
}

/// Opens a store that gets another name for each number, if it is new: two engines that move
/// accounts between them must not have the same.
pub fn open_as(number: u64, disk: &Disk) -> carrack::Result<Engine> {
    let random = Arc::new(SeededRandom::new(number + 1));
    carrack::parts::redb::open(disk.clone(), &options(&clock()).random(random))
}

/// A new store in memory with one empty account.
pub fn engine_with_account() -> Engine {
    let engine = engine();
    engine.create_account(&did(), &key()).unwrap();
    engine
}

/// A CAR that is in memory.
pub fn car_input(car: &[u8]) -> Input {
    Input::from(car.to_vec())
}

/// The op that creates a record of these bytes.
pub fn create_op(path: RepoPath, bytes: impl Into<Bytes>) -> Op {
    Op::create(path, Record::from_dag_cbor(bytes).unwrap())
}

/// The op that makes a record these bytes.
pub fn update_op(path: RepoPath, bytes: impl Into<Bytes>) -> Op {
    Op::update(path, Record::from_dag_cbor(bytes).unwrap())
}

/// A record of exactly this many bytes; another one for each number.
pub fn record(bytes: usize, number: u64) -> Vec<u8> {
    let header = |length: usize| match length {
        0..24 => vec![0x40 | length as u8],
        24..0x100 => vec![0x58, length as u8],
        0x100..0x1_0000 => [&[0x59], &(length as u16).to_be_bytes()[..]].concat(),
        _ => [&[0x5a], &(length as u32).to_be_bytes()[..]].concat(),
    };
    // Some lengths (27, say) cannot be reached with one string, as its header grows there.
    let room = bytes.saturating_sub(3);
    let fit = (1..=5).find_map(|head| {
        let length = room.checked_sub(head)?;
        (header(length).len() == head).then_some(length)
    });
    let Some(length) = fit else {
        return if bytes < 4 { vec![0xa0] } else { record(bytes - 1, number) };
    };
    let mut rng = Rng::new(number);
    let content = std::iter::repeat_with(|| rng.below(256) as u8).take(length);
    [&[0xa1, 0x61, b'd'], &header(length)[..]].concat().into_iter().chain(content).collect()
}

pub fn write(engine: &Engine, ops: Vec<Op>) -> carrack::Result<Written> {
    engine.write(&did(), ops, &WriteOptions::default(), &key())
}

pub fn export(engine: &Engine, did: &Did) -> Vec<u8> {
    let mut car = Vec::new();
    engine.export(did, &mut car).unwrap();
    car
}

/// The sections of a CAR in another order.
pub fn shuffle(car: &[u8], seed: u64) -> Vec<u8> {
    let mut reader = carrack::car::Reader::new(car).unwrap();
    let roots = reader.roots().to_vec();
    let mut sections = Vec::new();
    while let Some(section) = reader.next_section().unwrap() {
        sections.push(section.into_block().unwrap());
    }
    let mut rng = Rng::new(seed);
    for last in (1..sections.len()).rev() {
        let other = usize::try_from(rng.below(last as u64 + 1)).unwrap();
        sections.swap(last, other);
    }
    let mut out = carrack::car::Writer::new(Vec::new(), &roots).unwrap();
    for block in &sections {
        out.write(block.cid(), block.bytes()).unwrap();
    }
    out.finish().unwrap()
}

/// What an import with the tests' key is given.
pub fn with_key() -> ImportOptions {
    let expect = ExpectedHead::signed_by([key().verifying_key()]);
    ImportOptions::default().head(expect)
}

pub fn import(engine: &Engine, car: &[u8], options: &ImportOptions) -> carrack::Result<Imported> {
    engine.import(&Input::spill(car, "test").unwrap(), options)
}

/// All records of an account, as its snapshot lists them.
pub fn records(engine: &Engine, did: &Did) -> BTreeMap<String, Vec<u8>> {
    let snapshot = engine.snapshot(did).unwrap();
    let listed = snapshot.list(&List::default()).unwrap();
    listed
        .map(|record| {
            let record = record.unwrap();
            (record.path.to_string(), record.block.bytes().to_vec())
        })
        .collect()
}

#[track_caller]
pub fn assert_clean(engine: &Engine) {
    let report = engine.scrub(Progress::none()).unwrap();
    assert!(report.is_valid(), "{:?}", report.problems.listed());
}

/// Waits until no tree waits for its removal: until the store has this many rows.
#[track_caller]
pub fn await_rows(engine: &Engine, rows: u64) {
    let start = Instant::now();
    loop {
        let found = engine.scrub(Progress::none()).unwrap().rows;
        if found == rows {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{found} rows, {rows} expected");
        std::thread::sleep(Duration::from_millis(1));
    }
}

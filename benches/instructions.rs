//! Jobs for counting instructions: fixed inputs, a clock that stands still, seeded randomness.
//!
//! `benches/instructions` runs this under callgrind, once with the set-up alone and once with the
//! job after it; the difference is the job's, whichever threads it used. (Toggling collection at a
//! function, as libraries for this do, counts the calling thread only.)
//!
//! ```text
//! instructions prepare FOLDER          # makes the files; not counted
//! instructions SCENARIO FOLDER setup   # up to the job
//! instructions SCENARIO FOLDER job     # the same, and the job
//! ```
//!
//! Without arguments (`cargo bench -- --test`) every scenario runs once, on few records.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench may stop")]

mod common;

use carrack::engine::{Engine, ImportOptions, Op, Options, Record, WriteOptions};
use carrack::env::{ManualClock, SeededRandom};
use carrack::ident::RepoPath;
use carrack::verify::{self, Discard, ExpectedHead, Input};
use common::{Order, did, record, signing_key, write_car};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SCENARIOS: [&str; 6] = [
    "verify-streaming",
    "verify-shuffled",
    "import-streaming",
    "import-shuffled",
    "export",
    "commit",
];

/// After the revisions of the generated files.
const NOW_MICROS: u64 = 1_790_000_000_000_000;

/// How large the inputs are.
#[derive(Clone, Copy)]
struct Size {
    records: u64,
    /// What the account has before the commits.
    committed_on: u64,
    commits: u64,
}

const COUNTED: Size = Size { records: 5_000, committed_on: 2_000, commits: 200 };
const TRIED: Size = Size { records: 200, committed_on: 100, commits: 5 };

fn main() {
    // Cargo's own, `--bench` and `--test`, say nothing here.
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => try_all(),
        ["prepare", folder] => prepare(Path::new(folder), COUNTED),
        [scenario, folder, "setup"] => drop(set_up(scenario, Path::new(folder), COUNTED)),
        [scenario, folder, "job"] => set_up(scenario, Path::new(folder), COUNTED)(),
        _ => panic!("usage: prepare FOLDER | SCENARIO FOLDER setup|job"),
    }
}

fn try_all() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path(), TRIED);
    for scenario in SCENARIOS {
        set_up(scenario, folder.path(), TRIED)();
        println!("{scenario}: ran");
    }
}

/// Everything that a scenario reads.
fn prepare(folder: &Path, size: Size) {
    write_car(&folder.join("streaming.car"), size.records, Order::Streaming);
    write_car(&folder.join("shuffled.car"), size.records, Order::Shuffled);
    write_car(&folder.join("small.car"), size.committed_on, Order::Streaming);
    for (store, car) in [("export.redb", "streaming.car"), ("commit.redb", "small.car")] {
        let input = Input::open(folder.join(car)).unwrap();
        open(&folder.join(store)).import(&input, &import_options()).unwrap();
    }
}

/// Does what comes before the job, and gives the job. Dropping it ends what was begun.
fn set_up(scenario: &str, folder: &Path, size: Size) -> Box<dyn FnOnce()> {
    let file = |name: &str| Input::open(folder.join(name)).unwrap();
    match scenario {
        "verify-streaming" => verify(file("streaming.car"), size.records),
        "verify-shuffled" => verify(file("shuffled.car"), size.records),
        "import-streaming" => import(file("streaming.car"), folder, size.records),
        "import-shuffled" => import(file("shuffled.car"), folder, size.records),
        "export" => export(folder),
        "commit" => commit(folder, size),
        other => panic!("no scenario {other}; there are {SCENARIOS:?}"),
    }
}

fn verify(input: Input, records: u64) -> Box<dyn FnOnce()> {
    let (clock, expect) = (ManualClock::new(NOW_MICROS), expect());
    Box::new(move || {
        let report = verify::verify(&input, &expect, &clock, &mut Discard).unwrap();
        assert!(report.is_valid() && report.records == Some(records));
    })
}

fn import(input: Input, folder: &Path, records: u64) -> Box<dyn FnOnce()> {
    let (engine, options) = (open(&fresh(folder)), import_options());
    Box::new(move || assert_eq!(engine.import(&input, &options).unwrap().records, records))
}

fn export(folder: &Path) -> Box<dyn FnOnce()> {
    let engine = open(&copy(folder, "export.redb"));
    Box::new(move || drop(engine.export(&did(), std::io::sink()).unwrap()))
}

fn commit(folder: &Path, size: Size) -> Box<dyn FnOnce()> {
    let engine = open(&copy(folder, "commit.redb"));
    let key = signing_key();
    let numbers = size.committed_on..size.committed_on + size.commits;
    let records: Vec<(RepoPath, Vec<u8>)> =
        numbers.map(record).map(|(path, bytes)| (path.parse().unwrap(), bytes)).collect();
    Box::new(move || {
        for (path, bytes) in records {
            let op = Op::create(path, Record::from_dag_cbor(bytes).unwrap());
            engine.write(&did(), vec![op], &WriteOptions::default(), &key).unwrap();
        }
    })
}

fn open(store: &Path) -> Engine {
    let options = Options::default()
        .clock(Arc::new(ManualClock::new(NOW_MICROS)))
        .random(Arc::new(SeededRandom::new(3)));
    Engine::open_with(store, &options).unwrap()
}

/// Where a store can be created.
fn fresh(folder: &Path) -> PathBuf {
    let store = folder.join("fresh.redb");
    let _ = fs::remove_file(&store);
    store
}

/// A copy of a prepared store, which a job may change.
fn copy(folder: &Path, name: &str) -> PathBuf {
    let store = fresh(folder);
    fs::copy(folder.join(name), &store).unwrap();
    store
}

fn expect() -> ExpectedHead {
    ExpectedHead::signed_by([signing_key().verifying_key()]).did(did())
}

fn import_options() -> ImportOptions {
    ImportOptions::default().head(expect())
}

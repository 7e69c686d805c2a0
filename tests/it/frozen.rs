//! A store that was written when format version 1 was frozen is read, proved and written on.
//! Holds guarantees G22 and G29.
//!
//! `tests/frozen/v1.pages` holds the pages of its file that are not empty: each is its number
//! (`u32`, big-endian) and 4,096 bytes; the first four bytes are the number of pages of the file.
//! It is never written again: a change that cannot read it needs a new version of the format.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{NOW, create_op, did_of, key, path, record, update_op};
use carrack::engine::{Extent, Op, Options, State, Trust, WriteOptions};
use carrack::env::{Clock, ManualClock, SeededRandom};
use carrack::ident::Did;
use carrack::{Engine, Progress};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PAGE: usize = 4096;
/// Of the exports of the first two accounts.
const EXPORTS: [&str; 2] = [
    "b0f3d8405dafd8f63099d6a37823972269c61399b472fcc077843e6a5d7ac26e",
    "ea77bdabd9e65754e17e3faf8dcf4043f82ca185c074fd26a2cca220891e3afc",
];
const EVENTS: usize = 18;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen/v1.pages")
}

fn open(file: &Path, clock: &Arc<ManualClock>) -> Engine {
    Engine::open_with(file, &options(clock)).unwrap()
}

fn options(clock: &Arc<ManualClock>) -> Options {
    let random = Arc::new(SeededRandom::new(5));
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    Options::default().clock(clock).random(random)
}

/// The file as it was.
fn unpack(to: &Path) {
    let packed = std::fs::read(fixture()).unwrap();
    let (count, pages) = packed.split_first_chunk::<4>().unwrap();
    let mut file = vec![0; PAGE * u32::from_be_bytes(*count) as usize];
    for page in pages.chunks(4 + PAGE) {
        let (number, bytes) = page.split_first_chunk::<4>().unwrap();
        let at = PAGE * u32::from_be_bytes(*number) as usize;
        file[at..at + PAGE].copy_from_slice(bytes);
    }
    std::fs::write(to, file).unwrap();
}

fn export_digest(engine: &Engine, did: &Did) -> String {
    let mut car = Vec::new();
    let exported = engine.export(did, &mut car).unwrap();
    assert_eq!(exported.extent, Extent::Full);
    data_encoding::HEXLOWER.encode(&Sha256::digest(&car))
}

#[test]
fn a_store_of_version_1_is_read_and_written_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("v1.redb");
    unpack(&file);
    let clock = Arc::new(ManualClock::new(NOW + 3_600_000_000));
    let engine = open(&file, &clock);
    assert_eq!((engine.upgraded_from(), engine.is_read_only()), (Some(1), false));
    assert_holds_what_was_written(&engine);

    let before = engine.status(&did_of(0)).unwrap().rev.unwrap();
    let ops = vec![create_op(path("com.example.post/new"), record(50, 500))];
    let written = engine.write(&did_of(0), ops, &WriteOptions::default(), &key()).unwrap();
    assert!(written.rev > before);
    let diff = engine.export_since(&did_of(0), before, &mut std::io::sink()).unwrap();
    assert_eq!(diff.extent, Extent::Since(before));
    drop(engine);
    let engine = open(&file, &clock);
    assert_eq!(engine.upgraded_from(), None, "it is of the present format now");
    assert!(engine.scrub(Progress::none()).unwrap().is_valid());
    assert_eq!(engine.status(&did_of(1)).unwrap().state, State::Deactivated);
}

/// Not a byte of the file changes, and whatever would write is refused.
#[test]
fn a_store_of_version_1_is_read_without_an_upgrade() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("v1.redb");
    unpack(&file);
    let before = std::fs::read(&file).unwrap();
    let clock = Arc::new(ManualClock::new(NOW + 3_600_000_000));
    let options = options(&clock).upgrade(false);
    let engine = Engine::open_with(&file, &options).unwrap();
    assert_eq!((engine.upgraded_from(), engine.is_read_only()), (None, true));
    assert_holds_what_was_written(&engine);
    let car = {
        let mut car = Vec::new();
        engine.export(&did_of(0), &mut car).unwrap();
        car
    };
    let did = did_of(0);
    let import = || crate::common::import(&engine, &car, &crate::common::with_key()).map(drop);
    let expect = &crate::common::with_key().head;
    let attempts = [
        ("write", engine.write(&did, vec![], &WriteOptions::default(), &key()).map(drop)),
        ("create", engine.create_account(&did_of(9), &key()).map(drop)),
        ("import", import()),
        ("switch", engine.set_state(&did, State::Deactivated)),
        ("deletion", engine.delete_account(&did)),
        ("trust", engine.check_trust(&did, expect, &[]).map(drop)),
        ("mark a restore", engine.mark_restored().map(drop)),
        ("acceptance", engine.accept_rev(&did)),
    ];
    for (name, done) in attempts {
        let error = done.unwrap_err();
        assert!(matches!(error, carrack::Error::ReadOnly(_)), "{name}: {error}");
        assert!(error.to_string().contains("format 1"), "{name}: {error}");
    }
    assert_holds_what_was_written(&engine);
    engine.reopen().unwrap();
    assert_holds_what_was_written(&engine);
    drop(engine);
    let engine = Engine::open_with(&file, &options.clone().read_only(true)).unwrap();
    assert_eq!((engine.upgraded_from(), engine.is_read_only()), (None, true));
    assert_holds_what_was_written(&engine);
    drop(engine);
    assert!(std::fs::read(&file).unwrap() == before, "the file has changed");
    // It is as it was: the upgrade can still be had. And of one that has it, nothing is kept back.
    assert_eq!(open(&file, &clock).upgraded_from(), Some(1));
    let engine = Engine::open_with(&file, &options).unwrap();
    assert!(!engine.is_read_only());
    engine.write(&did, vec![], &WriteOptions::default(), &key()).unwrap();
}

fn assert_holds_what_was_written(engine: &Engine) {
    let report = engine.scrub(Progress::none()).unwrap();
    assert!(report.is_valid(), "{report:?}");
    for (number, expected) in (0..).zip(EXPORTS) {
        assert_eq!(export_digest(engine, &did_of(number)), expected);
    }
    assert_eq!(engine.status(&did_of(0)).unwrap().blobs_needed, 1);
    assert_eq!(engine.status(&did_of(1)).unwrap().state, State::Deactivated);
    assert_eq!(engine.status(&did_of(2)).unwrap().state, State::Deleted);
    assert_eq!(events_of(engine), EVENTS);
    let status = engine.status(&did_of(0)).unwrap();
    assert_eq!((status.trust, status.trust_key), (Trust::Verified, None));
    assert_eq!(status.key, Some(key().verifying_key().to_did_key()));
}

/// Reads all events, and gives how many there are.
fn events_of(engine: &Engine) -> usize {
    let mut events = engine.events(0).unwrap();
    let mut count = 0;
    while let Some(event) = events.next().unwrap() {
        event.event().unwrap();
        count += 1;
    }
    count
}

/// Three accounts with all that a row can be: runs of every height, a record that continues in
/// further rows, several revisions in one run, a blob, a deleted account.
fn fill(engine: &Engine, clock: &ManualClock) {
    for number in 0..3 {
        engine.create_account(&did_of(number), &key()).unwrap();
    }
    let write = |number, ops| {
        clock.advance(1_000_000);
        engine.write(&did_of(number), ops, &WriteOptions::default(), &key()).unwrap();
    };
    let at = |n: u64| path(&format!("com.example.post/3k{n:05}"));
    for batch in 0..6 {
        let each = (batch * 30..batch * 30 + 30).map(|n| create_op(at(n), record(90, n)));
        write(0, each.collect());
    }
    write(0, vec![create_op(path("com.example.post/long"), record(70_000, 9))]);
    let blob = serde_json::json!({ "$type": "com.example.picture", "picture": {
        "$type": "blob", "mimeType": "image/png", "size": 5,
        "ref": { "$link": "bafkreibme22gw2h7y2h7tg2fhqotaqjucnbc24deqo72b6mkl2egezxhvy" },
    }});
    let blob = carrack::block::json::from_json(&blob).unwrap();
    write(0, vec![create_op(path("com.example.picture/one"), blob)]);
    write(0, vec![update_op(at(7), record(60, 700)), Op::delete(at(8))]);
    write(1, vec![create_op(path("com.example.post/one"), record(40, 1))]);
    engine.set_state(&did_of(1), State::Deactivated).unwrap();
    write(2, vec![create_op(path("com.example.post/gone"), record(40, 2))]);
    engine.delete_account(&did_of(2)).unwrap();
}

/// What was written into the frozen store is written today as well: the same exports and events. The
/// store that this makes is kept, packed as the fixture is, in the new file that `CARRACK_FREEZE`
/// names: so was the fixture made.
#[test]
fn the_same_is_written_today() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("today.redb");
    let clock = Arc::new(ManualClock::new(NOW));
    let engine = open(&file, &clock);
    fill(&engine, &clock);
    assert_holds_what_was_written(&engine);
    drop(engine);
    if let Some(target) = std::env::var_os("CARRACK_FREEZE") {
        pack(&file, Path::new(&target));
    }
}

/// A file that is there is never written again.
fn pack(file: &Path, target: &Path) {
    let bytes = std::fs::read(file).unwrap();
    let mut packed = u32::try_from(bytes.len() / PAGE).unwrap().to_be_bytes().to_vec();
    for (number, page) in (0u32..).zip(bytes.chunks(PAGE)) {
        if page.iter().any(|byte| *byte != 0) {
            packed.extend_from_slice(&number.to_be_bytes());
            packed.extend_from_slice(page);
        }
    }
    std::fs::File::create_new(target).unwrap().write_all(&packed).unwrap();
}

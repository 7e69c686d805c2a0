//! Failures that pass, reopening and closing: what a server is told, and what is there afterwards.
//!
//! Holds guarantee G31.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::handmade::repository;
use crate::common::mined::MINED;
use crate::common::{
    Disk, assert_clean, clock, create_op, did, did_of, export, key, open, options, record, records,
};
use crate::common::{with_key, write};
use carrack::engine::{HealthState, List, Op};
use carrack::ident::Rev;
use carrack::parts::sources::FileSource;
use carrack::verify::Input;
use carrack::{Engine, ErrorKind};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

fn post(n: usize) -> Vec<Op> {
    vec![create_op(MINED[0][n].clone(), record(100, n as u64))]
}

fn with_account(disk: &Disk) -> Engine {
    let engine = open(disk).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    write(&engine, post(0)).unwrap();
    engine
}

/// A flush fails, and the disk works again: nothing more is written, each call says so and why, and
/// after reopening all that was acknowledged is there.
#[test]
fn a_failure_that_passes() {
    let disk = Disk::new();
    let engine = with_account(&disk);
    disk.fail_at_sync(disk.syncs() + 1);
    let error = write(&engine, post(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reopen, "{error}");
    assert!(error.to_string().contains("the power is gone"), "{error}");
    disk.heal();
    let written = disk.bytes_written();
    for _ in 0..3 {
        let error = write(&engine, post(2)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reopen, "{error}");
        assert!(error.to_string().contains("the power is gone"), "{error}");
    }
    match engine.health().state {
        HealthState::NeedsReopen { cause } => assert!(cause.contains("the power is gone")),
        state => panic!("{state:?}"),
    }
    assert_eq!(disk.bytes_written(), written);
    engine.reopen().unwrap();
    assert_eq!(engine.health().state, HealthState::Open);
    assert!(records(&engine, &did()).len() <= 2);
    write(&engine, post(2)).unwrap();
    assert!(records(&engine, &did()).contains_key(MINED[0][0].as_str()));
    assert_clean(&engine);
}

/// After an abnormal end the file is as a crash would leave it: closing writes nothing.
#[test]
fn an_abnormal_end_writes_nothing() {
    let disk = Disk::new();
    let engine = with_account(&disk);
    disk.fail_at_sync(disk.syncs() + 1);
    write(&engine, post(1)).unwrap_err();
    disk.heal();
    let (written, syncs) = (disk.bytes_written(), disk.syncs());
    drop(engine);
    assert_eq!((disk.bytes_written(), disk.syncs()), (written, syncs));
    let engine = open(&disk).unwrap();
    assert!(!records(&engine, &did()).is_empty());
    assert_clean(&engine);
}

#[test]
fn a_snapshot_ends_with_its_session() {
    let engine = with_account(&Disk::new());
    let snapshot = engine.snapshot(&did()).unwrap();
    assert!(snapshot.record(&MINED[0][0]).unwrap().is_some());
    engine.reopen().unwrap();
    let error = snapshot.record(&MINED[0][0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    let snapshot = engine.snapshot(&did()).unwrap();
    let mut listed = snapshot.list(&List::default()).unwrap();
    engine.reopen().unwrap();
    let ended = listed.find_map(Result::err).unwrap();
    assert_eq!(ended.kind(), ErrorKind::Stale, "{ended}");
    write(&engine, post(1)).unwrap();
}

/// The file is let go of although a snapshot is held.
#[test]
fn a_held_snapshot_does_not_hold_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let first = Engine::open(&path).unwrap();
    first.create_account(&did(), &key()).unwrap();
    let snapshot = first.snapshot(&did()).unwrap();
    drop(first);
    let second = Engine::open(&path).unwrap();
    let error = snapshot.record(&MINED[0][0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    second.write(&did(), post(0), &carrack::engine::WriteOptions::default(), &key()).unwrap();
    second.close();
    second.close();
    let error = second.snapshot(&did()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    assert_eq!(write(&second, post(1)).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(second.reopen().unwrap_err().kind(), ErrorKind::Closed);
    Engine::open(&path).unwrap();
}

/// A file, reopened: its lock goes from one session to the next, and is not lost between.
#[test]
fn a_file_is_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let engine = Engine::open(&path).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    engine.reopen().unwrap();
    assert!(Engine::open(&path).is_err());
    engine.create_account(&did_of(1), &key()).unwrap();
    engine.close();
    assert_eq!(Engine::open(&path).unwrap().accounts().unwrap().len(), 2);
}

/// Waiting for an event for as long as it takes is not a time that overflows; and the reader goes on
/// in the next session.
#[test]
fn an_event_is_waited_for_across_a_reopening() {
    let engine = Arc::new(with_account(&Disk::new()));
    let last = engine.last_seq().unwrap();
    let waiting = Arc::clone(&engine);
    let reader = std::thread::spawn(move || {
        let mut events = waiting.events(last).unwrap();
        events.wait(Duration::MAX).unwrap().unwrap().seq
    });
    std::thread::sleep(Duration::from_millis(30));
    engine.reopen().unwrap();
    write(&engine, post(1)).unwrap();
    assert_eq!(reader.join().unwrap(), last + 1);
}

/// An input that reopens the engine when most of it has been read.
struct Reopening<'a> {
    car: &'a [u8],
    at: usize,
    engine: &'a Engine,
    left: usize,
}

impl Read for Reopening<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = out.len().min(self.car.len() - self.at).min(1 << 16);
        out[..count].copy_from_slice(&self.car[self.at..self.at + count]);
        self.at += count;
        if self.left > 0 && self.at >= self.left {
            self.left = 0;
            self.engine.reopen().unwrap();
        }
        Ok(count)
    }
}

/// Rows that were not flushed end with their session: an import that goes on across it would publish
/// a tree with holes.
#[test]
fn an_import_does_not_go_on_across_a_reopening() {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    let paths = MINED.iter().flatten();
    let large: BTreeMap<_, _> =
        paths.zip(0..).map(|(path, n)| (path.to_string(), record(50_000, n))).collect();
    let car = repository(&large, &did(), Rev::from_micros(crate::common::NOW, 0).unwrap(), &key());
    let input = Reopening { car: &car, at: 0, engine: &engine, left: car.len() * 3 / 4 };
    let mut supply = carrack::parts::sources::StreamSource::new(input).unwrap();
    let error = carrack::parts::sources::import(&engine, &mut supply, &with_key()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    assert!(engine.accounts().unwrap().is_empty());
    crate::common::await_rows(&engine, 0);
    let mut supply = FileSource::new(Input::spill(&car[..], "test").unwrap()).unwrap();
    carrack::parts::sources::import(&engine, &mut supply, &with_key()).unwrap();
    assert_eq!(export(&engine, &did()), car);
    assert_clean(&engine);
}

/// The folder of a new store is flushed with it, which no test can see in memory: the store is there.
#[test]
fn a_new_store_in_the_working_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.redb");
    let engine = Engine::open_with(&path, &options(&clock()).create(true)).unwrap();
    drop(engine);
    assert!(path.exists());
}

/// The disk is still bad when the engine is reopened: it asks to be reopened again, and says why.
#[test]
fn a_reopening_that_fails_can_be_repeated() {
    let disk = Disk::new();
    let engine = with_account(&disk);
    disk.fail_at_sync(disk.syncs() + 1);
    write(&engine, post(1)).unwrap_err();
    for _ in 0..2 {
        assert_eq!(engine.reopen().unwrap_err().kind(), ErrorKind::Reopen);
        let kinds = [
            engine.status(&did()).unwrap_err().kind(),
            engine.snapshot(&did()).err().unwrap().kind(),
            write(&engine, post(2)).unwrap_err().kind(),
            engine.events(0).err().unwrap().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::Reopen; 4]);
        assert!(matches!(engine.health().state, HealthState::NeedsReopen { .. }));
    }
    disk.heal();
    engine.reopen().unwrap();
    write(&engine, post(2)).unwrap();
}

/// An output that reopens the engine.
struct ReopeningOutput<'a>(&'a Engine);

impl std::io::Write for ReopeningOutput<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.reopen().unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What an export could not read to its end is not missing from the store.
#[test]
fn an_export_that_ends_with_its_session() {
    let engine = open(&Disk::new()).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    // More than waits for a slow output.
    for (n, paths) in MINED[0].chunks(4).enumerate() {
        let ops = paths.iter().map(|path| create_op(path.clone(), record(400_000, n as u64)));
        write(&engine, ops.collect()).unwrap();
    }
    let error = engine.export(&did(), ReopeningOutput(&engine)).unwrap_err();
    // While the next session is being opened, or once it is.
    assert!(matches!(error.kind(), ErrorKind::Stale | ErrorKind::Reopen), "{error}");
}

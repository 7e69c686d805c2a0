//! A backup is the store at one moment; a restored store writes nothing before the restore is confirmed,
//! and goes on above them.
//!
//! Holds guarantees G19 and G20.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::disk::Loss;
use crate::common::power::Trial;
use crate::common::{
    Disk, NOW, assert_clean, car_input, clock, create_op, did, did_of, engine_with_account, export,
    import, key, open, options, path, record, records, with_key,
};
use carrack::engine::{Op, State, WriteOptions};
use carrack::env::{ManualClock, SeededRandom};
use carrack::ident::{Did, Rev};
use carrack::limits::{CLOCK_DRIFT_MAX_MICROS, RESTORE_SEQ_MAX};
use carrack::migrate::{MigrateOptions, migrate};
use carrack::{Engine, Error, ErrorKind, Progress, Result};
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const LOWEST_SEQ: u64 = 5_000;

fn lowest_rev() -> Rev {
    Rev::from_micros(NOW + 60_000_000, 3).unwrap()
}

fn numbered(number: u64) -> Op {
    create_op(path(&format!("com.example.post/{number:06}")), record(3_000, number))
}

fn add(engine: &Engine, did: &Did, number: u64) -> Result<Rev> {
    let options = WriteOptions::default();
    Ok(engine.write(did, vec![numbered(number)], &options, &key())?.rev)
}

/// A store with two accounts, of which one has been deactivated.
fn source() -> Engine {
    let engine = engine_with_account();
    for number in 0..40 {
        add(&engine, &did(), number).unwrap();
    }
    engine.create_account(&did_of(1), &key()).unwrap();
    add(&engine, &did_of(1), 0).unwrap();
    engine.set_state(&did_of(1), State::Deactivated).unwrap();
    engine
}

fn backup_of(engine: &Engine) -> Disk {
    let disk = Disk::new();
    carrack::parts::redb::backup(engine, disk.clone(), Progress::none()).unwrap();
    disk
}

/// Everything that can be seen of a store, but for whether its restore is confirmed.
fn seen(engine: &Engine) -> String {
    let accounts = engine.accounts().unwrap();
    let rows: Vec<_> = accounts.iter().map(|one| engine.rows_digest(&one.did).ok()).collect();
    let mut log = engine.events(0).unwrap();
    let mut events = blake3::Hasher::new();
    while let Some(event) = log.next().unwrap() {
        events.update(&event.frame());
    }
    let last = engine.last_seq().unwrap();
    format!("{accounts:?} {rows:?} {last} {} {}", events.finalize(), engine.name())
}

#[test]
fn a_backup_is_the_store() {
    let engine = source();
    let told = Mutex::new(Vec::new());
    let tell = |bytes| told.lock().unwrap().push(bytes);
    let disk = Disk::new();
    let done = carrack::parts::redb::backup(&engine, disk.clone(), Progress::to(&tell)).unwrap();
    let copy = open(&disk).unwrap();
    assert_eq!(seen(&copy), seen(&engine));
    assert_clean(&copy);
    assert_eq!(export(&copy, &did()), export(&engine, &did()));
    assert_eq!(done.accounts, 2);
    assert_eq!(done.last_seq, engine.last_seq().unwrap());
    assert_eq!(done.rows, copy.scrub(Progress::none()).unwrap().rows);
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted() && told.last() == Some(&done.bytes), "{told:?}");
    let unconfirmed = copy.unconfirmed_restore().unwrap().unwrap();
    let last_rev = engine.accounts().unwrap().iter().map(|one| one.rev).max().unwrap();
    assert_eq!((unconfirmed.micros, unconfirmed.last_seq), (NOW, done.last_seq));
    assert_eq!((unconfirmed.last_rev, done.last_rev), (last_rev, last_rev));
    // The store itself has not noticed, and a backup of a backup is one too.
    assert_eq!(engine.unconfirmed_restore().unwrap(), None);
    add(&engine, &did(), 99).unwrap();
    let again = open(&backup_of(&copy)).unwrap();
    assert_eq!(seen(&again), seen(&copy));
    assert!(again.unconfirmed_restore().unwrap().is_some());
}

/// One thread writes to two accounts in turn while the copy waits for it at every step: the copy
/// has to have both as they were at one moment.
#[test]
fn a_backup_during_commits_is_one_moment() {
    let engine = engine_with_account();
    engine.create_account(&did_of(1), &key()).unwrap();
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for number in 0.. {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                add(&engine, &did(), number).unwrap();
                add(&engine, &did_of(1), number).unwrap();
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        let more = |count: u64| {
            let from = done.load(Ordering::SeqCst);
            while done.load(Ordering::SeqCst) < from + count && !writing.is_finished() {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        for _ in 0..3 {
            more(20);
            let before = done.load(Ordering::SeqCst);
            let disk = Disk::new();
            let copied =
                carrack::parts::redb::backup(&engine, disk.clone(), Progress::to(&|_| more(3)))
                    .unwrap();
            assert!(done.load(Ordering::SeqCst) > before + 10, "nothing was written meanwhile");
            assert_is_one_moment(&open(&disk).unwrap(), copied.last_seq, before);
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert_clean(&engine);
}

fn assert_is_one_moment(copy: &Engine, last_seq: u64, before: u64) {
    assert_clean(copy);
    let held = [did(), did_of(1)].map(|did| {
        let found = records(copy, &did);
        let expected: BTreeMap<_, _> = (0..found.len() as u64)
            .map(|number| (format!("com.example.post/{number:06}"), record(3_000, number)))
            .collect();
        assert!(found == expected, "{} records are not the first ones", found.len());
        found.len() as u64
    });
    assert!(held[0] == held[1] || held[0] == held[1] + 1, "{held:?} are of two moments");
    assert!(held[1] >= before, "{held:?} records of {before}");
    // The log ends with the commit that the accounts end with: three events make an account.
    assert_eq!(copy.last_seq().unwrap(), 6 + held[0] + held[1]);
    assert_eq!(copy.last_seq().unwrap(), last_seq);
}

/// An engine of another name.
fn elsewhere() -> Engine {
    let random = Arc::new(SeededRandom::new(2));
    carrack::parts::redb::open(Disk::new(), &options(&clock()).random(random)).unwrap()
}

/// All that writes. Each is done to a store whose restore is unconfirmed.
fn attempts(copy: &Engine) -> Vec<(&'static str, Result<()>)> {
    let other = elsewhere();
    other.create_account(&did_of(2), &key()).unwrap();
    let newer = crate::common::engine();
    import(&newer, &export(copy, &did()), &with_key()).unwrap();
    let since = newer.status(&did()).unwrap().rev.unwrap();
    add(&newer, &did(), 100).unwrap();
    let mut diff = Vec::new();
    newer.export_since(&did(), since, &mut diff).unwrap();
    let held = copy.status(&did()).unwrap().commit;
    let over = with_key().replace(held);
    let there_key = key();
    let move_to = MigrateOptions::new("there", &there_key);
    let out = elsewhere();
    let attempts = vec![
        ("create", copy.create_account(&did_of(3), &key()).map(drop)),
        ("write", add(copy, &did(), 100).map(drop)),
        ("re-sign", copy.write(&did(), vec![], &WriteOptions::default(), &key()).map(drop)),
        ("import", import(copy, &export(&other, &did_of(2)), &with_key()).map(drop)),
        ("import over", import(copy, &export(&newer, &did()), &over).map(drop)),
        ("import the same", import(copy, &export(copy, &did()), &with_key()).map(drop)),
        ("apply", copy.apply_diff(&car_input(&diff[..]), &over).map(drop)),
        ("deactivate", copy.set_state(&did(), State::Deactivated)),
        ("announce", copy.announce_identity(&did(), None).map(drop)),
        ("delete", copy.delete_account(&did())),
        ("move out", migrate(copy, &out, &did(), &move_to).map(drop)),
        ("move in", migrate(&other, copy, &did_of(2), &move_to).map(drop)),
    ];
    // Nobody else's account has been touched by a move that could not be.
    assert_eq!(other.status(&did_of(2)).unwrap().state, State::Active);
    assert_eq!(out.accounts().unwrap(), []);
    attempts
}

#[track_caller]
fn assert_takes_no_writes(copy: &Engine) {
    let before = seen(copy);
    for (name, outcome) in attempts(copy) {
        let Err(error) = outcome else { panic!("{name}") };
        assert!(matches!(error, Error::RestoreUnconfirmed { .. }), "{name}: {error:?}");
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("Engine::confirm_restore"), "{error}");
        assert_eq!(seen(copy), before, "{name}");
    }
    assert_clean(copy);
}

#[track_caller]
fn assert_goes_on_above(copy: &Engine, seq: u64, rev: Rev) {
    let written = copy.write(&did(), vec![numbered(500)], &WriteOptions::default(), &key());
    let written = written.unwrap();
    assert_eq!(written.seq, Some(seq + 1));
    assert!(written.rev > rev, "{} after the minimum {rev}", written.rev);
    let fresh = copy.create_account(&did_of(9), &key()).unwrap();
    assert!(fresh > rev, "{fresh} of an account that is not in the copy");
    copy.set_state(&did_of(1), State::Active).unwrap();
    assert!(add(copy, &did_of(1), 1).unwrap() > rev);
    copy.delete_account(&did_of(1)).unwrap();
    assert!(copy.create_account(&did_of(1), &key()).unwrap() > rev);
    let mut events = copy.events(seq).unwrap();
    assert_eq!(events.next().unwrap().unwrap().seq, seq + 1);
    assert_clean(copy);
}

#[test]
fn a_backup_takes_no_writes_before_it_is_confirmed() {
    let disk = backup_of(&source());
    assert_takes_no_writes(&open(&disk).unwrap());
    // Nor after it was closed and opened.
    let copy = open(&disk).unwrap();
    assert_takes_no_writes(&copy);
    copy.confirm_restore(LOWEST_SEQ, lowest_rev()).unwrap();
    assert_eq!(copy.unconfirmed_restore().unwrap(), None);
    drop(copy);
    let copy = open(&disk).unwrap();
    assert_eq!(copy.last_seq().unwrap(), LOWEST_SEQ);
    assert_goes_on_above(&copy, LOWEST_SEQ, lowest_rev());
}

#[test]
fn a_copied_file_is_marked_and_takes_no_writes() {
    let disk = Disk::holding({
        let disk = Disk::new();
        let engine = open(&disk).unwrap();
        import(&engine, &export(&source(), &did()), &with_key()).unwrap();
        import(&engine, &export(&source(), &did_of(1)), &with_key()).unwrap();
        engine.set_state(&did_of(1), State::Deactivated).unwrap();
        drop(engine);
        disk.image()
    });
    let copy = open(&disk).unwrap();
    let marked = copy.mark_restored().unwrap();
    assert_takes_no_writes(&copy);
    drop(copy);
    let copy =
        carrack::parts::redb::open(disk, &options(&Arc::new(ManualClock::new(NOW + 7)))).unwrap();
    assert_eq!(copy.unconfirmed_restore().unwrap(), Some(marked));
    assert_eq!(copy.mark_restored().unwrap(), marked, "marked a second time");
    copy.confirm_restore(LOWEST_SEQ, lowest_rev()).unwrap();
    assert_goes_on_above(&copy, LOWEST_SEQ, lowest_rev());
}

#[test]
fn lower_bounds_that_are_below_or_beyond_are_refused() {
    let copy = open(&backup_of(&source())).unwrap();
    let held = copy.unconfirmed_restore().unwrap().unwrap();
    let (seq, rev) = (held.last_seq, held.last_rev.unwrap());
    let below = Rev::from_u64(rev.as_u64() - 1).unwrap();
    let future = Rev::from_micros(NOW + CLOCK_DRIFT_MAX_MICROS + 1, 0).unwrap();
    let before = seen(&copy);
    for (seq, rev, kind) in [
        (seq - 1, rev, ErrorKind::Invalid),
        (0, lowest_rev(), ErrorKind::Invalid),
        (seq, below, ErrorKind::Invalid),
        (RESTORE_SEQ_MAX + 1, rev, ErrorKind::Invalid),
        (u64::MAX, rev, ErrorKind::Invalid),
        (seq, future, ErrorKind::Unavailable),
    ] {
        let error = copy.confirm_restore(seq, rev).unwrap_err();
        assert_eq!(error.kind(), kind, "{seq} {rev}: {error}");
        assert_eq!(copy.unconfirmed_restore().unwrap(), Some(held));
        assert_eq!(seen(&copy), before);
    }
    // What the copy holds is the lowest that it takes; and lower bounds are never lowered.
    copy.confirm_restore(seq, rev).unwrap();
    copy.confirm_restore(LOWEST_SEQ, lowest_rev()).unwrap();
    copy.confirm_restore(LOWEST_SEQ, lowest_rev()).unwrap();
    assert_eq!(copy.confirm_restore(seq, lowest_rev()).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(copy.confirm_restore(LOWEST_SEQ, rev).unwrap_err().kind(), ErrorKind::Invalid);
    assert_goes_on_above(&copy, LOWEST_SEQ, lowest_rev());
}

#[test]
fn old_events_stay_until_the_restore_is_confirmed() {
    let disk = backup_of(&source());
    let later = Arc::new(ManualClock::new(NOW + 100 * 3600 * 1_000_000));
    let copy = carrack::parts::redb::open(disk, &options(&later)).unwrap();
    assert!(add(&copy, &did(), 100).is_err());
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(copy.oldest_seq().unwrap(), Some(1));
    copy.confirm_restore(LOWEST_SEQ, lowest_rev()).unwrap();
    let start = std::time::Instant::now();
    while copy.oldest_seq().unwrap() == Some(1) {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the writer does not look after the log"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn trees_that_are_nobodys_are_left_out() {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    import(&engine, &export(&source(), &did()), &with_key()).unwrap();
    // Nothing is removed from a store whose restore is unconfirmed.
    engine.mark_restored().unwrap();
    let rows = engine.scrub(Progress::none()).unwrap().rows;
    drop(engine);
    let table = |name| TableDefinition::<&[u8], &[u8]>::new(name);
    let blobs: TableDefinition<&[u8], ()> = TableDefinition::new("carrack.blobs.1");
    let journal: TableDefinition<u64, &[u8]> = TableDefinition::new("carrack.journal.1");
    let doomed: TableDefinition<u64, ()> = TableDefinition::new("carrack.doomed.1");
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let txn = database.begin_write().unwrap();
    for tree in [0_u64, 77, 78] {
        let key = [&tree.to_be_bytes()[..], b"com.example.post/1\0\0"].concat();
        txn.open_table(table("carrack.rows.1")).unwrap().insert(&key[..], &[1][..]).unwrap();
        txn.open_table(blobs).unwrap().insert(&key[..], ()).unwrap();
    }
    txn.open_table(doomed).unwrap().insert(0, ()).unwrap();
    txn.open_table(doomed).unwrap().insert(78, ()).unwrap();
    txn.open_table(journal).unwrap().insert(77, &b"import"[..]).unwrap();
    txn.commit().unwrap();
    drop(database);
    let engine = open(&disk).unwrap();
    assert_eq!(engine.scrub(Progress::none()).unwrap().rows, rows + 3);
    let copied = backup_of(&engine);
    let copy = open(&copied).unwrap();
    assert_clean(&copy);
    assert_eq!(copy.scrub(Progress::none()).unwrap().rows, rows);
    assert_eq!(copy.rows_digest(&did()).unwrap(), engine.rows_digest(&did()).unwrap());
    drop(copy);
    let database = Database::builder().create_with_backend(copied).unwrap();
    let txn = database.begin_read().unwrap();
    assert_eq!(txn.open_table(blobs).unwrap().len().unwrap(), 0);
    assert_eq!(txn.open_table(journal).unwrap().len().unwrap(), 0);
    assert_eq!(txn.open_table(doomed).unwrap().len().unwrap(), 0);
}

#[test]
fn what_is_there_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let engine = source();
    let file = folder.path().join("letter.txt");
    std::fs::write(&file, b"Dear sirs,").unwrap();
    let error = engine.backup(&file, Progress::none()).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
    assert_eq!(std::fs::read(&file).unwrap(), b"Dear sirs,");
    assert!(matches!(engine.backup(folder.path(), Progress::none()), Err(Error::Exists { .. })));
    // Also what comes while the backup is being written.
    let late = folder.path().join("late.redb");
    let error = engine
        .backup(&late, Progress::to(&|_| std::fs::write(&late, b"mine").unwrap()))
        .unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
    assert_eq!(std::fs::read(&late).unwrap(), b"mine");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "a part is left");
    let nowhere = folder.path().join("no/such/folder.redb");
    assert!(matches!(engine.backup(&nowhere, Progress::none()), Err(Error::Io { .. })));
    let disk = Disk::holding(vec![1]);
    assert!(matches!(
        carrack::parts::redb::backup(&engine, disk, Progress::none()),
        Err(Error::Exists { .. })
    ));
}

#[test]
fn a_file_has_its_name_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.redb");
    let engine = source();
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        engine.backup(&file, Progress::to(&|_| panic!("the caller has gone")))
    }));
    assert!(broken.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "half a backup is left");
    let parts = Mutex::new(Vec::new());
    let look = |_| {
        assert!(!file.exists(), "it has its name before it is whole");
        let found = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        parts.lock().unwrap().push(std::fs::read(found).unwrap());
    };
    engine.backup(&file, Progress::to(&look)).unwrap();
    let parts = parts.into_inner().unwrap();
    // What would be left of it, had the machine stopped there, is no store.
    assert!(parts.len() > 3, "{} steps", parts.len());
    for part in parts {
        let opened = open(&Disk::holding(part));
        assert!(matches!(opened, Err(Error::Format(_) | Error::Store(_))), "{opened:?}");
    }
    let copy = Engine::open_with(&file, &options(&clock())).unwrap();
    assert_eq!(seen(&copy), seen(&engine));
}

#[test]
fn a_power_failure_leaves_no_half_of_a_backup() {
    let engine = source();
    let (mut failures, whole) = (0, seen(&engine));
    for sync in 1.. {
        let disk = Disk::new();
        disk.fail_at_sync(sync);
        let copied = carrack::parts::redb::backup(&engine, disk.clone(), Progress::none());
        if !disk.failed() {
            copied.unwrap();
            break;
        }
        failures += 1;
        for loss in Loss::all(sync) {
            match open(&disk.after(loss)) {
                Err(_) => assert!(copied.is_err(), "a backup that was confirmed is gone"),
                Ok(copy) if copy.accounts().unwrap().is_empty() => {
                    // A database in which nothing is yet: a store that has just been made.
                    assert!(copied.is_err() && copy.last_seq().unwrap() == 0);
                }
                Ok(copy) => {
                    assert_eq!(seen(&copy), whole, "{loss:?} at sync {sync}");
                    assert!(copy.unconfirmed_restore().unwrap().is_some());
                    assert_clean(&copy);
                }
            }
        }
    }
    assert!(failures >= 6, "power failed {failures} times");
}

#[test]
fn a_restore_is_confirmed_whole_or_not_at_all() {
    let setup = |engine: &Engine| {
        for number in 0..4 {
            engine.create_account(&did_of(number), &key()).unwrap();
        }
        engine.mark_restored().unwrap();
    };
    let trial = Trial {
        setup: &|[engine]: &[Engine; 1]| setup(engine),
        act: &|[engine]| engine.confirm_restore(LOWEST_SEQ, lowest_rev()),
        check: &|[engine], acted| {
            let unconfirmed = engine.unconfirmed_restore().unwrap();
            assert_clean(engine);
            if unconfirmed.is_some() {
                assert!(acted.is_err(), "a restore that was confirmed is not any more");
                assert_eq!(engine.last_seq().unwrap(), 12);
                assert!(add(engine, &did(), 1).is_err());
                engine.confirm_restore(LOWEST_SEQ, lowest_rev()).unwrap();
            }
            assert_eq!(engine.last_seq().unwrap(), LOWEST_SEQ);
            for number in 0..4 {
                assert!(add(engine, &did_of(number), 1).unwrap() > lowest_rev());
            }
        },
    };
    assert!(trial.run() > 0);
}

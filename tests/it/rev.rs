//! Revisions of an account only rise: over clocks that step back, restarts, deletion and import.
//!
//! Holds guarantee G11.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::{
    Disk, NOW, assert_clean, create_op, did, export, handmade, import, key, options, path, record,
    with_key, write,
};
use carrack::engine::{State, WriteOptions};
use carrack::env::{Clock, ManualClock};
use carrack::ident::Rev;
use carrack::limits::CLOCK_DRIFT_MAX_MICROS;
use carrack::{Code, Engine, Error, Progress};
use std::collections::BTreeMap;
use std::sync::Arc;

fn engine_at(clock: &Arc<ManualClock>, disk: &Disk) -> Engine {
    carrack::parts::redb::open(disk.clone(), &options(clock)).unwrap()
}

fn touch(engine: &Engine) -> carrack::Result<Rev> {
    let options = WriteOptions::default().commit_anyway(true);
    engine.write(&did(), vec![], &options, &key()).map(|written| written.rev)
}

fn rev(engine: &Engine) -> Rev {
    engine.status(&did()).unwrap().rev.unwrap()
}

#[test]
fn a_clock_that_stands_or_steps_back() {
    let (clock, disk) = (crate::common::clock(), Disk::new());
    let engine = engine_at(&clock, &disk);
    let mut last = engine.create_account(&did(), &key()).unwrap();
    for step in [0_i64, 0, 1, 1_000_000, -1, -999, -1_000_000, 5, -100_000_000, 0, 60_000_000] {
        clock.set(NOW.checked_add_signed(step).unwrap());
        let written = write(
            &engine,
            vec![create_op(path(&format!("com.example.step/{last}")), record(9, 1))],
        );
        let written = written.unwrap();
        assert!(written.rev > last, "{step}");
        assert_eq!(written.since, last);
        assert_eq!(rev(&engine), written.rev);
        last = written.rev;
    }
    assert_clean(&engine);
}

#[test]
fn a_clock_far_behind_signs_nothing() {
    let (clock, disk) = (crate::common::clock(), Disk::new());
    let engine = engine_at(&clock, &disk);
    let last = engine.create_account(&did(), &key()).unwrap();
    clock.set(NOW - CLOCK_DRIFT_MAX_MICROS - 1);
    let before = engine.status(&did()).unwrap();
    assert!(matches!(touch(&engine), Err(Error::RevAhead { .. })));
    assert_eq!(engine.status(&did()).unwrap(), before);
    clock.advance(1);
    assert!(touch(&engine).unwrap() > last);
    // And again now, as the revision has gone up by a microsecond.
    assert!(matches!(touch(&engine), Err(Error::RevAhead { .. })));
    clock.set(NOW + 5);
    assert!(touch(&engine).unwrap() > last);
}

#[test]
fn a_restart_with_an_earlier_clock() {
    let (clock, disk) = (crate::common::clock(), Disk::new());
    let engine = engine_at(&clock, &disk);
    engine.create_account(&did(), &key()).unwrap();
    let last = touch(&engine).unwrap();
    drop(engine);
    let earlier = Arc::new(ManualClock::new(NOW - 60_000_000));
    let engine = engine_at(&earlier, &disk);
    assert!(touch(&engine).unwrap() > last);
}

#[test]
fn an_account_that_comes_back() {
    let (clock, disk) = (crate::common::clock(), Disk::new());
    let engine = engine_at(&clock, &disk);
    engine.create_account(&did(), &key()).unwrap();
    let last = touch(&engine).unwrap();
    engine.delete_account(&did()).unwrap();
    clock.set(NOW - 60_000_000);
    let again = engine.create_account(&did(), &key()).unwrap();
    assert!(again > last);
    engine.delete_account(&did()).unwrap();
    clock.set(NOW - CLOCK_DRIFT_MAX_MICROS - 10);
    assert!(matches!(engine.create_account(&did(), &key()), Err(Error::RevAhead { .. })));
}

fn archive(micros: u64, number: u64) -> Vec<u8> {
    let records = BTreeMap::from([("com.example.post/a".to_owned(), record(20, number))]);
    handmade::repository(&records, &did(), Rev::from_micros(micros, 1).unwrap(), &key())
}

#[track_caller]
fn refused_for(engine: &Engine, car: &[u8], code: Code) {
    let before = engine.status(&did()).ok();
    match import(engine, car, &with_key()) {
        Err(Error::Refused(problems)) => {
            assert_eq!(problems.listed()[0].code, code, "{problems:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(engine.status(&did()).ok(), before);
    assert_clean(engine);
}

#[test]
fn an_import_from_the_future_is_refused() {
    let (clock, disk) = (crate::common::clock(), Disk::new());
    let engine = engine_at(&clock, &disk);
    refused_for(&engine, &archive(NOW + CLOCK_DRIFT_MAX_MICROS + 1, 1), Code::FutureRev);
    assert_eq!(engine.scrub(Progress::none()).unwrap().rows, 0);
    // Within the drift it is taken, and the next commit goes beyond it.
    import(&engine, &archive(NOW + CLOCK_DRIFT_MAX_MICROS, 1), &with_key()).unwrap();
    let imported = rev(&engine);
    assert!(touch(&engine).unwrap() > imported);
}

#[test]
fn an_import_never_steps_back() {
    let (clock, disk) = (crate::common::clock(), Disk::new());
    let engine = engine_at(&clock, &disk);
    import(&engine, &archive(NOW - 100, 1), &with_key()).unwrap();
    engine.set_state(&did(), State::Deactivated).unwrap();
    refused_for(&engine, &archive(NOW - 101, 2), Code::BadRev);
    // The same revision over other content is a fork, not a newer state.
    refused_for(&engine, &archive(NOW - 100, 2), Code::BadRev);
    import(&engine, &archive(NOW - 99, 2), &with_key()).unwrap();
    assert_eq!(rev(&engine).micros(), NOW - 99);
}

#[test]
fn a_deleted_account_takes_no_older_import() {
    let (clock, disk) = (crate::common::clock(), Disk::new());
    let engine = engine_at(&clock, &disk);
    engine.create_account(&did(), &key()).unwrap();
    let old = export(&engine, &did());
    clock.advance(1000);
    touch(&engine).unwrap();
    let newest = export(&engine, &did());
    engine.delete_account(&did()).unwrap();
    refused_for(&engine, &old, Code::BadRev);
    // What it had when it was deleted may come back.
    import(&engine, &newest, &with_key()).unwrap();
    assert_eq!(engine.status(&did()).unwrap().state, State::Active);
    assert_eq!(export(&engine, &did()), newest);
}

#[test]
fn a_clock_that_jumps_ahead_signs_nothing() {
    let (clock, disk) = (crate::common::clock(), Disk::new());
    let engine = engine_at(&clock, &disk);
    engine.create_account(&did(), &key()).unwrap();
    // Time that passes is no jump, nor is a step that the protocol allows for.
    clock.advance(100 * 3600 * 1_000_000);
    touch(&engine).unwrap();
    clock.set(clock.now_micros() + CLOCK_DRIFT_MAX_MICROS);
    touch(&engine).unwrap();
    clock.set(clock.now_micros() + 1);
    let before = engine.status(&did()).unwrap();
    let error = touch(&engine).unwrap_err();
    let Error::ClockJumped { seconds, .. } = error else { panic!("{error}") };
    assert_eq!(seconds, 300);
    assert!(error.to_string().contains("accept_clock"), "{error}");
    let other = crate::common::did_of(1);
    assert!(matches!(engine.create_account(&other, &key()), Err(Error::ClockJumped { .. })));
    assert_eq!(engine.status(&did()).unwrap(), before);
    // Nor later, as time passes.
    clock.advance(1_000_000);
    assert!(matches!(touch(&engine), Err(Error::ClockJumped { .. })));
    engine.accept_clock();
    assert!(Some(touch(&engine).unwrap()) > before.rev);
    // A clock that is set right again is no jump.
    clock.set(clock.now_micros() - CLOCK_DRIFT_MAX_MICROS + 10);
    touch(&engine).unwrap();
}

#[test]
fn the_machines_clock_does_not_jump_by_itself() {
    let clock = carrack::env::SystemClock;
    let (wall, passed) = (clock.now_micros(), clock.monotonic_micros());
    std::thread::sleep(std::time::Duration::from_millis(30));
    let [wall, passed] =
        [clock.now_micros() - wall, clock.monotonic_micros() - passed].map(|micros| micros / 1000);
    assert!((30..10_000).contains(&passed), "{passed} ms");
    assert!(wall.abs_diff(passed) < 1_000, "{wall} and {passed} ms");
}

/// Signed by a clock that was wrong: the account is blocked until then, or until it is accepted.
#[test]
fn a_revision_that_is_ahead_blocks_its_account_until_it_is_accepted() {
    let ahead = 3600 * 1_000_000;
    let (wrong, disk) = (Arc::new(ManualClock::new(NOW + ahead)), Disk::new());
    let engine = engine_at(&wrong, &disk);
    let last = engine.create_account(&did(), &key()).unwrap();
    engine.create_account(&crate::common::did_of(1), &key()).unwrap();
    drop(engine);
    let clock = crate::common::clock();
    let engine = engine_at(&clock, &disk);
    let error = touch(&engine).unwrap_err();
    let said = error.to_string();
    let Error::RevAhead { until, rev, .. } = error else { panic!("{said}") };
    assert_eq!(rev, last);
    let at = carrack::event::Timestamp::from_micros(NOW + ahead - CLOCK_DRIFT_MAX_MICROS + 999);
    assert_eq!(until, at);
    assert!(said.contains(until.as_str()) && said.contains("accept_rev"), "{said}");
    // At that time it would go on by itself.
    let then = Arc::new(ManualClock::new(NOW + ahead - CLOCK_DRIFT_MAX_MICROS));
    assert!(touch(&engine_at(&then, &Disk::holding(disk.image()))).unwrap() > last);

    engine.accept_rev(&did()).unwrap();
    let next = touch(&engine).unwrap();
    assert_eq!(next.micros(), last.micros() + 1);
    assert_eq!(touch(&engine).unwrap().micros(), last.micros() + 2);
    drop(engine);
    // It is stored, and of this account only.
    let engine = engine_at(&clock, &disk);
    assert_eq!(touch(&engine).unwrap().micros(), last.micros() + 3);
    engine.delete_account(&did()).unwrap();
    let again = engine.create_account(&did(), &key()).unwrap();
    assert_eq!(again.micros(), last.micros() + 4);
    let options = WriteOptions::default();
    let error = engine.write(&crate::common::did_of(1), vec![], &options, &key()).unwrap_err();
    assert!(matches!(error, Error::RevAhead { .. }), "{error}");
    // Once the clock has come that far, it is an account like any other.
    clock.advance(ahead + 1_000_000);
    let engine_now = touch(&engine).unwrap();
    assert_eq!(engine_now.micros(), clock.now_micros());
    drop(engine);
    let engine = engine_at(&crate::common::clock(), &disk);
    assert!(matches!(touch(&engine), Err(Error::RevAhead { .. })));
    assert_clean(&engine);
}

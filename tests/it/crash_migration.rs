//! Power fails at every sync of each of the two engines of a move, others write and read while it
//! runs, and the source is damaged: never do both engines take writes, nothing that was
//! acknowledged is lost, and the same call again ends where an undisturbed one does.
//!
//! Holds guarantee G14 (the invariants M1 to M8 of a move).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::power::Trial;
use crate::common::{
    Disk, assert_clean, await_rows, create_op, did, export, import, key, open_as, path, raw,
    record, records, with_key, write,
};
use carrack::block::Block;
use carrack::engine::{ImportOptions, Op, State, Trust, WriteOptions};
use carrack::key::{Curve, Signer, SigningKey};
use carrack::migrate::{MigrateOptions, Migrated, abort, migrate};
use carrack::{Engine, Error, ErrorKind, Progress, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const HERE: &str = "https://here.example";
const THERE: &str = "https://there.example";

/// The account's key at the destination: of the other curve.
fn new_key() -> SigningKey {
    SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap()
}

fn go(from: &Engine, into: &Engine, to: &str, signer: &dyn Signer) -> Result<Migrated> {
    migrate(from, into, &did(), &MigrateOptions::new(to, signer))
}

fn there([source, destination]: &[Engine; 2]) -> Result<()> {
    go(source, destination, THERE, &new_key()).map(|_| ())
}

fn pair() -> [Engine; 2] {
    [0, 1].map(|number| open_as(number, &Disk::new()).unwrap())
}

/// Records over the layers 0 to 3, among them some with rows of their own.
fn ops() -> Vec<Op> {
    let paths = MINED[0][..30].iter().chain(&MINED[1][..8]).chain(&MINED[2][..4]);
    let sized = paths.chain(&MINED[3][..2]).zip(0_u64..);
    sized.map(|(p, n)| create_op(p.clone(), record(if n == 9 { 70_000 } else { 200 }, n))).collect()
}

fn fill(engine: &Engine) {
    engine.create_account(&did(), &key()).unwrap();
    write(engine, ops()).unwrap();
}

/// Everything that can be seen of the account in one engine.
fn seen(engine: &Engine) -> String {
    let status = engine.status(&did());
    let rows = engine.rows_digest(&did());
    let mut car = Vec::new();
    let exported = engine.export(&did(), &mut car);
    format!("{status:?} {rows:?} {exported:?} {}", blake3::hash(&car))
}

/// Whether writes get past the account's state: this one names a head that does not exist.
fn takes_writes(engine: &Engine) -> bool {
    let swap = Some(Block::dag_cbor(b"nobody's head".to_vec()).cid().clone());
    let options = WriteOptions::default().swap(swap);
    match engine.write(&did(), vec![], &options, &key()).unwrap_err() {
        Error::Swap { .. } => true,
        Error::State { .. } | Error::NotFound { .. } => false,
        error => panic!("{error}"),
    }
}

/// Lets power fail during a move (`act`) between two engines. Whatever is left, `again`, which is
/// told what was there before the move, has to lead to where the undisturbed move led.
fn survives(
    setup: impl Fn(&[Engine; 2]),
    act: impl Fn(&[Engine; 2]) -> Result<()>,
    again: impl Fn(&[Engine; 2], &[String; 2]) -> Result<()>,
) {
    let clean = pair();
    setup(&clean);
    let before = clean.each_ref().map(seen);
    act(&clean).unwrap();
    let after = clean.each_ref().map(seen);
    let trial = Trial {
        setup: &setup,
        act: &act,
        check: &|engines, acted| {
            assert!(engines.iter().filter(|engine| takes_writes(engine)).count() <= 1);
            engines.iter().for_each(assert_clean);
            let arrived = seen(&engines[1]);
            assert!(arrived == before[1] || arrived == after[1], "shows something partial");
            if acted.is_ok() {
                assert_eq!(engines.each_ref().map(seen), after, "it was confirmed");
            }
            again(engines, &before).unwrap();
            assert_eq!(engines.each_ref().map(seen), after, "after doing it again");
            engines.iter().for_each(assert_clean);
            assert!(!takes_writes(&engines[0]) && takes_writes(&engines[1]));
        },
    };
    let failures = trial.run();
    assert!(failures >= 10, "only {failures} syncs");
}

#[test]
fn the_same_call_again_ends_where_an_undisturbed_one_does() {
    survives(|[source, _]| fill(source), there, |engines, _| there(engines));
}

#[test]
fn until_the_destination_is_active_the_move_can_be_given_up() {
    survives(
        |[source, _]| fill(source),
        there,
        |engines, before| {
            let [source, destination] = engines;
            let state = source.status(&did()).unwrap().state;
            let events = source.last_seq().unwrap();
            let arrived = takes_writes(destination);
            match abort(source, destination, &did()) {
                Ok(()) => {
                    assert!(!arrived && matches!(state, State::Leaving { .. }), "{state}");
                    assert_eq!(source.last_seq().unwrap(), events);
                }
                Err(error) => {
                    assert!(arrived || state == State::Active, "{state}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
                }
            }
            if !arrived {
                assert_eq!(engines.each_ref().map(seen), *before, "given up");
                await_rows(destination, 0);
            }
            there(engines)
        },
    );
}

#[test]
fn a_move_back_over_the_older_copy() {
    let setup = |engines: &[Engine; 2]| {
        // The trial's source is the second home of the account.
        let [second, first] = engines;
        fill(first);
        go(first, second, THERE, &new_key()).unwrap();
        let newer = vec![create_op(path("com.example.post/newer"), record(90, 1))];
        second.write(&did(), newer, &WriteOptions::default(), &new_key()).unwrap();
    };
    let back = |[second, first]: &[Engine; 2]| go(second, first, HERE, &key()).map(|_| ());
    survives(setup, back, |engines, _| back(engines));
}

/// What one writer has had confirmed, and with what it was refused, until it is `over`.
fn hammer(
    source: &Engine,
    writer: u64,
    over: &AtomicBool,
) -> (BTreeMap<String, Vec<u8>>, Vec<Error>) {
    let (mut acknowledged, mut refused) = (BTreeMap::new(), Vec::new());
    for number in 0.. {
        let is_last = over.load(Ordering::SeqCst);
        let at = format!("com.example.hammer/{writer}-{number}");
        let bytes = record(60 + number as usize % 300, number);
        match write(source, vec![create_op(path(&at), bytes.clone())]) {
            Ok(_) => drop(acknowledged.insert(at, bytes)),
            Err(error) => refused.push(error),
        }
        if is_last {
            break;
        }
    }
    (acknowledged, refused)
}

/// The numbers of records that a reader of the destination receives, until it is `over`.
fn watch(destination: &Engine, over: &AtomicBool) -> BTreeSet<(u64, u64)> {
    let mut shown = BTreeSet::new();
    loop {
        let is_last = over.load(Ordering::SeqCst);
        if let Ok(status) = destination.status(&did()) {
            assert_eq!(status.state, State::Active);
            shown.insert((status.records, records(destination, &did()).len() as u64));
        }
        if is_last {
            return shown;
        }
    }
}

#[test]
fn what_was_acknowledged_before_the_fence_arrives_and_the_rest_is_refused() {
    let disk = Disk::new();
    let [source, destination] = [open_as(0, &disk).unwrap(), open_as(1, &Disk::new()).unwrap()];
    fill(&source);
    disk.sync_takes(Duration::from_micros(300));
    let mut expected = records(&source, &did());
    let over = AtomicBool::new(false);
    let (moved, writers, shown) = std::thread::scope(|scope| {
        let (source, destination, over) = (&source, &destination, &over);
        let writers = [0, 1, 2].map(|writer| scope.spawn(move || hammer(source, writer, over)));
        let reader = scope.spawn(move || watch(destination, over));
        // Some writes have come through when the move begins, and they go on while it runs.
        let held = source.status(&did()).unwrap().records;
        while source.status(&did()).unwrap().records < held + 20 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let moved = go(source, destination, THERE, &new_key());
        over.store(true, Ordering::SeqCst);
        (moved, writers.map(|writer| writer.join().unwrap()), reader.join().unwrap())
    });
    for (acknowledged, refused) in writers {
        expected.extend(acknowledged);
        assert!(refused.last().unwrap().to_string().contains("is moved"));
        for error in refused {
            let names_it =
                matches!(&error, Error::State { state, .. } if state.to_string().contains(THERE));
            assert!(names_it, "{error}");
        }
    }
    let whole = expected.len() as u64;
    assert_eq!(moved.unwrap().records, whole);
    assert!(records(&destination, &did()) == expected);
    assert_eq!(shown, BTreeSet::from([(whole, whole)]), "what a reader saw of the destination");
    [&source, &destination].into_iter().for_each(assert_clean);
}

/// Moves there, and looks at both sides.
fn moves_whole(engines: &[Engine; 2], signer: &SigningKey) {
    let [source, destination] = engines;
    let (status, held) = (source.status(&did()).unwrap(), records(source, &did()));
    let archive = export(source, &did());
    let moved = go(source, destination, THERE, signer).unwrap();
    let arrived = destination.status(&did()).unwrap();
    assert_eq!((&arrived.state, arrived.trust), (&State::Active, status.trust));
    assert_eq!(arrived.key, Some(signer.verifying_key().to_did_key()));
    assert_eq!((&arrived.data, arrived.records), (&status.data, held.len() as u64));
    assert!(arrived.rev > status.rev && arrived.rev == Some(moved.rev));
    assert!(records(destination, &did()) == held);
    assert!(export(source, &did()) == archive, "nothing is deleted at the source");
    let later = vec![create_op(path("com.example.post/later"), record(50, 2))];
    destination.write(&did(), later, &WriteOptions::default(), signer).unwrap();
    engines.iter().for_each(assert_clean);
}

#[test]
fn to_a_key_of_either_curve() {
    for curve in [Curve::K256, Curve::P256] {
        let engines = pair();
        fill(&engines[0]);
        moves_whole(&engines, &SigningKey::from_bytes(curve, &[11; 32]).unwrap());
    }
}

#[test]
fn with_records_of_the_largest_size() {
    let engines = pair();
    fill(&engines[0]);
    for (at, number) in MINED[1][20..23].iter().chain(&MINED[0][40..42]).zip(0..) {
        write(&engines[0], vec![create_op(at.clone(), record(1_000_000, number))]).unwrap();
    }
    moves_whole(&engines, &new_key());
}

#[test]
fn an_account_whose_key_nobody_knows() {
    let engines = pair();
    let origin = crate::common::engine();
    fill(&origin);
    let options = ImportOptions::default().unverified();
    import(&engines[0], &export(&origin, &did()), &options).unwrap();
    assert_eq!(engines[0].status(&did()).unwrap().trust, Trust::Unverified);
    moves_whole(&engines, &new_key());
}

#[test]
fn back_and_there_again() {
    let [first, second] = pair();
    fill(&first);
    let mut last = first.status(&did()).unwrap().rev;
    for round in 0..2 {
        let moved = go(&first, &second, THERE, &new_key()).unwrap();
        assert!(Some(moved.rev) > last);
        let at = path(&format!("com.example.post/round{round}"));
        let op = vec![create_op(at, record(90, round))];
        second.write(&did(), op, &WriteOptions::default(), &new_key()).unwrap();
        let held = records(&second, &did());
        let back = go(&second, &first, HERE, &key()).unwrap();
        assert!(back.rev > moved.rev);
        last = Some(back.rev);
        assert!(records(&first, &did()) == held);
        let state = second.status(&did()).unwrap().state;
        assert!(matches!(state, State::Moved { to, .. } if to == HERE));
        [&first, &second].into_iter().for_each(assert_clean);
    }
}

/// What an account was moved from is known even if a newer copy is imported over it: the source
/// is not opened again beside it.
#[test]
fn an_import_over_the_arrival_does_not_open_the_source_again() {
    let disk = Disk::new();
    let [source, destination] = [open_as(0, &disk).unwrap(), open_as(1, &Disk::new()).unwrap()];
    fill(&source);
    // The source as it is under the fence: it never learns how the move ended.
    let fenced = Mutex::new(disk.image());
    let (there_key, see) = (new_key(), |_| *fenced.lock().unwrap() = disk.image());
    let options = MigrateOptions::new(THERE, &there_key).progress(Progress::to(&see));
    migrate(&source, &destination, &did(), &options).unwrap();
    let source = open_as(0, &Disk::holding(fenced.into_inner().unwrap())).unwrap();
    let state = source.status(&did()).unwrap().state;
    assert!(matches!(state, State::Leaving { to, .. } if to == THERE));
    let head = destination.status(&did()).unwrap().commit;
    let newer = crate::common::engine();
    import(&newer, &export(&source, &did()), &with_key()).unwrap();
    newer.set_state(&did(), State::Active).unwrap();
    for n in 0..3 {
        let op = vec![create_op(path(&format!("com.example.post/n{n}")), record(70, n))];
        newer.write(&did(), op, &WriteOptions::default(), &key()).unwrap();
    }
    let options = with_key().replace(head);
    import(&destination, &export(&newer, &did()), &options).unwrap();
    assert!(takes_writes(&destination));
    assert!(abort(&source, &destination, &did()).is_err());
    assert!(!takes_writes(&source));
    go(&source, &destination, THERE, &new_key()).unwrap();
    let state = source.status(&did()).unwrap().state;
    assert!(matches!(state, State::Moved { to, .. } if to == THERE));
}

#[test]
fn a_damaged_source_sends_nothing() {
    let disk = Disk::new();
    let source = open_as(0, &disk).unwrap();
    fill(&source);
    drop(source);
    let rows = raw::rows(&disk);
    assert!(rows.len() > 10);
    for (key, value) in &rows {
        let damaged = Disk::holding(disk.image());
        let mut flipped = value.clone();
        *flipped.last_mut().unwrap() ^= 1;
        raw::put(&damaged, &[(key, Some(&flipped))]);
        let source = open_as(0, &damaged).unwrap();
        let destination = open_as(1, &Disk::new()).unwrap();
        let before = source.status(&did()).unwrap();
        let events = destination.last_seq().unwrap();
        let error = go(&source, &destination, THERE, &new_key()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(!takes_writes(&source));
        assert!(destination.accounts().unwrap().is_empty());
        assert_eq!(destination.last_seq().unwrap(), events);
        await_rows(&destination, 0);
        abort(&source, &destination, &did()).unwrap();
        assert_eq!(source.status(&did()).unwrap(), before);
        assert!(takes_writes(&source));
    }
}

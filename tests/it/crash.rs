//! Power fails at every sync of everything that writes. Afterwards the account is as it was or as
//! it was to become, the store scrubs clean, and doing the same again succeeds.
//!
//! Holds guarantee G1.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::power::Trial;
use crate::common::{
    assert_clean, await_rows, create_op, did, export, import, key, open, path, record, update_op,
    with_key, write,
};
use carrack::engine::{Op, State};
use carrack::{Engine, ErrorKind, Progress, Result};

/// Everything that can be seen of the account.
fn seen(engine: &Engine) -> String {
    let status = engine.status(&did());
    let rows = engine.rows_digest(&did());
    let mut car = Vec::new();
    let exported = engine.export(&did(), &mut car);
    format!("{status:?} {rows:?} {exported:?} {}", blake3::hash(&car))
}

/// Rows that belong to the account, once nothing is left to be removed.
fn rows_of(engine: &Engine) -> u64 {
    let fresh = crate::common::engine();
    if engine.snapshot(&did()).is_err() {
        return 0;
    }
    import(&fresh, &export(engine, &did()), &with_key()).unwrap();
    fresh.scrub(Progress::none()).unwrap().rows
}

/// Lets power fail during `act`; everything is signed at one frozen moment, so that doing it again
/// gives the same bytes.
fn survives(setup: &dyn Fn(&Engine), act: &dyn Fn(&Engine) -> Result<()>) {
    let clean = crate::common::engine();
    setup(&clean);
    let old = seen(&clean);
    act(&clean).unwrap();
    let new = seen(&clean);
    assert_ne!(old, new, "an act that does nothing");
    let trial = Trial {
        setup: &|[engine]: &[Engine; 1]| setup(engine),
        act: &|[engine]| act(engine),
        check: &|[engine], acted| {
            let found = seen(engine);
            assert!(found == new || found == old, "{found}\nis neither\n{old}\nnor\n{new}");
            assert!(found == new || acted.is_err(), "it was confirmed, and is gone");
            assert_clean(engine);
            let again = act(engine);
            if found == old {
                again.unwrap();
            } else if let Err(error) = again {
                let done = [ErrorKind::Conflict, ErrorKind::Refused, ErrorKind::NotFound];
                assert!(done.contains(&error.kind()), "{error}");
            }
            assert_eq!(seen(engine), new, "after doing it again");
            assert_clean(engine);
            await_rows(engine, rows_of(engine));
        },
    };
    let failures = trial.run();
    assert!(failures >= 2, "only {failures} syncs");
}

fn account(engine: &Engine) {
    engine.create_account(&did(), &key()).unwrap();
}

/// An account with 60 records over the layers 0 to 3, some of them too large for a run.
fn busy_account(engine: &Engine) {
    account(engine);
    let paths = MINED[0][..40].iter().chain(&MINED[1][..12]).chain(&MINED[2][..6]);
    let paths = paths.chain(&MINED[3][..2]);
    let ops = paths.zip(0_u64..).map(|(path, n)| {
        let bytes = if n % 13 == 5 { 40_000 } else { 100 + n as usize * 17 };
        create_op(path.clone(), record(bytes, n))
    });
    write(engine, ops.collect()).unwrap();
}

#[test]
fn creating_an_account() {
    survives(&|_| (), &|engine| engine.create_account(&did(), &key()).map(|_| ()));
}

#[test]
fn writing_one_record() {
    let ops = || vec![create_op(path("com.example.post/first"), record(50, 1))];
    survives(&account, &|engine| write(engine, ops()).map(|_| ()));
    survives(&busy_account, &|engine| write(engine, ops()).map(|_| ()));
}

#[test]
fn writing_a_batch() {
    survives(&busy_account, &|engine| {
        let mut ops: Vec<Op> =
            MINED[0][40..60].iter().map(|p| create_op(p.clone(), record(700, 1))).collect();
        ops.extend(MINED[0][..10].iter().map(|p| Op::delete(p.clone())));
        ops.extend(MINED[1][..5].iter().map(|p| update_op(p.clone(), record(900, 2))));
        write(engine, ops).map(|_| ())
    });
}

#[test]
fn growing_and_shrinking_the_tree() {
    let high = MINED[6][0].clone();
    survives(&busy_account, &|engine| {
        write(engine, vec![create_op(high.clone(), record(60, 3))]).map(|_| ())
    });
    let with_high = |engine: &Engine| {
        busy_account(engine);
        write(engine, vec![create_op(high.clone(), record(60, 3))]).unwrap();
    };
    survives(&with_high, &|engine| write(engine, vec![Op::delete(high.clone())]).map(|_| ()));
}

#[test]
fn writing_a_large_record() {
    let large = || vec![create_op(MINED[0][50].clone(), record(300_000, 4))];
    survives(&busy_account, &|engine| write(engine, large()).map(|_| ()));
    let with_large = |engine: &Engine| {
        busy_account(engine);
        write(engine, large()).unwrap();
    };
    survives(&with_large, &|engine| {
        write(engine, vec![update_op(MINED[0][50].clone(), record(10, 5))]).map(|_| ())
    });
}

/// The export of a busy account that was written to once more: newer than `busy_account`.
fn newer_export() -> Vec<u8> {
    let engine = crate::common::engine();
    busy_account(&engine);
    let ops = MINED[0][45..64].iter().map(|p| create_op(p.clone(), record(2000, 6))).collect();
    write(&engine, ops).unwrap();
    export(&engine, &did())
}

#[test]
fn importing_into_an_empty_store() {
    let car = newer_export();
    survives(&|_| (), &|engine| import(engine, &car, &with_key()).map(|_| ()));
}

/// An import of several transactions of which most are not flushed, and beside it something that
/// flushes what there is of it.
#[test]
fn importing_much_while_another_account_is_deleted() {
    let source = crate::common::engine();
    busy_account(&source);
    for batch in MINED[0][..36].chunks(12) {
        let large =
            batch.iter().zip(0..).map(|(path, n)| update_op(path.clone(), record(90_000, n)));
        write(&source, large.collect()).unwrap();
    }
    let car = export(&source, &did());
    assert!(car.len() > 3 << 20);
    let other = crate::common::did_of(1);
    let setup = |engine: &Engine| {
        engine.create_account(&other, &key()).unwrap();
    };
    survives(&setup, &|engine| {
        std::thread::scope(|scope| {
            let importing = scope.spawn(|| import(engine, &car, &with_key()).map(|_| ()));
            // What flushes meanwhile. If power fails here, it does for the import.
            let _ = engine.delete_account(&other);
            importing.join().unwrap()
        })
    });
}

#[test]
fn importing_over_an_account() {
    let car = newer_export();
    let setup = |engine: &Engine| {
        busy_account(engine);
        engine.set_state(&did(), State::Deactivated).unwrap();
    };
    survives(&setup, &|engine| import(engine, &car, &with_key()).map(|_| ()));
}

#[test]
fn deleting_an_account() {
    survives(&busy_account, &|engine| engine.delete_account(&did()));
}

#[test]
fn changing_a_state() {
    survives(&busy_account, &|engine| engine.set_state(&did(), State::TakenDown));
}

/// What a power failure that is simulated may lose, a real one does: a store that was never
/// closed is opened.
#[test]
fn a_store_that_was_not_closed_opens() {
    let disk = crate::common::Disk::new();
    let engine = open(&disk).unwrap();
    busy_account(&engine);
    let image = disk.after(crate::common::disk::Loss::Everything);
    let again = open(&image).unwrap();
    assert_eq!(seen(&again), seen(&engine));
    assert_clean(&again);
}

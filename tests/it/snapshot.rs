//! What is read from a snapshot, an export included, is one moment of one account.
//!
//! Holds guarantee G8.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::{
    assert_clean, await_rows, create_op, did, engine, engine_with_account, export, import, key,
    record, records, update_op, with_key, write,
};
use carrack::engine::{List, Op, State};
use carrack::env::SystemClock;
use carrack::verify::{Discard, Input, verify};
use carrack::{Engine, Progress};
use std::io::Write;

/// Six megabytes: several times what an export reads ahead.
fn filled() -> Engine {
    let engine = engine_with_account();
    let paths: Vec<_> = MINED.iter().flatten().collect();
    for (number, batch) in (0_u64..).zip(paths.chunks(40)) {
        let ops = batch.iter().map(|path| create_op((*path).clone(), record(30_000, number)));
        write(&engine, ops.collect()).unwrap();
    }
    engine
}

/// An output that lets the world move on when the first bytes arrive.
struct Meanwhile<'a> {
    car: Vec<u8>,
    act: Option<Box<dyn FnOnce() + 'a>>,
}

impl Write for Meanwhile<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.car.extend_from_slice(bytes);
        if self.car.len() > 1000
            && let Some(act) = self.act.take()
        {
            act();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn export_while(engine: &Engine, act: impl FnOnce()) -> Vec<u8> {
    let mut output = Meanwhile { car: Vec::new(), act: Some(Box::new(act)) };
    engine.export(&did(), &mut output).unwrap();
    assert!(output.act.is_none(), "nothing happened meanwhile");
    output.car
}

#[track_caller]
fn assert_valid(car: &[u8]) {
    let input = Input::spill(car, "export").unwrap();
    let report = verify(&input, &with_key().head, &SystemClock, &mut Discard).unwrap();
    assert!(report.is_valid(), "{:?}", report.problems.listed());
}

#[test]
fn writes_during_an_export_are_not_in_it() {
    let engine = filled();
    let before = export(&engine, &did());
    let during = export_while(&engine, || {
        for batch in MINED[0].chunks(16) {
            write(&engine, batch.iter().map(|path| Op::delete(path.clone())).collect()).unwrap();
        }
        let updates = MINED[1].iter().map(|path| update_op(path.clone(), record(50, 77)));
        write(&engine, updates.collect()).unwrap();
        write(&engine, vec![Op::delete(MINED[8][0].clone()), Op::delete(MINED[8][1].clone())])
            .unwrap();
    });
    assert!(during == before, "the export is not of one moment");
    assert_valid(&during);
    assert_ne!(export(&engine, &did()), before);
    assert_clean(&engine);
}

#[test]
fn an_export_outlives_its_account() {
    let engine = filled();
    let before = export(&engine, &did());
    let during = export_while(&engine, || {
        engine.delete_account(&did()).unwrap();
        await_rows(&engine, 0);
    });
    assert!(during == before);
    assert!(engine.export(&did(), Vec::new()).is_err());
}

#[test]
fn an_export_outlives_the_import_that_replaces_it() {
    let engine = filled();
    let before = export(&engine, &did());
    let other = crate::common::engine();
    import(&other, &before, &with_key()).unwrap();
    write(&other, vec![Op::delete(MINED[0][0].clone())]).unwrap();
    let newer = export(&other, &did());
    engine.set_state(&did(), State::Deactivated).unwrap();
    let during = export_while(&engine, || {
        import(&engine, &newer, &with_key()).unwrap();
        await_rows(&engine, other.scrub(Progress::none()).unwrap().rows);
    });
    assert!(during == before);
    assert!(export(&engine, &did()) == newer);
}

#[test]
fn a_snapshot_stands_still() {
    let engine = engine();
    engine.create_account(&did(), &key()).unwrap();
    let ops = MINED[0].iter().map(|path| create_op(path.clone(), record(100, 1)));
    write(&engine, ops.collect()).unwrap();
    let held = records(&engine, &did());
    let snapshot = engine.snapshot(&did()).unwrap();
    let mut listed = snapshot.list(&List::default()).unwrap();
    let first = listed.next().unwrap().unwrap();
    write(&engine, MINED[0].iter().map(|path| Op::delete(path.clone())).collect()).unwrap();
    engine.delete_account(&did()).unwrap();
    await_rows(&engine, 0);
    assert_eq!(listed.count(), held.len() - 1);
    assert_eq!(snapshot.record(&first.path).unwrap(), Some(first));
    assert_eq!(snapshot.record_count(), held.len() as u64);
    let mut proof = Vec::new();
    assert!(snapshot.proof(&MINED[0][0], &mut proof).unwrap());
}

/// An output that stops listening ends the export and nothing else.
#[test]
fn an_output_that_fails() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let engine = filled();
    for room in [0, 10, 100_000, 3_000_000] {
        let error = engine.export(&did(), Full(room)).unwrap_err();
        assert_eq!(error.kind(), carrack::ErrorKind::Unavailable, "{error}");
    }
    write(&engine, vec![Op::delete(MINED[0][0].clone())]).unwrap();
    assert_clean(&engine);
}

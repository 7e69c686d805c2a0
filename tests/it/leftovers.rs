//! Power fails in the middle of an import, when rows of it have been flushed already: the next
//! open takes them back. Holds guarantee G1 and guarantee G2.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common::disk::{Disk, Loss};
use crate::common::mined::MINED;
use crate::common::{
    NOW, assert_clean, await_rows, create_op, did, did_of, export, handmade, import, key, open,
    path, raw, record, with_key,
};
use carrack::ident::Rev;
use carrack::{Engine, ErrorKind, Progress};
use std::collections::BTreeMap;

/// 25 MB: the writer flushes an import of its own accord after 16.
fn large() -> Vec<u8> {
    let paths = MINED.iter().flatten().zip(0..);
    let records: BTreeMap<String, Vec<u8>> =
        paths.map(|(path, number)| (path.to_string(), record(130_000, number))).collect();
    handmade::repository(&records, &did(), Rev::from_micros(NOW, 1).unwrap(), &key())
}

/// A store with another account, which has a record.
fn store(disk: &Disk) -> Engine {
    let engine = open(disk).unwrap();
    engine.create_account(&did_of(1), &key()).unwrap();
    let ops = vec![create_op(path("com.example.post/a"), record(100, 1))];
    engine.write(&did_of(1), ops, &<_>::default(), &key()).unwrap();
    engine
}

#[test]
fn rows_of_an_import_that_was_cut_off_go_when_the_store_is_opened() {
    let car = large();
    let mut flushed = 0;
    for later in 1.. {
        let disk = Disk::new();
        let engine = store(&disk);
        let rows = engine.scrub(Progress::none()).unwrap().rows;
        disk.fail_at_sync(disk.syncs() + later);
        let imported = import(&engine, &car, &with_key());
        drop(engine);
        let Err(error) = imported else { break };
        assert_eq!(error.kind(), ErrorKind::Reopen, "{error}");

        let left = raw::rows(&disk.after(Loss::Everything)).len() as u64;
        flushed += u64::from(left > rows);
        let disk = disk.after(Loss::Everything);
        let engine = open(&disk).unwrap();
        assert!(engine.status(&did()).is_err(), "half of an account");
        await_rows(&engine, rows);
        assert_clean(&engine);
        assert_eq!(engine.snapshot(&did_of(1)).unwrap().record_count(), 1);
        // The last one that leaves something is enough to see that it can be done again.
        if left > rows && flushed == 1 {
            import(&engine, &car, &with_key()).unwrap();
            assert_eq!(export(&engine, &did()), car);
        }
    }
    assert!(flushed > 0, "no row of an unfinished import was ever on the disk");
}

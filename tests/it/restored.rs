//! What a restored store takes from outside, once its restore is confirmed.
//!
//! Holds guarantee G19.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{
    Disk, NOW, assert_clean, car_input, create_op, did, did_of, engine_with_account, export,
    handmade, import, key, open, path, record, with_key,
};
use carrack::engine::{State, WriteOptions};
use carrack::follow::Mirror;
use carrack::ident::{Did, Rev};
use carrack::verify::Input;
use carrack::{Code, Engine, Progress, Result};
use std::collections::BTreeMap;

fn lowest_rev() -> Rev {
    Rev::from_micros(NOW + 60_000_000, 3).unwrap()
}

fn add(engine: &Engine, did: &Did, number: u64) -> Result<Rev> {
    let op = create_op(path(&format!("com.example.post/{number:06}")), record(300, number));
    Ok(engine.write(did, vec![op], &WriteOptions::default(), &key())?.rev)
}

/// A restored store with two accounts, whose restore is confirmed.
fn restored() -> Engine {
    let engine = engine_with_account();
    add(&engine, &did(), 100).unwrap();
    engine.create_account(&did_of(1), &key()).unwrap();
    let disk = Disk::new();
    carrack::parts::redb::backup(&engine, disk.clone(), Progress::none()).unwrap();
    let copy = open(&disk).unwrap();
    copy.confirm_restore(5_000, lowest_rev()).unwrap();
    copy
}

/// Of an account that the copy knows, of one that it does not, and of one that was deleted.
#[test]
fn an_import_at_or_below_the_minimum_is_refused_unless_it_is_said() {
    let copy = restored();
    copy.set_state(&did(), State::Deactivated).unwrap();
    copy.delete_account(&did_of(1)).unwrap();
    let records = BTreeMap::from([("com.example.post/a".to_owned(), record(50, 1))]);
    let archive = |number, rev| handmade::repository(&records, &did_of(number), rev, &key());
    let at = |micros| Rev::from_micros(NOW + micros, 0).unwrap();
    for number in 0..3 {
        let before = copy.status(&did_of(number)).ok();
        for rev in [at(30_000_000), lowest_rev()] {
            let error = import(&copy, &archive(number, rev), &with_key()).unwrap_err();
            let [problem] = error.problems() else { panic!("{error}") };
            assert_eq!(problem.code, Code::BadRev);
            assert!(problem.message.contains("ImportOptions::below_floor"), "{problem}");
            let diff = archive(number, rev);
            if number == 0 {
                let error = copy.apply_diff(&car_input(&diff[..]), &with_key()).unwrap_err();
                assert_eq!(error.problems()[0].code, Code::BadRev);
            }
        }
        assert_eq!(copy.status(&did_of(number)).ok(), before);
        let said = with_key().below_floor(true);
        import(&copy, &archive(number, at(40_000_000)), &said).unwrap();
        // Whatever was taken: what is signed here is above the minimum.
        copy.set_state(&did_of(number), State::Active).unwrap();
        assert!(add(&copy, &did_of(number), 1).unwrap() > lowest_rev());
    }
    import(&copy, &archive(3, at(60_000_001)), &with_key()).unwrap();
    assert_clean(&copy);
}

/// A mirror signs nothing: it takes what the host has, whatever minimum its own log has.
#[test]
fn a_restored_mirror_takes_what_its_host_has() {
    let host = engine_with_account();
    let copy = restored();
    copy.delete_account(&did()).unwrap();
    host.create_account(&did_of(5), &key()).unwrap();
    let input = Input::spill(&export(&host, &did_of(5))[..], "host").unwrap();
    let mirror = Mirror::new(&copy);
    mirror.recover(&input, &did_of(5), &with_key().head).unwrap();
    assert_eq!(copy.status(&did_of(5)).unwrap().rev, host.status(&did_of(5)).unwrap().rev);
}

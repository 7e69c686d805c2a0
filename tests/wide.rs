//! Nobody fills a node beyond what chance allows, and whoever has such a node gets rid of it.
//!
//! Holds guarantee G7.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

mod common;

use carrack::engine::Op;
use carrack::ident::{RepoPath, Rev};
use carrack::limits::NODE_ENTRIES_MAX;
use carrack::{Code, Engine, ErrorKind};
use common::mined::of_layer;
use common::{
    NOW, assert_clean, did, engine, engine_with_account, export, handmade, import, key, record,
    records, with_key, write,
};

fn creates(paths: &[RepoPath]) -> Vec<Op> {
    paths.iter().map(|path| Op::create(path.clone(), record(30, 0))).collect()
}

#[track_caller]
fn assert_refused(engine: &Engine, path: &RepoPath) {
    let before = engine.status(&did()).unwrap();
    let error = write(engine, creates(std::slice::from_ref(path))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(error.problems()[0].code, Code::TooLarge);
    assert_eq!(error.problems()[0].path.as_deref(), Some(path.as_str()));
    assert_eq!(engine.status(&did()).unwrap(), before);
}

/// In a layer whose nodes are parts of runs, and in one above.
#[test]
fn the_entry_after_the_last_allowed_one_is_refused() {
    for layer in [0, 2] {
        let paths = of_layer(layer, NODE_ENTRIES_MAX + 1);
        let (last, paths) = paths.split_last().unwrap();
        let engine = engine_with_account();
        for batch in paths.chunks(200) {
            write(&engine, creates(batch)).unwrap();
        }
        assert_refused(&engine, last);
        // A higher path divides the node, and there is room again.
        let divider = of_layer(layer + 1, 40).into_iter().find(|path| *path > paths[20]).unwrap();
        write(&engine, creates(std::slice::from_ref(&divider))).unwrap();
        write(&engine, creates(std::slice::from_ref(last))).unwrap();
        // To delete the divider makes the node too wide, and is allowed all the same.
        write(&engine, vec![Op::delete(divider)]).unwrap();
        assert_eq!(records(&engine, &did()).len(), NODE_ENTRIES_MAX + 1);
        assert_clean(&engine);
    }
}

#[test]
fn a_full_node_takes_updates_and_deletes() {
    let paths = of_layer(0, NODE_ENTRIES_MAX + 1);
    let (last, paths) = paths.split_last().unwrap();
    let engine = engine_with_account();
    for batch in paths.chunks(200) {
        write(&engine, creates(batch)).unwrap();
    }
    write(&engine, vec![Op::update(paths[7].clone(), record(60, 1))]).unwrap();
    assert_refused(&engine, last);
    write(&engine, vec![Op::delete(paths[9].clone())]).unwrap();
    write(&engine, creates(std::slice::from_ref(last))).unwrap();
    assert_clean(&engine);
}

#[test]
fn an_imported_node_may_be_wider_and_takes_updates_and_deletes() {
    let paths = of_layer(0, 701);
    let (last, paths) = paths.split_last().unwrap();
    let held = paths.iter().map(|path| (path.to_string(), record(30, 0))).collect();
    let car = handmade::repository(&held, &did(), Rev::from_micros(NOW, 0).unwrap(), &key());
    let engine = engine();
    import(&engine, &car, &with_key()).unwrap();
    assert_clean(&engine);
    assert_refused(&engine, last);
    write(&engine, vec![Op::update(paths[300].clone(), record(60, 1))]).unwrap();
    for batch in paths[..600].chunks(200) {
        write(&engine, batch.iter().map(|path| Op::delete(path.clone())).collect()).unwrap();
        assert_clean(&engine);
    }
    write(&engine, creates(std::slice::from_ref(last))).unwrap();
    assert_eq!(records(&engine, &did()).len(), 101);
    let again = common::engine();
    import(&again, &export(&engine, &did()), &with_key()).unwrap();
    assert_eq!(again.rows_digest(&did()).unwrap(), engine.rows_digest(&did()).unwrap());
}

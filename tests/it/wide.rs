//! No caller fills a node beyond what chance allows, and an account that has such a node gets rid of it.
//!
//! Holds guarantee G7.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::of_layer;
use crate::common::{
    NOW, assert_clean, create_op, did, engine, engine_with_account, export, handmade, import, key,
    record, records, update_op, with_key, write,
};
use carrack::engine::Op;
use carrack::ident::{RepoPath, Rev};
use carrack::limits::NODE_ENTRIES_MAX;
use carrack::{Code, Engine, ErrorKind};

fn creates(paths: &[RepoPath]) -> Vec<Op> {
    paths.iter().map(|path| create_op(path.clone(), record(30, 0))).collect()
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
    write(&engine, vec![update_op(paths[7].clone(), record(60, 1))]).unwrap();
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
    write(&engine, vec![update_op(paths[300].clone(), record(60, 1))]).unwrap();
    for batch in paths[..600].chunks(200) {
        write(&engine, batch.iter().map(|path| Op::delete(path.clone())).collect()).unwrap();
        assert_clean(&engine);
    }
    write(&engine, creates(std::slice::from_ref(last))).unwrap();
    assert_eq!(records(&engine, &did()).len(), 101);
    let again = crate::common::engine();
    import(&again, &export(&engine, &did()), &with_key()).unwrap();
    assert_eq!(again.rows_digest(&did()).unwrap(), engine.rows_digest(&did()).unwrap());
}

/// Paths of layer 0 that take as many bytes as a path may, in a stretch without a higher one.
fn long_paths(from: u32, count: usize) -> Vec<RepoPath> {
    let filling = "x".repeat(495);
    (from..)
        .map(|number| format!("com.example.wide/{number:07}{filling}"))
        .filter(|text| carrack::tree::layer(text.as_bytes()) == 0)
        .take(count)
        .map(|text| text.parse().unwrap())
        .collect()
}

fn imported(paths: &[RepoPath]) -> Engine {
    let held = paths.iter().map(|path| (path.to_string(), record(30, 0))).collect();
    let car = handmade::repository(&held, &did(), Rev::from_micros(NOW, 0).unwrap(), &key());
    let engine = engine();
    import(&engine, &car, &with_key()).unwrap();
    engine
}

/// A node and a record that are too long together for the event of a commit.
#[test]
fn an_update_beside_a_long_node_gives_a_sync() {
    let paths = long_paths(0, 1880);
    let engine = imported(&paths);
    let written = write(&engine, vec![update_op(paths[900].clone(), record(999_000, 1))]).unwrap();
    let mut events = engine.events(written.seq.unwrap() - 1).unwrap();
    assert_eq!(events.next().unwrap().unwrap().event().unwrap().kind(), "#sync");
    write(&engine, vec![Op::delete(paths[901].clone())]).unwrap();
    assert_eq!(records(&engine, &did()).len(), 1879);
    assert_clean(&engine);
}

/// Two long nodes that a delete would make into one that no importer takes.
#[test]
fn a_delete_that_joins_two_long_nodes_is_refused_and_changes_nothing() {
    let low = long_paths(0, 1000);
    let high = long_paths(5_000_000, 1000);
    let divider = (4_000_000..4_001_000)
        .map(|number| format!("com.example.wide/{number:07}"))
        .find(|text| carrack::tree::layer(text.as_bytes()) == 1)
        .unwrap();
    let divider: RepoPath = divider.parse().unwrap();
    let all: Vec<_> = low.iter().chain([&divider]).chain(&high).cloned().collect();
    let engine = imported(&all);
    let before = engine.status(&did()).unwrap();
    let error = write(&engine, vec![Op::delete(divider.clone())]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(engine.status(&did()).unwrap(), before);
    // Without half of its neighbours it goes.
    for batch in low[..500].chunks(100) {
        write(&engine, batch.iter().map(|path| Op::delete(path.clone())).collect()).unwrap();
    }
    write(&engine, vec![Op::delete(divider)]).unwrap();
    assert_clean(&engine);
}

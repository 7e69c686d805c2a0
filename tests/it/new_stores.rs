//! A store gets its name when it is complete, and one in which nothing was stored can be removed
//! by the engine that created it: never another's, under no circumstances one that is in use.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common::{did_of, key};
use carrack::engine::{CompactOptions, Options};
use carrack::{Engine, ErrorKind, Progress};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_unused_store_is_removed_by_its_creator_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let mut engine = Engine::open(&path).unwrap();
    assert_eq!(names(folder.path()), ["store.redb"]);
    let other = engine.clone();
    assert!(!engine.remove_if_unused().unwrap(), "another handle is in use");
    drop(engine);
    assert!(path.exists());
    let mut engine = other;
    assert!(engine.remove_if_unused().unwrap());
    assert!(names(folder.path()).is_empty());
    assert_eq!(engine.accounts().unwrap_err().kind(), ErrorKind::Closed);

    // It was there before.
    fs::write(&path, "").unwrap();
    assert!(!Engine::open(&path).unwrap().remove_if_unused().unwrap());
    assert!(!Engine::open(&path).unwrap().remove_if_unused().unwrap());
    fs::remove_file(&path).unwrap();

    // Something was stored.
    let mut engine = Engine::open(&path).unwrap();
    engine.create_account(&did_of(1), &key()).unwrap();
    engine.delete_account(&did_of(1)).unwrap();
    assert!(!engine.remove_if_unused().unwrap());
    assert!(path.exists());
    drop(engine);
    fs::remove_file(&path).unwrap();

    // Another store has its name by now.
    let mut engine = Engine::open(&path).unwrap();
    fs::rename(&path, folder.path().join("moved.redb")).unwrap();
    Engine::open(&path).unwrap().create_account(&did_of(1), &key()).unwrap();
    assert!(!engine.remove_if_unused().unwrap() || cfg!(not(unix)));
    assert_eq!(Engine::open(&path).unwrap().accounts().unwrap().len(), 1);
}

#[test]
fn a_store_that_cannot_be_created_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Engine::open(folder.path().join("none/store.redb")).is_err());
    assert!(Engine::open(folder.path()).is_err());
    let path = folder.path().join("store.redb");
    assert!(Engine::open_with(&path, &Options::default().create(false)).is_err());
    assert!(names(folder.path()).is_empty());
}

/// Creates the account, as soon as no other engine has the store open.
fn create(path: &Path, number: u32) {
    loop {
        match Engine::open(path) {
            Ok(engine) => return engine.create_account(&did_of(number), &key()).map(drop).unwrap(),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
    }
}

/// Between opening a file and locking it another process may have replaced or removed it: what
/// would be written to it then would be lost.
#[test]
fn a_file_that_is_replaced_while_it_is_opened_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let path = folder.path().join(format!("{round}.redb"));
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            let writers: Vec<_> = (0..3_u32)
                .map(|thread| {
                    let path = &path;
                    scope.spawn(move || (0..8).for_each(|n| create(path, thread * 8 + n)))
                })
                .collect();
            for disturbs in [remove as fn(&Path), compact] {
                let (path, ended) = (&path, &ended);
                scope.spawn(move || {
                    while !ended.load(Ordering::Relaxed) {
                        disturbs(path);
                    }
                });
            }
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            ended.store(true, Ordering::Relaxed);
        });
        assert_eq!(Engine::open(&path).unwrap().accounts().unwrap().len(), 24, "round {round}");
    }
}

fn remove(path: &Path) {
    if let Ok(mut engine) = Engine::open(path) {
        engine.remove_if_unused().unwrap();
    }
}

fn compact(path: &Path) {
    // Mostly it is open elsewhere.
    let _ = Engine::compact(path, &Options::default(), CompactOptions::default(), Progress::none());
}

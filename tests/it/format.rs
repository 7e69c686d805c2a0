//! A store of a newer format, and a file of something else, are refused and left as they are.
//!
//! Holds guarantee G12.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::{Disk, did, engine_with_account, key, open};
use carrack::engine::Options;
use carrack::{Engine, Error, ErrorKind};
use redb::{Database, TableDefinition};
use std::path::Path;

const FACTS: TableDefinition<&str, &[u8]> = TableDefinition::new("carrack.facts.1");

fn raw(disk: &Disk) -> Database {
    Database::builder().create_with_backend(disk.clone()).unwrap()
}

/// Puts a fact, or takes it away.
fn set_fact(disk: &Disk, name: &str, value: Option<&[u8]>) {
    let database = raw(disk);
    let txn = database.begin_write().unwrap();
    {
        let mut facts = txn.open_table(FACTS).unwrap();
        match value {
            Some(value) => facts.insert(name, value).unwrap(),
            None => facts.remove(name).unwrap(),
        };
    }
    txn.commit().unwrap();
}

fn store() -> Disk {
    let disk = Disk::new();
    open(&disk).unwrap().create_account(&did(), &key()).unwrap();
    disk
}

#[track_caller]
fn assert_format(disk: &Disk, word: &str) {
    match open(disk) {
        Err(Error::Format(message)) => assert!(message.contains(word), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_newer_format() {
    let disk = store();
    open(&disk).unwrap();
    for format in [3_u32, 4, u32::MAX] {
        set_fact(&disk, "format", Some(&format.to_be_bytes()));
        assert_format(&disk, "newer");
    }
    set_fact(&disk, "format", Some(&0_u32.to_be_bytes()));
    assert_format(&disk, "unknown");
    for broken in [None, Some(&b"one"[..])] {
        set_fact(&disk, "format", broken);
        assert_format(&disk, "does not say");
    }
    // Nothing was lost by trying.
    set_fact(&disk, "format", Some(&2_u32.to_be_bytes()));
    assert!(open(&disk).unwrap().status(&did()).is_ok());
}

/// A newer Carrack may have other tables: what counts is what it says of itself.
#[test]
fn a_newer_format_with_other_tables() {
    let disk = Disk::new();
    set_fact(&disk, "format", Some(&3_u32.to_be_bytes()));
    {
        let database = raw(&disk);
        let txn = database.begin_write().unwrap();
        txn.open_table::<&[u8], &[u8]>(TableDefinition::new("carrack.rows.2")).unwrap();
        txn.commit().unwrap();
    }
    assert_format(&disk, "newer");
    let disk = Disk::new();
    {
        let database = raw(&disk);
        let txn = database.begin_write().unwrap();
        txn.open_table::<&str, &[u8]>(TableDefinition::new("carrack.facts.2")).unwrap();
        txn.commit().unwrap();
    }
    assert_format(&disk, "format");
}

#[test]
fn a_database_of_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.redb");
    let others: TableDefinition<u64, u64> = TableDefinition::new("others");
    {
        let database = Database::create(&path).unwrap();
        let txn = database.begin_write().unwrap();
        txn.open_table(others).unwrap().insert(1, 2).unwrap();
        txn.commit().unwrap();
    }
    for _ in 0..2 {
        let Err(Error::Format(message)) = Engine::open(&path) else { panic!("opened") };
        assert!(message.contains("others"), "{message}");
    }
    let database = Database::open(&path).unwrap();
    let txn = redb::ReadableDatabase::begin_read(&database).unwrap();
    assert_eq!(txn.open_table(others).unwrap().get(1).unwrap().unwrap().value(), 2);
    assert_eq!(txn.list_tables().unwrap().count(), 1);
}

#[track_caller]
fn assert_untouched(path: &Path, content: &[u8]) {
    for create in [true, false] {
        let options = Options::default().create(create);
        let error = Engine::open_with(path, &options).unwrap_err();
        assert!(matches!(error, Error::Format(_)), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(std::fs::read(path).unwrap() == content, "the file was changed");
    }
}

#[test]
fn a_file_that_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    let engine = engine_with_account();
    for content in
        [b"Dear sirs,".to_vec(), vec![0; 100_000], crate::common::export(&engine, &did())]
    {
        std::fs::write(&path, &content).unwrap();
        assert_untouched(&path, &content);
    }
    // A store without its end is not one either.
    let store = store().image();
    for length in [1, 100, store.len() / 2] {
        std::fs::write(&path, &store[..length]).unwrap();
        assert!(Engine::open(&path).is_err(), "{length} bytes of {}", store.len());
    }
}

#[test]
fn a_store_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.redb");
    let options = Options::default().create(false);
    let error = Engine::open_with(&path, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(!path.exists());
}

/// A second engine on the same file is refused, and the first goes on.
#[test]
fn a_store_that_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let first = Engine::open(&path).unwrap();
    let error = Engine::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    first.create_account(&did(), &key()).unwrap();
    let name = first.name().to_owned();
    drop(first);
    let again = Engine::open(&path).unwrap();
    assert_eq!(again.name(), name);
    assert!(again.status(&did()).is_ok());
}

/// Format 2 is not frozen: between its drafts no upgrade is owed.
#[test]
fn another_draft() {
    let disk = store();
    for (draft, word) in [
        (Some(1_u32.to_be_bytes().to_vec()), "draft 1 of format 2"),
        (Some(3_u32.to_be_bytes().to_vec()), "draft 3 of format 2"),
        (Some(0_u32.to_be_bytes().to_vec()), "draft 0 of format 2"),
        (Some(b"one".to_vec()), "no draft of format 2"),
        (None, "no draft of format 2"),
    ] {
        set_fact(&disk, "draft", draft.as_deref());
        assert_format(&disk, word);
    }
    set_fact(&disk, "draft", Some(&2_u32.to_be_bytes()));
    assert!(open(&disk).unwrap().status(&did()).is_ok());
}

#[test]
fn an_engine_without_a_name() {
    for name in [None, Some(&b"short"[..])] {
        let disk = store();
        set_fact(&disk, "engine", name);
        assert!(matches!(open(&disk), Err(Error::Corrupt(_))));
    }
}

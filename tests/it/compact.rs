//! Compacting takes the bytes of what was deleted out of the file, and nothing else.
//!
//! Holds guarantee G33.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::pages::{with_text, zeroed};
use crate::common::{Disk, assert_clean, create_op, did, did_of, export, key};
use carrack::engine::{CompactOptions, Op, Options, WriteOptions};
use carrack::{Engine, ErrorKind, Progress};
use std::path::Path;

/// A record with a text that is found in a file.
fn marked(text: &str, n: usize) -> Vec<u8> {
    let text = format!("{text}, and as many more words {n}");
    [&[0xa1, 0x61, b'd', 0x58, text.len() as u8][..], text.as_bytes()].concat()
}

fn count(file: &Path, text: &str) -> usize {
    memchr::memmem::find_iter(&std::fs::read(file).unwrap(), text.as_bytes()).count()
}

fn compact(file: &Path, drop_events: bool) -> carrack::Result<carrack::engine::Compacted> {
    let how = CompactOptions::default().drop_events(drop_events);
    Engine::compact(file, &Options::default(), how, Progress::none())
}

/// Account 0 stays and has deleted a record; account 1 was deleted.
fn store(file: &Path) -> Vec<u8> {
    let engine = Engine::open(file).unwrap();
    for (number, text) in [(0, "kept words"), (1, "words of the deleted account")] {
        engine.create_account(&did_of(number), &key()).unwrap();
        for (n, path) in MINED[0].iter().enumerate() {
            let ops = vec![create_op(path.clone(), marked(text, n))];
            engine.write(&did_of(number), ops, &WriteOptions::default(), &key()).unwrap();
        }
    }
    let write = |op| engine.write(&did(), vec![op], &WriteOptions::default(), &key()).unwrap();
    write(create_op(MINED[1][0].clone(), marked("words that were taken back", 0)));
    write(Op::delete(MINED[1][0].clone()));
    engine.delete_account(&did_of(1)).unwrap();
    export(&engine, &did())
}

#[test]
fn deleted_bytes_are_gone_and_the_rest_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    let car = store(&file);
    let last_seq = Engine::open(&file).unwrap().last_seq().unwrap();
    assert!(count(&file, "words of the deleted account") > 0);
    assert!(count(&file, "words that were taken back") > 0);

    let done = compact(&file, false).unwrap();
    assert!(done.after < done.before, "{done:?}");
    assert_eq!(count(&file, "words of the deleted account"), 0);
    assert!(count(&file, "kept words") > 0);
    // The log holds the commit that made the record for as long as its retention.
    assert!(count(&file, "words that were taken back") > 0);

    compact(&file, true).unwrap();
    assert_eq!(count(&file, "words that were taken back"), 0);
    let engine = Engine::open(&file).unwrap();
    assert_eq!(export(&engine, &did()), car);
    assert_eq!(engine.last_seq().unwrap(), last_seq);
    assert_clean(&engine);
    let ops = vec![create_op(MINED[1][1].clone(), marked("new", 1))];
    let written = engine.write(&did(), ops, &WriteOptions::default(), &key()).unwrap();
    assert_eq!(written.seq, Some(last_seq + 1));
    // The deleted account's last revision is still a lower bound.
    assert!(engine.status(&did_of(1)).unwrap().rev.is_none());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_store_that_is_open_or_not_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    assert!(compact(&file, false).is_err());
    assert!(!file.exists());
    store(&file);
    let engine = Engine::open(&file).unwrap();
    let error = compact(&file, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    // The store that is open goes on.
    engine.create_account(&did_of(2), &key()).unwrap();
    assert_eq!(engine.accounts().unwrap().len(), 3);
}

/// Of two deleted accounts one has a page that cannot be read. Neither's bytes are copied.
#[test]
fn what_cannot_be_removed_is_not_copied_either() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    let engine = Engine::open(&file).unwrap();
    for number in 0..4 {
        engine.create_account(&did_of(number), &key()).unwrap();
        for (n, path) in MINED[0].iter().enumerate() {
            let text = format!("words of account {number}");
            let ops = vec![create_op(path.clone(), marked(&text, n))];
            engine.write(&did_of(number), ops, &WriteOptions::default(), &key()).unwrap();
        }
    }
    drop(engine);
    let disk = Disk::holding(std::fs::read(&file).unwrap());
    let pages = with_text(&disk, "rows", b"words of account 1");
    let damaged = zeroed(&disk, &pages[..1]);
    std::fs::write(&file, damaged.image()).unwrap();
    let engine = Engine::open(&file).unwrap();
    for number in 1..3 {
        engine.delete_account(&did_of(number)).unwrap();
    }
    drop(engine);
    compact(&file, false).unwrap();
    for (number, is_there) in [(0, true), (1, false), (2, false), (3, true)] {
        let found = count(&file, &format!("words of account {number}"));
        assert_eq!(found > 0, is_there, "account {number}: {found}");
    }
    assert_clean(&Engine::open(&file).unwrap());
}

/// What a call that was killed left is removed by the next one, and nothing else is.
#[test]
fn leftovers_of_killed_calls_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    store(&file);
    let names = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let seen = std::sync::Mutex::new(Vec::new());
    let look = |_| seen.lock().unwrap().extend(names());
    let options = Options::default();
    let progress = carrack::Progress::to(&look);
    Engine::compact(&file, &options, CompactOptions::default(), progress).unwrap();
    let seen = seen.into_inner().unwrap();
    let part = seen.iter().find(|name| name.ends_with(".part")).unwrap();
    std::fs::write(folder.path().join(part), "left over").unwrap();
    let foreign = [
        "store.redb.part",
        "store.redb.backup.part",
        "store.redb.compact-abcdef",
        "store.redb.compact-abcdefg.part",
        "other.redb.compact-abcdef.part",
        "store.redb.compact-......part",
    ];
    for name in foreign {
        std::fs::write(folder.path().join(name), "of another program").unwrap();
    }
    compact(&file, false).unwrap();
    let names = names();
    assert!(!names.contains(part), "{names:?}");
    assert_eq!(names.len(), foreign.len() + 1, "{names:?}");
}

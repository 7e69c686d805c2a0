//! A store that is opened read-only: its storage is only read, after an unclean end too, and its
//! readers share it with each other and not with a writer. Holds guarantee G41.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::disk::Loss;
use crate::common::{
    Disk, assert_clean, clock, create_op, did, did_of, engine_with_account, export, handmade, key,
    mined, open, options, path, raw, record, records, with_key, write,
};
use carrack::engine::{AccountStatus, HealthState, State, Storage, WriteOptions};
use carrack::ident::Rev;
use carrack::{Engine, Error, ErrorKind, Progress};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io;
use std::path::Path;

/// A storage that can only be read.
struct Unwritable(Vec<u8>);

impl Storage for Unwritable {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let found = self.0.get(offset..offset + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        panic!("a write")
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        panic!("a change of the length")
    }

    fn sync(&self) -> io::Result<()> {
        panic!("a flush")
    }
}

fn read_only(image: Vec<u8>) -> carrack::Result<Engine> {
    Engine::open_storage(Unwritable(image), &options(&clock()).read_only(true))
}

/// Everything that an engine tells of its store.
#[derive(Debug, PartialEq)]
struct Told {
    accounts: Vec<AccountStatus>,
    car: Vec<u8>,
    records: BTreeMap<String, Vec<u8>>,
    events: Vec<u64>,
}

fn told(engine: &Engine) -> Told {
    let mut events = engine.events(0).unwrap();
    Told {
        accounts: engine.accounts().unwrap(),
        car: export(engine, &did()),
        records: records(engine, &did()),
        events: std::iter::from_fn(|| events.next().unwrap().map(|event| event.seq)).collect(),
    }
}

fn filled(disk: &Disk) -> Engine {
    let engine = open(disk).unwrap();
    for number in 0..3 {
        engine.create_account(&did_of(number), &key()).unwrap();
    }
    let ops = (0..40).map(|n| create_op(path(&format!("com.example.post/{n:03}")), record(300, n)));
    write(&engine, ops.collect()).unwrap();
    engine.delete_account(&did_of(2)).unwrap();
    engine
}

#[track_caller]
fn assert_reads_only(engine: &Engine) {
    let car = export(engine, &did());
    let expect = &with_key().head;
    let attempts = [
        engine.write(&did(), vec![], &WriteOptions::default(), &key()).map(drop),
        engine.create_account(&did_of(9), &key()).map(drop),
        crate::common::import(engine, &car, &with_key()).map(drop),
        engine.set_state(&did(), State::Deactivated),
        engine.delete_account(&did()),
        engine.check_trust(&did(), expect, &[]).map(drop),
        engine.mark_restored().map(drop),
        engine.accept_rev(&did()),
    ];
    for attempt in attempts {
        let error = attempt.unwrap_err();
        assert!(matches!(error, Error::ReadOnly(_)), "{error}");
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
    assert!(engine.is_read_only());
    assert_eq!(engine.health().state, HealthState::Open);
}

#[test]
fn no_byte_is_written_after_a_clean_end_or_an_unclean_one() {
    let disk = Disk::new();
    let engine = filled(&disk);
    let expected = told(&engine);
    // As after `kill -9`: what was written is there, and the database was not closed.
    let mut images = vec![("killed", disk.image())];
    drop(engine);
    images.push(("closed", disk.image()));
    for seed in 0..3 {
        let engine = open(&disk).unwrap();
        write(&engine, vec![create_op(path(&format!("com.example.x/{seed}")), record(9, seed))])
            .unwrap();
        engine.delete_account(&did_of(1)).err();
        images.extend(Loss::all(seed).into_iter().map(|loss| ("cut", disk.after(loss).image())));
    }
    for (how, image) in images {
        let engine = read_only(image.clone()).unwrap_or_else(|error| panic!("{how}: {error}"));
        assert_reads_only(&engine);
        assert_clean(&engine);
        let found = told(&engine);
        engine.reopen().unwrap();
        assert_eq!(told(&engine), found, "{how}");
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup.redb");
        engine.backup(&backup, Progress::none()).unwrap();
        assert_eq!(told(&Engine::open(backup).unwrap()), found, "{how}");
        engine.close();
        assert_eq!(told(&open(&Disk::holding(image)).unwrap()), found, "{how}");
        assert!(how == "cut" || found == expected, "{how}");
    }
}

/// A store that has something to remove: an import that was cut off. Nothing is marked and removed.
#[test]
fn what_a_crash_left_is_left() {
    let paths = mined::MINED.iter().flatten().zip(0..);
    let large: BTreeMap<String, Vec<u8>> =
        paths.map(|(path, number)| (path.to_string(), record(130_000, number))).collect();
    let rev = Rev::from_micros(crate::common::NOW, 1).unwrap();
    let car = handmade::repository(&large, &did_of(5), rev, &key());
    let mut found_some = false;
    for later in 1.. {
        let disk = Disk::new();
        let engine = filled(&disk);
        let rows = engine.scrub(Progress::none()).unwrap().rows;
        disk.fail_at_sync(disk.syncs() + later);
        let imported = crate::common::import(&engine, &car, &with_key());
        drop(engine);
        if imported.is_ok() {
            break;
        }
        let disk = disk.after(Loss::Everything);
        let left = raw::rows(&disk).len() as u64;
        let engine = read_only(disk.image()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        let report = engine.scrub(Progress::none()).unwrap();
        assert!(report.is_valid(), "{:?}", report.problems.listed());
        assert_eq!(report.rows, left);
        assert!(engine.health().unreadable.is_empty());
        found_some |= left > rows;
    }
    assert!(found_some, "no row of an unfinished import was ever on the disk");
}

#[test]
fn a_store_that_is_none_is_refused_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name| folder.path().join(name);
    let refused = |name| Engine::open_read_only(at(name)).unwrap_err();
    assert_eq!(refused("none.redb").kind(), ErrorKind::NotFound);
    assert!(!at("none.redb").exists());
    for (name, content) in [("empty", &b""[..]), ("letter", b"Dear sirs,"), ("zeros", &[0; 9000])] {
        std::fs::write(at(name), content).unwrap();
        assert!(matches!(refused(name), Error::Format(_)), "{name}: {}", refused(name));
        assert_eq!(std::fs::read(at(name)).unwrap(), content);
    }
    std::fs::create_dir(at("folder")).unwrap();
    assert!(matches!(refused("folder"), Error::Format(_)), "{}", refused("folder"));
    assert!(matches!(read_only(Vec::new()).unwrap_err(), Error::Format(_)));
    let database = redb::Database::create(at("bare")).unwrap();
    drop(database);
    assert!(matches!(refused("bare"), Error::Format(_)), "{}", refused("bare"));
    assert!(matches!(
        Engine::in_memory_with(&options(&clock()).read_only(true)),
        Err(Error::Format(_))
    ));
}

/// Readers share a store, also one that was not closed; a writer has it for itself.
#[test]
fn readers_share_and_a_writer_excludes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    let disk = Disk::new();
    let engine = filled(&disk);
    for image in [disk.image(), {
        drop(engine);
        disk.image()
    }] {
        std::fs::write(&file, &image).unwrap();
        let readers: Vec<Engine> = (0..3).map(|_| Engine::open_read_only(&file).unwrap()).collect();
        assert!(matches!(Engine::open(&file), Err(Error::InUse)));
        // redb's own readers get along with them, unless there is something to repair.
        match redb::ReadOnlyDatabase::open(&file) {
            Ok(_) | Err(redb::DatabaseError::RepairAborted) => {}
            Err(error) => panic!("{error}"),
        }
        for reader in &readers {
            assert_eq!(reader.snapshot(&did()).unwrap().record_count(), 40);
        }
        readers[0].reopen().unwrap();
        drop(readers);
        assert!(std::fs::read(&file).unwrap() == image, "the file has changed");
        let writer = Engine::open(&file).unwrap();
        assert!(matches!(Engine::open_read_only(&file), Err(Error::InUse)));
        write(&writer, vec![]).unwrap();
        drop(writer);
        assert!(Engine::open_read_only(&file).is_ok());
    }
}

/// The mode of a file does not bind the superuser; how it was opened does.
#[test]
#[cfg(target_os = "linux")]
fn the_file_is_opened_for_reading_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    let disk = Disk::new();
    let engine = filled(&disk);
    std::fs::write(&file, disk.image()).unwrap();
    drop(engine);
    std::fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let before = state_of(&file);
    let reader = Engine::open_read_only(&file).unwrap();
    assert_eq!(access_modes(&file), ["0"], "one descriptor, O_RDONLY");
    assert_clean(&reader);
    drop(reader);
    assert_eq!(state_of(&file), before);
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
}

fn state_of(file: &Path) -> (Vec<u8>, std::time::SystemTime) {
    (std::fs::read(file).unwrap(), file.metadata().unwrap().modified().unwrap())
}

/// The access mode of each descriptor that this process has of a file.
#[cfg(target_os = "linux")]
fn access_modes(file: &Path) -> Vec<String> {
    let file = file.canonicalize().unwrap();
    let of = |entry: io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        if std::fs::read_link(entry.path()).ok()? != file {
            return None;
        }
        let info = Path::new("/proc/self/fdinfo").join(entry.file_name());
        let info = std::fs::read_to_string(info).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
        Some((flags & 3).to_string())
    };
    std::fs::read_dir("/proc/self/fd").unwrap().filter_map(of).collect()
}

#[test]
fn an_engine_in_memory_is_not_read_only() {
    assert!(!engine_with_account().is_read_only());
}

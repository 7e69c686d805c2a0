//! Commands that only read leave the store's file as it is, and need no permission to write.
//! Holds guarantee G41.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

/// Every command that only reads a store, each with `--no-upgrade` as well.
const READING: [&[&str]; 15] = [
    &["accounts", "a.redb"],
    &["accounts", "a.redb", "--json", "--no-upgrade"],
    &["status", "a.redb", DID],
    &["status", "a.redb", DID, "--json", "--no-upgrade"],
    &["ls", "a.redb", DID],
    &["ls", "a.redb", DID, "--collection", "com.example.a", "--no-upgrade"],
    &["get", "a.redb", DID, "com.example.a/1"],
    &["get", "a.redb", DID, "com.example.a/1", "--cbor", "--no-upgrade"],
    &["export", "a.redb", DID, "-o", "-"],
    &["export", "a.redb", DID, "-o", "-", "--no-upgrade"],
    &["proof", "a.redb", DID, "com.example.a/1", "-o", "-"],
    &["proof", "a.redb", DID, "--collection", "com.example.a", "-o", "-", "--no-upgrade"],
    &["events", "a.redb"],
    &["events", "a.redb", "--no-upgrade"],
    &["scrub", "a.redb"],
];

fn carrack(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command
}

#[track_caller]
fn run(folder: &Path, code: i32, args: &[&str]) -> Output {
    let out = carrack(folder, args).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
    out
}

/// A store with an account of two records, and what its file holds after a clean end and during a
/// use, as after `kill -9`.
fn stores(folder: &Path) -> [(&'static str, Vec<u8>); 2] {
    run(folder, 0, &["key", "new", "a.key"]);
    run(folder, 0, &["create", "a.redb", DID, "--key-file", "a.key"]);
    let ops = r#"{"ops":[{"action":"create","path":"com.example.a/1","record":{"n":1}}]}"#;
    std::fs::write(folder.join("ops"), format!("{ops}\n")).unwrap();
    let ops = std::fs::File::open(folder.join("ops")).unwrap();
    let mut write = carrack(folder, &["write", "a.redb", DID, "--key-file", "a.key"]);
    assert!(write.stdin(ops).output().unwrap().status.success());
    let file = folder.join("a.redb");
    let closed = std::fs::read(&file).unwrap();
    let engine = carrack::Engine::open(&file).unwrap();
    engine.mark_restored().unwrap();
    let open = std::fs::read(&file).unwrap();
    drop(engine);
    [("closed", closed), ("not closed", open)]
}

fn state_of(file: &Path) -> (Vec<u8>, SystemTime) {
    (std::fs::read(file).unwrap(), file.metadata().unwrap().modified().unwrap())
}

#[test]
fn commands_that_read_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (how, image) in stores(at) {
        let file = at.join("a.redb");
        std::fs::write(&file, &image).unwrap();
        let before = state_of(&file);
        for args in READING {
            run(at, 0, args);
            assert!(state_of(&file) == before, "{how}: {args:?} changed the file");
        }
        run(at, 0, &["backup", "a.redb", "b.redb"]);
        assert!(state_of(&file) == before, "{how}: `backup` changed the file");
        std::fs::remove_file(at.join("b.redb")).unwrap();
        // Not because nothing ever does.
        run(at, 0, &["backup", "mark", "a.redb"]);
        assert!(state_of(&file) != before);
    }
}

/// As on a read-only file system: neither the file nor its folder can be written to. The superuser
/// is bound by no mode, so the commands then run as another user.
#[test]
#[cfg(unix)]
fn commands_that_read_need_no_permission_to_write() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    const NO_USER: u32 = 65_534;

    let folder = tempfile::tempdir().unwrap();
    let at = &folder.path().join("mounted");
    std::fs::create_dir(at).unwrap();
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(folder.path(), 0o755);
    let is_root = folder.path().metadata().unwrap().uid() == 0;
    // The other user may not be able to reach the folder of the build.
    let binary = folder.path().join("carrack");
    std::fs::copy(env!("CARGO_BIN_EXE_carrack"), &binary).unwrap();
    for (how, image) in stores(at) {
        let file = at.join("a.redb");
        std::fs::write(&file, image).unwrap();
        mode(&file, 0o444);
        mode(at, 0o555);
        for args in READING.into_iter().chain([&["compact", "a.redb"][..]]) {
            let mut command = Command::new(&binary);
            command.args(args).current_dir(at).stdin(Stdio::null());
            if is_root {
                command.uid(NO_USER).gid(NO_USER);
            }
            let out = command.output().unwrap();
            let said = String::from_utf8_lossy(&out.stderr);
            let reads = args[0] != "compact";
            assert_eq!(out.status.success(), reads, "{how}: {args:?}: {said}");
        }
        mode(at, 0o755);
        mode(&file, 0o644);
    }
}

#[test]
fn a_store_that_is_open_elsewhere_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    stores(at);
    let engine = carrack::Engine::open(at.join("a.redb")).unwrap();
    for args in [&["accounts", "a.redb"][..], &["compact", "a.redb"]] {
        let out = run(at, 2, args);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(said.contains("open in another process"), "{said}");
    }
    drop(engine);
    let reader = carrack::Engine::open_read_only(at.join("a.redb")).unwrap();
    run(at, 0, &["accounts", "a.redb"]);
    run(at, 2, &["compact", "a.redb"]);
    drop(reader);
    run(at, 0, &["backup", "mark", "a.redb"]);
}

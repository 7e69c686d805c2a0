//! What commands write to files: an output never destroys anything, and what is refused leaves no
//! store.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use crate::common::command_line::{ACCOUNT, CommandLine, stderr};
use std::fs::{self, hard_link};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

/// The account's archive.
fn archive(here: &CommandLine) -> Vec<u8> {
    here.run(&["export", "a.redb", ACCOUNT]).stdout
}

// Holds guarantee G36.
#[test]
fn a_store_or_a_key_file_is_never_replaced() {
    let here = CommandLine::with_account();
    here.account("b");
    here.yes(&["backup", "a.redb", "backup.redb"]);
    fs::create_dir(here.path("man")).unwrap();
    fs::copy(here.path("b.redb"), here.path("man/carrack.1")).unwrap();
    symlink("b.redb", here.path("store-link")).unwrap();
    symlink("a.key", here.path("key-link")).unwrap();
    hard_link(here.path("b.redb"), here.path("store-twin")).unwrap();
    hard_link(here.path("b.key"), here.path("key-twin")).unwrap();
    let before = here.files();
    for target in [
        "a.redb",
        "./a.redb",
        "b.redb",
        "backup.redb",
        "store-link",
        "store-twin",
        "a.key",
        "b.key",
        "key-link",
        "key-twin",
    ] {
        for args in [
            &["export", "a.redb", ACCOUNT, "-o", target][..],
            &["export", "a.redb", ACCOUNT, "--since", "3jzfcijpj2z2a", "-o", target],
            &["proof", "a.redb", ACCOUNT, "com.example.a/1", "-o", target],
            &["proof", "a.redb", ACCOUNT, "--collection", "com.example.a", "-o", target],
            &["bench", "transfer", "--html", target],
            // Before anything else is found out.
            &["export", "none.redb", ACCOUNT, "-o", target],
        ] {
            let said = here.no(2, args);
            assert!(said.contains(target) && said.contains("choose another name"), "{said}");
            assert!(said.contains("store") || said.contains("key file"), "{said}");
        }
        assert_eq!(here.run(&["key", "new", target]).status.code(), Some(1));
    }
    let said = here.no(2, &["man", "--dir", "man"]);
    assert!(said.contains("carrack.1 is a store"), "{said}");
    let line = format!("\"$0\" export backup.redb {ACCOUNT} >> a.redb");
    let out = here.shell(&line);
    assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
    let pages = |path: &std::path::PathBuf| path.parent().unwrap().ends_with("man");
    let after = here.files();
    // Opening a store writes to it.
    for (path, bytes) in before.iter().filter(|(path, _)| !path.ends_with("backup.redb")) {
        assert!(after[path] == *bytes, "{} changed", path.display());
    }
    assert!(
        after.keys().all(|path| before.contains_key(path) || pages(path)),
        "{:?}",
        here.names()
    );
    here.no(1, &["backup", "a.redb", "store-twin"]);
}

#[test]
fn the_input_is_no_target_and_neither_is_a_folder() {
    let here = CommandLine::with_account();
    fs::write(here.path("notes.txt"), "words").unwrap();
    symlink("notes.txt", here.path("link")).unwrap();
    symlink("circle", here.path("circle")).unwrap();
    fs::create_dir(here.path("folder")).unwrap();
    let before = here.files();
    for target in ["notes.txt", "link"] {
        let said = here.no(2, &["export", "notes.txt", ACCOUNT, "-o", target]);
        assert!(said.contains("choose another name"), "{said}");
    }
    for target in ["folder", ".", "..", "new/"] {
        let said = here.no(2, &["export", "a.redb", ACCOUNT, "-o", target]);
        assert!(said.contains("is a folder"), "{said}");
    }
    let said = here.no(2, &["export", "a.redb", ACCOUNT, "-o", "none/a.car"]);
    assert!(said.contains("no folder none"), "{said}");
    here.no(2, &["export", "a.redb", ACCOUNT, "-o", "circle"]);
    assert_eq!(here.files(), before);
}

#[test]
fn an_older_output_is_replaced_with_the_mode_of_new_files() {
    let here = CommandLine::with_account();
    let car = archive(&here);
    for (umask, mode) in [("022", 0o644), ("077", 0o600), ("002", 0o664)] {
        fs::write(here.path("a.car"), "older").unwrap();
        fs::set_permissions(here.path("a.car"), fs::Permissions::from_mode(0o640)).unwrap();
        let line = format!("umask {umask}; \"$0\" export a.redb {ACCOUNT} -o a.car");
        let out = here.shell(&line);
        assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
        assert_eq!(fs::read(here.path("a.car")).unwrap(), car);
        assert_eq!(fs::metadata(here.path("a.car")).unwrap().mode() & 0o777, mode);
    }
}

#[test]
fn a_link_is_followed_also_to_where_nothing_is() {
    let here = CommandLine::with_account();
    let car = archive(&here);
    fs::create_dir(here.path("far")).unwrap();
    fs::write(here.path("far/old.car"), "older").unwrap();
    for target in ["old.car", "new.car"] {
        symlink(format!("far/{target}"), here.path(target)).unwrap();
        here.yes(&["export", "a.redb", ACCOUNT, "-o", target]);
        assert!(here.path(target).symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read(here.path("far").join(target)).unwrap(), car);
    }
    assert_eq!(fs::read_dir(here.path("far")).unwrap().count(), 2);
}

#[test]
fn what_is_no_file_is_written_to() {
    let here = CommandLine::with_account();
    let car = archive(&here);
    here.yes(&["export", "a.redb", ACCOUNT, "-o", "/dev/null"]);
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let made = std::process::Command::new("mkfifo").arg(here.path("pipe")).status().unwrap();
    assert!(made.success());
    let pipe = here.path("pipe");
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        fs::File::open(pipe).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    });
    here.yes(&["export", "a.redb", ACCOUNT, "-o", "pipe"]);
    assert_eq!(reader.join().unwrap(), car);
    assert!(fs::metadata(here.path("pipe")).unwrap().file_type().is_fifo());
    for output in ["-", "/dev/stdout", "/dev/fd/1"] {
        let out = here.run(&["export", "a.redb", ACCOUNT, "-o", output]);
        assert_eq!((out.status.code(), out.stdout), (Some(0), car.clone()), "{output}");
        // A file that another program has begun is continued.
        fs::write(here.path("begun"), "begun").unwrap();
        let out = here.shell(&format!("\"$0\" export a.redb {ACCOUNT} -o {output} >> begun"));
        assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
        let begun = fs::read(here.path("begun")).unwrap();
        assert!(begun.starts_with(b"begun") && begun[5..] == car[..], "{output}");
    }
    let out = here.shell(&format!("\"$0\" export a.redb {ACCOUNT} -o /dev/fd/3 3> third"));
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    assert_eq!(fs::read(here.path("third")).unwrap(), car);
}

#[test]
fn two_outputs_of_one_name_and_a_file_of_someone_else_do_not_meet() {
    let here = CommandLine::with_account();
    here.account("b");
    fs::write(here.path("out.car.part"), "another program's").unwrap();
    let whole = ["a.redb", "b.redb"].map(|store| here.run(&["export", store, ACCOUNT]).stdout);
    for _ in 0..8 {
        let both = ["a.redb", "b.redb"].map(|store| {
            here.command(&["export", store, ACCOUNT, "-o", "out.car"]).spawn().unwrap()
        });
        for mut child in both {
            assert_eq!(child.wait().unwrap().code(), Some(0));
        }
        assert!(whole.contains(&fs::read(here.path("out.car")).unwrap()));
    }
    assert_eq!(fs::read(here.path("out.car.part")).unwrap(), b"another program's");
    assert_eq!(here.names(), ["a.key", "a.redb", "b.key", "b.redb", "out.car", "out.car.part"]);
}

#[test]
fn a_dash_is_no_name_of_a_file() {
    let here = CommandLine::with_account();
    let before = here.files();
    for args in [
        &["key", "new", "-"][..],
        &["create", "-", ACCOUNT, "--key-file", "a.key"],
        &["create", "b.redb", ACCOUNT, "--key-file", "-"],
        &["write", "a.redb", ACCOUNT, "--key-file", "-"],
        &["import", "-", "none.car", "--no-key"],
        &["status", "-", ACCOUNT],
        &["compact", "-"],
        &["backup", "a.redb", "-"],
        &["events", "a.redb", "--frames", "-"],
        &["man", "--dir", "-"],
        &["bench", "transfer", "--html", "-"],
        &["migrate", "a.redb", "-", ACCOUNT],
    ] {
        here.no(2, args);
    }
    let said = here.no(2, &["key", "new", "-"]);
    assert!(said.contains("name a file"), "{said}");
    assert_eq!(here.files().keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
}

#[test]
fn frames_of_another_store_are_not_overwritten() {
    let here = CommandLine::with_account();
    here.account("b");
    here.yes(&["events", "a.redb", "--frames", "frames"]);
    let frames = here.files();
    // Once more is no fault, nor are frames that came meanwhile.
    here.yes(&["events", "a.redb", "--frames", "frames"]);
    assert_eq!(here.files().keys().collect::<Vec<_>>(), frames.keys().collect::<Vec<_>>());
    let line = r#"{"ops":[{"action":"delete","path":"com.example.a/1"}]}"#;
    let args = ["write", "a.redb", ACCOUNT, "--key-file", "a.key"];
    assert_eq!(here.run_with(&args, line.as_bytes()).status.code(), Some(0));
    here.yes(&["events", "a.redb", "--frames", "frames"]);
    assert_eq!(here.files().len(), frames.len() + 1);

    let said = here.no(2, &["events", "b.redb", "--frames", "frames"]);
    assert!(said.contains("frames/0") && said.contains("another folder"), "{said}");
    // One frame in the way, and not even those before it are written.
    fs::create_dir(here.path("mixed")).unwrap();
    let third = format!("{:020}.bin", 3);
    fs::copy(here.path("frames").join(&third), here.path("mixed").join(&third)).unwrap();
    let before = here.files();
    let said = here.no(2, &["events", "b.redb", "--frames", "mixed"]);
    assert!(said.contains(&third), "{said}");
    let after = here.files();
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (path, bytes) in before.iter().filter(|(path, _)| path.extension().unwrap() == "bin") {
        assert!(after[path] == *bytes, "{}", path.display());
    }
    here.no(2, &["events", "a.redb", "--frames", "a.key"]);
}

// Holds guarantee G36.
#[test]
fn what_is_refused_leaves_no_store() {
    let here = CommandLine::with_account();
    let key = here.json(&["status", "a.redb", ACCOUNT, "--json"])["key"].clone();
    let key = key.as_str().unwrap();
    let mut car = archive(&here);
    fs::write(here.path("a.car"), &car).unwrap();
    fs::write(here.path("cut.car"), &car[..car.len() / 2]).unwrap();
    *car.last_mut().unwrap() ^= 1;
    fs::write(here.path("bad.car"), &car).unwrap();
    fs::write(here.path("text.car"), r#"{"error":"NotFound"}"#).unwrap();
    fs::write(here.path("bad.key"), "carrack-signing-key 1\n").unwrap();
    fs::set_permissions(here.path("bad.key"), fs::Permissions::from_mode(0o600)).unwrap();
    here.yes(&["events", "a.redb", "--frames", "frames"]);
    here.yes(&["import", "copy.redb", "a.car", "--no-key"]);
    symlink("new.redb", here.path("link.redb")).unwrap();
    let other = here.yes(&["key", "new", "other.key"]);
    let names = here.names();
    for (code, args) in [
        (1, &["import", "new.redb", "bad.car", "--key", key][..]),
        (1, &["import", "link.redb", "bad.car", "--key", key]),
        (1, &["import", "new.redb", "bad.car", "--no-key", "--json"]),
        (1, &["import", "new.redb", "cut.car", "--key", key]),
        (1, &["import", "new.redb", "text.car", "--key", key]),
        (1, &["import", "new.redb", "a.car", "--key", other.trim()]),
        (1, &["import", "new.redb", "a.car", "--no-key", "--did", "did:web:a.example"]),
        (1, &["import", "new.redb", "a.car"]),
        (2, &["import", "new.redb", "none.car", "--key", key]),
        (2, &["import", "new.redb", ".", "--key", key]),
        (2, &["import", "new.redb", "a.car", "--did-doc", "none.json"]),
        (1, &["create", "new.redb", ACCOUNT, "--key-file", "bad.key"]),
        (2, &["create", "new.redb", ACCOUNT, "--key-file", "none.key"]),
        (2, &["create", "new.redb", "nonsense", "--key-file", "a.key"]),
        (2, &["follow", "new.redb", "none.bin"]),
        (1, &["follow", "new.redb", "text.car"]),
        // Without a key no copy begins.
        (0, &["follow", "new.redb", "frames"]),
        (1, &["migrate", "a.redb", "new.redb", "did:web:a.example"]),
        (1, &["migrate", "a.redb", "new.redb", ACCOUNT, "--key-file", "bad.key"]),
        (2, &["migrate", "none.redb", "new.redb", ACCOUNT]),
        (2, &["migrate", "a.redb", "new.redb", ACCOUNT, "--abort"]),
    ] {
        let out = here.run(args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", stderr(&out));
        assert_eq!(here.names(), names, "{args:?}");
    }
    // One that was there stays, even if it holds nothing.
    drop(carrack::Engine::open(here.path("new.redb")).unwrap());
    here.no(1, &["import", "new.redb", "bad.car", "--key", key]);
    assert!(here.path("new.redb").is_file());
    here.yes(&["import", "new.redb", "a.car", "--key", key]);
    here.no(1, &["import", "new.redb", "bad.car", "--key", key]);
    assert_eq!(here.yes(&["ls", "new.redb", ACCOUNT]).lines().count(), 2);
}

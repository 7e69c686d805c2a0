//! `carrack follow`: one line a frame, and an exit code that tells whether all of it fitted.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

fn carrack(folder: &Path, args: &[&str], code: i32) -> Output {
    carrack_with(folder, args, "", code)
}

fn carrack_with(folder: &Path, args: &[&str], input: &str, code: i32) -> Output {
    std::fs::write(folder.join("input"), input).unwrap();
    let input = std::fs::File::open(folder.join("input")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
    let out = command.args(args).current_dir(folder).stdin(Stdio::from(input)).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
    assert_eq!(code != 0, said.contains("error: "), "{args:?}: {said}");
    out
}

fn lines(out: &Output) -> Vec<String> {
    String::from_utf8(out.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn frames_make_a_copy_and_keep_it_in_step() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let key = lines(&carrack(here, &["key", "new", "a.key"], 0))[0].clone();
    carrack(here, &["create", "a.redb", DID, "--key-file", "a.key"], 0);
    for number in 0..3 {
        let line = format!(
            r#"{{"ops":[{{"action":"create","path":"com.example.a/{number}","record":{{"n":1}}}}]}}"#
        );
        carrack_with(here, &["write", "a.redb", DID, "--key-file", "a.key"], &line, 0);
    }
    carrack(here, &["events", "a.redb", "--frames", "frames"], 0);
    // Without a key, nothing begins, and nothing is wrong.
    let out = carrack(here, &["follow", "none.redb", "frames"], 0);
    assert_eq!(lines(&out).len(), 6);
    assert!(lines(&out).iter().all(|line| line.ends_with("ignored not-held")), "{out:?}");
    let out = carrack(here, &["follow", "b.redb", "frames", "--key", &key], 0);
    let results: Vec<String> =
        lines(&out).iter().map(|line| line.split(' ').nth(3).unwrap().to_owned()).collect();
    assert_eq!(results, ["ignored", "ignored", "created", "applied", "applied", "applied"]);
    let listed = ["a.redb", "b.redb"].map(|store| lines(&carrack(here, &["ls", store, DID], 0)));
    assert_eq!(listed[0], listed[1]);
    carrack(here, &["scrub", "b.redb"], 0);

    // One is lost: the copy is out of sync from there on, and `export --since` mends it.
    let named = |number: u32| format!("frames/{number:020}.bin");
    let some = [3, 4, 6].map(named);
    let mut args = vec!["follow", "c.redb", "--json", "--key", &key];
    args.extend(some.iter().map(String::as_str));
    let out = carrack(here, &args, 1);
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(told["failed"], 1);
    let last = &told["frames"][2];
    assert_eq!((&last["result"], &last["why"]), (&"out-of-sync".into(), &"since".into()));
    assert_eq!((&last["seq"], &last["missed"]), (&6.into(), &1.into()));
    assert_eq!(last["held_rev"], told["frames"][1]["rev"]);

    // What is no frame is refused, and the rest goes on.
    std::fs::write(here.join("junk"), b"junk").unwrap();
    let out = carrack(here, &["follow", "b.redb", "junk", &named(6)], 1);
    assert!(lines(&out)[0].starts_with("- - - refused: "), "{out:?}");
    assert!(lines(&out)[1].ends_with("ignored already-held"), "{out:?}");
    carrack(here, &["follow", "new.redb", "nowhere.bin"], 2);
    carrack(here, &["follow", "b.redb"], 2);
    assert!(!here.join("new.redb").exists());
}

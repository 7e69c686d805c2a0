//! Runs the command line.

use super::shuffle;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
    command.args(args).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn run(folder: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut child = command(folder, args).spawn().unwrap();
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// What a command prints with this input, and says, that ends with this exit code.
#[track_caller]
pub fn ends(folder: &Path, code: i32, args: &[&str], input: &str) -> (String, String) {
    let out = run(folder, args, input.as_bytes());
    let said = stderr(&out);
    assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
    (String::from_utf8(out.stdout).unwrap(), said)
}

#[track_caller]
pub fn yes(folder: &Path, args: &[&str]) -> Vec<u8> {
    let out = run(folder, args, b"");
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", stderr(&out));
    out.stdout
}

#[track_caller]
pub fn no(folder: &Path, code: i32, args: &[&str]) -> (Vec<u8>, String) {
    let out = run(folder, args, b"");
    assert_eq!(out.status.code(), Some(code), "{args:?}: {}", stderr(&out));
    let said = stderr(&out);
    assert!(said.contains("error: ") && !said.contains("panicked"), "{args:?}: {said}");
    (out.stdout, said)
}

pub fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[track_caller]
pub fn object(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(bytes));
    })
}

/// A folder with an account of 60 records in `a.redb`, its repository in `a.car`, and with its
/// sections in another order in `b.car`. Returns the account's did:key.
pub fn archive() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let key = String::from_utf8(yes(at, &["key", "new", "a.key"])).unwrap();
    yes(at, &["create", "a.redb", DID, "--key-file", "a.key"]);
    let create = |n: u32| {
        let collection = ["com.example.a", "com.example.b"][n as usize % 2];
        json!({ "action": "create", "path": format!("{collection}/{n:03}"), "record": { "n": n } })
    };
    let line = json!({ "ops": (0..60).map(create).collect::<Vec<_>>() }).to_string();
    let out = run(at, &["write", "a.redb", DID, "--key-file", "a.key"], line.as_bytes());
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    yes(at, &["export", "a.redb", DID, "-o", "a.car"]);
    let car = std::fs::read(at.join("a.car")).unwrap();
    std::fs::write(at.join("b.car"), shuffle(&car, 4)).unwrap();
    (folder, key.trim().to_owned())
}

/// A file that lacks the section before its last one, in streaming order: a node or a record.
pub fn with_hole(folder: &Path, from: &str, to: &str, number: usize) {
    let car = std::fs::read(folder.join(from)).unwrap();
    let mut reader = carrack::car::Reader::new(&car[..]).unwrap();
    let roots = reader.roots().to_vec();
    let mut writer = carrack::car::Writer::new(Vec::new(), &roots).unwrap();
    let mut at = 0;
    while let Some(section) = reader.next_section().unwrap() {
        if at != number {
            writer.write(&section.cid, section.bytes()).unwrap();
        }
        at += 1;
    }
    std::fs::write(folder.join(to), writer.finish().unwrap()).unwrap();
}

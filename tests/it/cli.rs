//! The binary keeps its contract: exit codes, JSON, `-`, and what is left on disk.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

struct Ship {
    folder: tempfile::TempDir,
}

impl Ship {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with an account of three records in `a.redb`, and its key in `a.key`.
    fn with_account() -> Self {
        let ship = Self::new();
        ship.yes(&["key", "new", "a.key"]);
        ship.yes(&["create", "a.redb", DID, "--key-file", "a.key"]);
        let line = r#"{"ops":[
            {"action":"create","path":"com.example.a/1","record":{"n":1}},
            {"action":"create","path":"com.example.a/2","record":{"n":2}},
            {"action":"create","path":"com.example.b/1","record":{"n":3}}]}"#;
        let out = ship.write(&line.replace('\n', ""));
        assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
        ship
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
        command.args(args).current_dir(self.folder.path());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    fn run_with(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    fn yes(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}", stderr(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    fn refusal(&self, code: i32, args: &[&str]) -> String {
        let out = self.run(args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", stderr(&out));
        let said = stderr(&out);
        assert!(said.contains("error: "), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        said
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.yes(args)).unwrap()
    }

    fn write(&self, input: &str) -> Output {
        let args = ["write", "a.redb", DID, "--key-file", "a.key", "--json"];
        self.run_with(&args, input.as_bytes())
    }

    fn key(&self) -> String {
        let status = self.json(&["status", "a.redb", DID, "--json"]);
        status["key"].as_str().unwrap().to_owned()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

fn fields(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn wrong_usage_is_two() {
    let ship = Ship::new();
    for args in [&[][..], &["sail"], &["verify"], &["ls", "a", "not-a-did"], &["get", "a", DID]] {
        assert_eq!(ship.run(args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(ship.run(&["--help"]).status.code(), Some(0));
    assert_eq!(ship.run(&["--version"]).status.code(), Some(0));
}

#[test]
fn a_file_that_is_not_there_is_two_and_makes_no_store() {
    let ship = Ship::new();
    ship.refusal(2, &["verify", "none.car"]);
    ship.refusal(2, &["verify", "."]);
    ship.refusal(2, &["ls", "none.car"]);
    ship.refusal(2, &["plc", "verify", "none.json"]);
    ship.refusal(2, &["import", "a.redb", "none.car", "--no-key"]);
    ship.refusal(2, &["create", "a.redb", DID, "--key-file", "none.key"]);
    for command in ["accounts", "scrub"] {
        let said = ship.refusal(2, &[command, "a.redb"]);
        assert!(said.contains("a.redb"), "{said}");
    }
    ship.refusal(2, &["status", "a.redb", DID]);
    ship.refusal(2, &["export", "a.redb", DID, "-o", "x.car"]);
    ship.refusal(2, &["get", "a.redb", DID, "com.example.a/1"]);
    ship.refusal(2, &["migrate", "a.redb", "b.redb", DID]);
    assert_eq!(ship.names(), Vec::<String>::new());
}

#[test]
fn what_is_malformed_is_one_with_a_code() {
    let ship = Ship::new();
    for (name, bytes) in [("empty", &b""[..]), ("text", b"ahoy"), ("cut", b"\x3a\xa2eroots")] {
        std::fs::write(ship.path(name), bytes).unwrap();
        let out = ship.run(&["verify", "--json", name]);
        assert_eq!(out.status.code(), Some(1), "{name}");
        let report: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(report["verdict"], "invalid");
        assert!(report["problems"][0]["code"].is_string(), "{report}");
        assert_eq!(report["listing_sha256"], Value::Null);
        let out = ship.run(&["import", "--json", "--no-key", "a.redb", name]);
        assert_eq!(out.status.code(), Some(1), "{name}");
        let report: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(report["verdict"], "invalid");
        assert!(report["problems"][0]["code"].is_string(), "{report}");
        ship.refusal(1, &["ls", name]);
        ship.refusal(1, &["plc", "verify", name]);
        ship.refusal(1, &["verify", "--did-doc", name, name]);
        ship.refusal(1, &["verify", "--plc-log", name, name]);
    }
    assert!(!ship.path("a.redb").exists());
}

#[test]
fn a_store_that_is_none_is_two_without_a_panic() {
    let ship = Ship::with_account();
    let good = std::fs::read(ship.path("a.redb")).unwrap();
    std::fs::write(ship.path("text.redb"), "ahoy, this is no database".repeat(500)).unwrap();
    std::fs::write(ship.path("empty.redb"), "").unwrap();
    for name in ["text.redb", "empty.redb", "."] {
        ship.refusal(2, &["accounts", name]);
        ship.refusal(2, &["scrub", name]);
    }
    let error = ship.run(&["accounts", "--json", "text.redb"]);
    let error: Value = serde_json::from_slice(&error.stdout).unwrap();
    assert_eq!(fields(&error), ["error"]);
    // Cut short, and with each page overwritten in turn.
    for length in [100, 4096, good.len() / 2] {
        std::fs::write(ship.path("bad.redb"), &good[..length]).unwrap();
        ship.refusal(2, &["accounts", "bad.redb"]);
    }
    for page in 0..(good.len() / 4096).min(24) {
        let mut bad = good.clone();
        bad[page * 4096..(page + 1) * 4096].fill(0xa5);
        std::fs::write(ship.path("bad.redb"), bad).unwrap();
        for command in [&["scrub", "--json", "bad.redb"][..], &["ls", "bad.redb", DID]] {
            let out = ship.run(command);
            let code = out.status.code().unwrap();
            assert!([0, 1, 2].contains(&code), "page {page}: {code}");
            let said = stderr(&out);
            assert_eq!(said.contains("error: "), code != 0, "page {page}: {said}");
        }
    }
    let said = ship.refusal(2, &["ls", "a.redb"]);
    assert!(said.contains("carrack accounts"), "{said}");
}

#[test]
fn a_key_file_is_private_and_never_overwritten() {
    let ship = Ship::new();
    for curve in ["k256", "p256"] {
        let name = format!("{curve}.key");
        let key = ship.yes(&["key", "new", &name, "--curve", curve]);
        assert!(key.starts_with("did:key:z") && key.ends_with('\n'), "{key}");
        let before = std::fs::read(ship.path(&name)).unwrap();
        ship.refusal(1, &["key", "new", &name]);
        assert_eq!(std::fs::read(ship.path(&name)).unwrap(), before);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(ship.path(&name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
    ship.refusal(2, &["key", "new", "none/k.key"]);
}

#[test]
fn records_are_written_listed_and_read() {
    let ship = Ship::with_account();
    let all = ship.yes(&["ls", "a.redb", DID]);
    let paths: Vec<&str> = all.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(paths, ["com.example.a/1", "com.example.a/2", "com.example.b/1"]);
    let one = ship.yes(&["ls", "a.redb", DID, "--collection", "com.example.a"]);
    assert_eq!(one.lines().count(), 2);
    let record = ship.json(&["get", "a.redb", DID, "com.example.a/2"]);
    assert_eq!(record, serde_json::json!({"n": 2}));
    let cbor = ship.run(&["get", "a.redb", DID, "com.example.a/2", "--cbor"]);
    assert_eq!(cbor.stdout, b"\xa1\x61n\x02");
    ship.refusal(1, &["get", "a.redb", DID, "com.example.a/3"]);
    ship.refusal(1, &["ls", "a.redb", "did:plc:nobody"]);
    let status = ship.json(&["status", "a.redb", DID, "--json"]);
    let expected = [
        "blobs_missing",
        "blobs_needed",
        "bytes",
        "commit",
        "data",
        "did",
        "key",
        "records",
        "rev",
        "state",
        "trust",
        "trust_key",
    ];
    assert_eq!(fields(&status), expected);
    assert_eq!((&status["records"], &status["state"]), (&3.into(), &"active".into()));
    assert_eq!(ship.json(&["accounts", "a.redb", "--json"])["accounts"][0], status);
    assert_eq!(ship.run(&["status", "a.redb", "did:plc:nobody", "--json"]).status.code(), Some(1));
}

#[test]
fn a_refused_line_stops_and_says_which() {
    let ship = Ship::with_account();
    let lines = [
        r#"{"ops":[{"action":"update","path":"com.example.a/1","cbor":"oWFuGGQ="}]}"#,
        r#"{"ops":[{"action":"update","path":"com.example.a/1","record":{"n":100}}]}"#,
        r#"{"ops":[{"action":"create","path":"com.example.a/2","record":{}}]}"#,
        r#"{"ops":[{"action":"delete","path":"com.example.b/1"}]}"#,
    ];
    let out = ship.write(&format!("{}\n", lines.join("\n")));
    assert_eq!(out.status.code(), Some(1));
    assert!(stderr(&out).contains("line 3"), "{}", stderr(&out));
    let answers: Vec<Value> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 3);
    let expected = ["commit", "data", "ops", "prev_data", "rev", "seq", "since"];
    assert_eq!(fields(&answers[0]), expected);
    let op = &answers[0]["ops"][0];
    assert_eq!(fields(op), ["action", "cid", "path", "prev"]);
    assert_eq!(op["action"], "update");
    // The same record again: no commit.
    assert_eq!(answers[1]["commit"], answers[0]["commit"]);
    assert_eq!((&answers[1]["seq"], &answers[1]["ops"]), (&Value::Null, &serde_json::json!([])));
    assert_eq!(answers[2]["line"], 3);
    assert_eq!(ship.json(&["get", "a.redb", DID, "com.example.a/1"])["n"], 100);
    assert_eq!(ship.yes(&["ls", "a.redb", DID]).lines().count(), 3);
    let swap = r#"{"ops":[],"swap":"bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"}"#;
    assert_eq!(ship.write(swap).status.code(), Some(1));
}

#[test]
fn a_repository_goes_through_a_pipe() {
    let ship = Ship::with_account();
    let car = ship.run(&["export", "a.redb", DID, "-o", "-"]).stdout;
    ship.yes(&["export", "a.redb", DID, "-o", "a.car"]);
    assert_eq!(std::fs::read(ship.path("a.car")).unwrap(), car);
    assert!(!ship.names().contains(&"a.car.part".to_owned()));
    let key = ship.key();
    let out = ship.run_with(&["verify", "--json", "--key", &key, "--did", DID, "-"], &car);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&report["verdict"], &report["signature"]), (&"valid".into(), &"valid".into()));
    let listing = ship.yes(&["ls", "a.redb", DID]);
    let out = ship.run_with(&["ls", "-"], &car);
    assert_eq!(String::from_utf8(out.stdout).unwrap(), listing);
    let out = ship.run_with(&["import", "b.redb", "-", "--key", &key, "--json"], &car);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let imported: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&imported["records"], &imported["trust"]), (&3.into(), &"verified".into()));
    assert_eq!(ship.yes(&["ls", "b.redb", DID]), listing);
    let unknown = ship.run(&["export", "a.redb", DID, "--since", "3jzfcijpj2z2a"]);
    assert!(stderr(&unknown).contains("full export"), "{}", stderr(&unknown));
    assert_eq!(unknown.stdout, car);
    let human = ship.yes(&["verify", "a.car"]);
    assert!(human.contains("unchecked") && human.contains("valid"), "{human}");
}

#[test]
fn a_diff_brings_a_copy_to_the_head() {
    let ship = Ship::with_account();
    let key = ship.key();
    ship.yes(&["export", "a.redb", DID, "-o", "a.car"]);
    let copied = ship.json(&["import", "b.redb", "a.car", "--key", &key, "--json"]);
    let write = r#"{"ops":[{"action":"create","path":"com.example.note/new","record":{"$type":"com.example.note"}}]}"#;
    assert_eq!(ship.write(write).status.code(), Some(0));
    let since = copied["rev"].as_str().unwrap();
    let diff = ship.run(&["export", "a.redb", DID, "--since", since]).stdout;
    // An account that takes writes is left alone, unless its head is named.
    let refused = ship.run_with(&["apply", "b.redb", "-", "--json"], &diff);
    assert_eq!(refused.status.code(), Some(1));
    let head = copied["commit"].as_str().unwrap();
    let out = ship.run_with(&["apply", "b.redb", "-", "--replace", head, "--json"], &diff);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let applied: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&applied["created"], &applied["since"]), (&1.into(), &copied["rev"]));
    let exports = ["a.redb", "b.redb"].map(|store| ship.run(&["export", store, DID]).stdout);
    assert_eq!(exports[0], exports[1]);
    let broken = &diff[..diff.len() - 1];
    let out = ship.run_with(&["apply", "b.redb", "-", "--json"], broken);
    assert_eq!(out.status.code(), Some(1));
    let refused: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(refused["problems"][0]["code"], "Truncated");
}

#[test]
fn a_refused_import_leaves_no_account() {
    let ship = Ship::with_account();
    ship.yes(&["export", "a.redb", DID, "-o", "a.car"]);
    ship.yes(&["key", "new", "other.key"]);
    let other = ship.yes(&["key", "new", "third.key"]);
    let said = ship.refusal(1, &["import", "b.redb", "a.car"]);
    assert!(said.contains("--no-key"), "{said}");
    assert!(!ship.names().contains(&"b.redb".to_owned()));
    let key = ["--key", other.trim()];
    ship.refusal(1, &["import", "b.redb", "a.car", key[0], key[1]]);
    ship.refusal(1, &["import", "b.redb", "a.car", "--no-key", "--did", "did:web:a.example"]);
    ship.refusal(2, &["import", "b.redb", "a.car", "--no-key", key[0], key[1]]);
    let mut car = std::fs::read(ship.path("a.car")).unwrap();
    *car.last_mut().unwrap() ^= 1;
    std::fs::write(ship.path("bad.car"), &car).unwrap();
    assert!(!ship.path("b.redb").exists());
    drop(carrack::Engine::open(ship.path("b.redb")).unwrap());
    let out = ship.run(&["import", "b.redb", "bad.car", "--no-key", "--json"]);
    let refused: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(refused["problems"][0]["code"], "HashMismatch");
    assert_eq!(ship.json(&["accounts", "b.redb", "--json"])["accounts"], serde_json::json!([]));
    let report = ship.json(&["scrub", "b.redb", "--json"]);
    assert_eq!(fields(&report)[..2], ["accounts", "problems"]);
    assert_eq!((&report["verdict"], &report["rows"]), (&"valid".into(), &0.into()));
    // An account that takes writes is replaced only by who names its head.
    ship.yes(&["import", "b.redb", "a.car", "--no-key"]);
    let head = ship.json(&["status", "b.redb", DID, "--json"])["commit"].clone();
    ship.write(r#"{"ops":[{"action":"delete","path":"com.example.b/1"}]}"#);
    ship.yes(&["export", "a.redb", DID, "-o", "a.car"]);
    ship.refusal(1, &["import", "b.redb", "a.car", "--no-key"]);
    let replace = ["--replace", head.as_str().unwrap()];
    ship.yes(&["import", "b.redb", "a.car", "--no-key", replace[0], replace[1]]);
    ship.refusal(1, &["import", "b.redb", "bad.car", "--no-key", replace[0], replace[1]]);
    assert_eq!(ship.yes(&["ls", "b.redb", DID]).lines().count(), 2);
}

#[test]
fn a_proof_says_present_or_absent() {
    let ship = Ship::with_account();
    let key = ship.key();
    for (path, present) in [("com.example.a/2", true), ("com.example.a/3", false)] {
        ship.yes(&["proof", "a.redb", DID, path, "-o", "p.car"]);
        let report = ship.json(&["verify", "--json", "--proof", path, "--key", &key, "p.car"]);
        assert_eq!(report["proof"]["present"], present);
        assert_eq!(report["proof"]["path"], path);
        assert_eq!(report["proof"]["cid"].is_string(), present);
        let human = ship.yes(&["verify", "--proof", path, "p.car"]);
        assert!(human.contains(if present { "present" } else { "absent" }), "{human}");
    }
    let refused = ship.run(&["verify", "--json", "p.car"]);
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn keys_come_from_documents_and_agree_on_the_account() {
    let ship = Ship::with_account();
    ship.yes(&["export", "a.redb", DID, "-o", "a.car"]);
    let key = ship.key();
    let document = |did: &str| {
        let method = serde_json::json!({
            "id": "#atproto", "type": "Multikey",
            "publicKeyMultibase": key.strip_prefix("did:key:").unwrap(),
        });
        serde_json::json!({"id": did, "verificationMethod": [method]}).to_string()
    };
    std::fs::write(ship.path("a.json"), document(DID)).unwrap();
    std::fs::write(ship.path("b.json"), document("did:web:b.example")).unwrap();
    let report = ship.json(&["verify", "--json", "--did-doc", "a.json", "a.car"]);
    assert_eq!(report["signature"], "valid");
    let said = ship.refusal(1, &["verify", "--did-doc", "b.json", "a.car"]);
    assert!(said.contains("DidMismatch"), "{said}");
    ship.refusal(2, &["verify", "--did-doc", "b.json", "--did", DID, "a.car"]);
    ship.refusal(2, &["verify", "--did-doc", "-", "-"]);
    ship.yes(&["import", "b.redb", "a.car", "--did-doc", "a.json"]);
}

#[test]
fn an_account_moves_and_the_move_can_be_repeated() {
    let ship = Ship::with_account();
    let listing = ship.yes(&["ls", "a.redb", DID]);
    let moved = ship.json(&["migrate", "a.redb", "b.redb", DID, "--json"]);
    let expected = [
        "blobs",
        "blobs_missing",
        "bytes",
        "data",
        "did",
        "fence_seconds",
        "records",
        "rev",
        "seconds",
        "source_rev",
    ];
    assert_eq!(fields(&moved), expected);
    assert_eq!(ship.yes(&["ls", "b.redb", DID]), listing);
    let source = ship.json(&["status", "a.redb", DID, "--json"]);
    assert_eq!(source["state"], "moved");
    assert!(source["to"].as_str().unwrap().ends_with("b.redb"), "{source}");
    let line = r#"{"ops":[{"action":"delete","path":"com.example.b/1"}]}"#;
    let out = ship.write(line);
    assert_eq!(out.status.code(), Some(1));
    assert!(stderr(&out).contains("moved to"), "{}", stderr(&out));
    // The new key is beside the new store, and signs there.
    let key = format!("b.redb.{}.key", DID.replace(':', "_"));
    let args = ["write", "b.redb", DID, "--key-file", &key];
    assert_eq!(ship.run_with(&args, line.as_bytes()).status.code(), Some(0));
    let again = ship.json(&["migrate", "a.redb", "b.redb", DID, "--json"]);
    assert_eq!(again["source_rev"], moved["source_rev"]);
    ship.refusal(1, &["migrate", "a.redb", "b.redb", DID, "--abort"]);
    ship.refusal(2, &["migrate", "a.redb", "./a.redb", DID]);
    ship.refusal(1, &["migrate", "a.redb", "c.redb", "did:plc:nobody"]);
    assert!(!ship.path("c.redb").exists());
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let ship = Ship::with_account();
    for args in [
        &["ls", "a.redb", DID][..],
        &["export", "a.redb", DID],
        &["accounts", "a.redb", "--json"],
        &["scrub", "a.redb"],
    ] {
        let mut child =
            ship.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.status.code(), Some(141), "{args:?}: {}", stderr(&out));
        assert_eq!(stderr(&out), "", "{args:?}");
    }
}

#[test]
fn a_failed_export_leaves_what_was_there() {
    let ship = Ship::with_account();
    std::fs::write(ship.path("a.car"), "before").unwrap();
    ship.refusal(1, &["export", "a.redb", "did:plc:nobody", "-o", "a.car"]);
    assert_eq!(std::fs::read(ship.path("a.car")).unwrap(), b"before");
    ship.refusal(2, &["export", "a.redb", DID, "-o", "none/a.car"]);
    assert!(!ship.names().iter().any(|name| name.contains(".part")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_is_written_to_and_stays_one() {
    use std::os::unix::fs::FileTypeExt;
    let ship = Ship::with_account();
    ship.yes(&["export", "a.redb", DID, "-o", "/dev/null"]);
    let metadata = std::fs::metadata("/dev/null").unwrap();
    assert!(metadata.file_type().is_char_device());
    assert!(!Path::new("/dev/null.part").exists());
    ship.refusal(2, &["export", "a.redb", DID, "-o", "/dev/full"]);
}

#[test]
fn the_demo_agrees() {
    let page = Ship::new().yes(&["demo", "--records", "500"]);
    assert!(page.ends_with("Everything agreed.\n"), "{page}");
    assert!(page.lines().count() <= 25, "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
}

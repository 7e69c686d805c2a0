//! `trust`, `write --rekey` and `--no-upgrade` keep the command line's contract.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::command::ends;
use serde_json::{Value, json};
use std::path::Path;

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const OTHER: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

/// Runs a command with this input, expects its exit code, and gives its output and what it said.
#[track_caller]
fn run(folder: &Path, code: i32, args: &[&str], input: &str) -> (String, String) {
    ends(folder, code, args, input)
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.yes(&["key", "new", "a.key"]);
        folder.yes(&["key", "new", "b.key"]);
        folder.yes(&["create", "a.redb", DID, "--key-file", "a.key"]);
        folder
    }

    fn yes(&self, args: &[&str]) -> String {
        run(self.0.path(), 0, args, "").0
    }

    fn json(&self, code: i32, args: &[&str]) -> Value {
        serde_json::from_str(&run(self.0.path(), code, args, "").0).unwrap()
    }

    fn status(&self) -> (Value, Value) {
        let status = self.json(0, &["status", "a.redb", DID, "--json"]);
        (status["trust"].clone(), status["trust_key"].clone())
    }

    /// The did:key of a key, as a store that signs with it tells it.
    fn did_key(&self, key: &str) -> String {
        let store = format!("{key}.redb");
        self.yes(&["create", &store, OTHER, "--key-file", key]);
        let status = self.json(0, &["status", &store, OTHER, "--json"]);
        status["key"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_change_of_keys_is_asked_for_and_checked() {
    let folder = Folder::new();
    let at = folder.0.path();
    let [a, b] = ["a.key", "b.key"].map(|key| folder.did_key(key));
    assert_eq!(folder.status(), (json!("verified"), Value::Null));
    let line = r#"{"ops":[]}"#;
    let (_, said) = run(at, 1, &["write", "a.redb", DID, "--key-file", "b.key"], line);
    assert!(said.contains(&a) && said.contains(&b) && said.contains("--rekey"), "{said}");
    run(at, 0, &["write", "a.redb", DID, "--key-file", "b.key", "--rekey"], line);
    assert_eq!(folder.status(), (json!("unverified"), Value::Null));
    run(at, 0, &["write", "a.redb", DID, "--key-file", "b.key"], line);
    assert_eq!(folder.status().0, "unverified");
    let accounts = folder.json(0, &["accounts", "a.redb", "--json"]);
    assert_eq!(accounts["accounts"][0]["trust"], "unverified");

    let wrong = folder.json(1, &["trust", "a.redb", DID, "--key", &a, "--json"]);
    assert_eq!(wrong["signature"], "invalid");
    assert_eq!((&wrong["trust"], &wrong["trust_key"]), (&json!("unverified"), &Value::Null));
    let (_, said) = run(at, 1, &["trust", "a.redb", DID], "");
    assert!(said.contains("--key"), "{said}");
    let right = folder.json(0, &["trust", "a.redb", DID, "--key", &a, "--key", &b, "--json"]);
    assert_eq!(right["did"], DID);
    assert_eq!((&right["trust"], &right["trust_key"]), (&json!("verified"), &json!("current")));
    assert_eq!((&right["signature"], &right["key"]), (&json!("valid"), &json!(b)));
    assert_eq!(folder.status(), (json!("verified"), json!("current")));
    assert!(folder.yes(&["status", "a.redb", DID]).contains("verified, current key"));
    let (_, said) = run(at, 1, &["trust", "a.redb", DID, "--key", &b, "--did", OTHER], "");
    assert!(said.contains("DidMismatch"), "{said}");
    run(at, 1, &["trust", "a.redb", OTHER, "--key", &b], "");
    run(at, 2, &["trust", "none.redb", DID, "--key", &b], "");
}

#[test]
fn an_import_of_another_account_says_so_first() {
    let folder = Folder::new();
    let at = folder.0.path();
    let a = folder.did_key("a.key");
    folder.yes(&["export", "a.redb", DID, "-o", "a.car"]);
    for more in
        [&[][..], &["--replace", "bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"]]
    {
        let args = ["import", "a.redb", "a.car", "--key", &a, "--did", OTHER, "--json"];
        let out = run(at, 1, &[&args[..], more].concat(), "").0;
        let out: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(out["problems"][0]["code"], "DidMismatch", "{out}");
    }
    let args = ["apply", "a.redb", "a.car", "--key", &a, "--did", OTHER, "--json"];
    let out = folder.json(1, &args);
    assert_eq!(out["problems"][0]["code"], "DidMismatch", "{out}");
    let again = folder.json(0, &["import", "a.redb", "a.car", "--no-key", "--json"]);
    assert_eq!((&again["trust"], &again["trust_key"]), (&json!("verified"), &Value::Null));
}

/// The frozen store of format 1.
fn unpack(to: &Path) {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen/v1.pages");
    let packed = std::fs::read(pages).unwrap();
    let (count, pages) = packed.split_first_chunk::<4>().unwrap();
    let mut file = vec![0; 4096 * usize::try_from(u32::from_be_bytes(*count)).unwrap()];
    for page in pages.chunks(4 + 4096) {
        let (number, bytes) = page.split_first_chunk::<4>().unwrap();
        let at = 4096 * usize::try_from(u32::from_be_bytes(*number)).unwrap();
        file[at..at + 4096].copy_from_slice(bytes);
    }
    std::fs::write(to, file).unwrap();
}

#[test]
fn an_upgrade_is_announced_and_can_be_refused() {
    let folder = Folder::new();
    let at = folder.0.path();
    let file = at.join("v1.redb");
    unpack(&file);
    let before = std::fs::read(&file).unwrap();
    let (out, said) = run(at, 0, &["accounts", "v1.redb", "--json", "--no-upgrade"], "");
    assert_eq!(said, "");
    let accounts: Value = serde_json::from_str(&out).unwrap();
    let did = accounts["accounts"][0]["did"].as_str().unwrap();
    run(at, 0, &["ls", "v1.redb", did, "--no-upgrade"], "");
    run(at, 0, &["scrub", "v1.redb", "--no-upgrade"], "");
    let args = ["create", "v1.redb", DID, "--key-file", "a.key", "--no-upgrade"];
    let (_, said) = run(at, 2, &args, "");
    assert!(said.contains("format 1"), "{said}");
    assert!(std::fs::read(&file).unwrap() == before, "the file has changed");
    // What only reads never upgrades it.
    assert_eq!(run(at, 0, &["accounts", "v1.redb"], "").1, "");
    assert!(std::fs::read(&file).unwrap() == before, "the file has changed");
    let (_, said) = run(at, 0, &args[..5], "");
    assert!(said.contains("format 1") && said.contains("upgraded"), "{said}");
    let (_, said) = run(at, 0, &["backup", "mark", "v1.redb"], "");
    assert!(!said.contains("upgraded"), "{said}");
}

//! The JSON of each command has the fields that `src/manual/cli.md` lists, and no others.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::cli_page::{self, Fields};
use crate::common::command::run;
use crate::common::sample::sample;
use carrack::env::{Clock, SystemClock};
use carrack::ident::Rev;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

/// Command lines, each run once in this order, in a folder with the sample account's `repo.car` and
/// `log.json`. `DID` and `KEY` stand for an account and its key, `REV` and `HEAD` for its revision
/// and commit, as the first `status` has them; `NOW` is a new revision. A line of `write` has its input after ` < `.
const LINES: &[&str] = &[
    "key new a.key --json",
    "create a.redb DID --key-file a.key --json",
    r#"write a.redb DID --key-file a.key < {"ops":[{"action":"create","path":"com.example.a/1","record":{"n":1}}]}"#,
    "status a.redb DID --json",
    "accounts a.redb --json",
    "export a.redb DID -o a.car --json",
    "verify a.car --key KEY --json",
    "ls a.car --json",
    "ls a.redb DID --json",
    "get a.car com.example.a/1 --json",
    "dump a.redb DID",
    "tree a.car --json",
    "proof a.redb DID com.example.a/1 -o p.car --json",
    "verify --proof com.example.a/1 p.car --json",
    "proof a.car --collection com.example.a -o p.car --json",
    "verify --proof-collection com.example.a p.car --json",
    "export a.redb DID --keep-going -o k.car --json",
    "import b.redb a.car --key KEY --json",
    "account deactivate b.redb DID --json",
    "account suspend b.redb DID --json",
    "account takedown b.redb DID --json",
    "account activate b.redb DID --json",
    "blobs b.redb DID --json",
    "trust b.redb DID --key KEY --json",
    r#"write a.redb DID --key-file a.key < {"ops":[{"action":"update","path":"com.example.a/1","record":{"n":2}}]}"#,
    "diff a.car a.redb DID --json",
    "diff repo.car a.car --json",
    "export a.redb DID --since REV -o d.car --json",
    "apply b.redb d.car --replace HEAD --json",
    "events a.redb",
    "events a.redb --frames frames",
    "event verify frames/00000000000000000004.bin --key KEY --json",
    "follow c.redb frames --key KEY --json",
    "follow c.redb frames/00000000000000000004.bin log.json --json",
    "follow d.redb frames/00000000000000000003.bin --key KEY --json",
    "follow d.redb frames/00000000000000000005.bin --key KEY --json",
    "import e.redb a.car --key KEY --json",
    "follow e.redb frames --key KEY --json",
    "plc verify log.json --json",
    "migrate a.redb m.redb DID --json",
    "status a.redb DID --json",
    "accounts a.redb --json",
    "scrub a.redb --json",
    "backup b.redb copy.redb --json",
    "backup b.redb copy2.redb --keep-going --json",
    "status copy.redb DID --json",
    "accounts copy.redb --json",
    "backup mark b.redb --json",
    "backup confirm b.redb --seq 9 --rev NOW --json",
    "compact b.redb --json",
    "key new b.key --json",
    "key new c.key --json",
    "create f.redb DID --key-file b.key --json",
    r#"write f.redb DID --key-file b.key < {"ops":[{"action":"create","path":"com.example.a/1","record":{"n":{"$type":"blob","ref":{"$link":"bafkreih4dc2wldjquabz4hmjmb33rzrqksdoow6yfzeu6rgtnzxr4ncjbe"},"mimeType":"a/b","size":1}}}]}"#,
    "blobs f.redb DID --missing --json",
    "account rekey f.redb DID --key-file b.key --new-key-file c.key --json",
    "account delete f.redb DID --yes --json",
    "demo --records 20 --json",
];

/// Conditional fields that none of these runs brings about.
const UNSEEN: &[(&str, &str)] = &[
    // An interrupted move: tests/it/crash_migration.rs.
    ("migrate", "state"),
    // Damage: tests/it/salvage.rs.
    ("backup", "left_out[].did"),
    ("backup", "left_out[].cause"),
    ("backup", "events_left_out.until"),
    ("backup", "events_left_out.cause"),
    // A damaged file: tests/it/cli_archive.rs.
    ("tree", "parts[].problem"),
];

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

struct Runs {
    folder: tempfile::TempDir,
    status: Value,
    /// A revision of now.
    now: String,
}

impl Runs {
    fn new() -> Self {
        let runs = Self::in_empty_folder();
        let sample = sample();
        std::fs::write(runs.folder.path().join("repo.car"), sample.car).unwrap();
        std::fs::write(runs.folder.path().join("log.json"), sample.log).unwrap();
        runs
    }

    fn in_empty_folder() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), status: Value::Null, now: String::new() }
    }

    /// Runs a line; an account's state is remembered.
    fn run(&mut self, line: &str) -> (String, Output) {
        self.now = Rev::from_micros(SystemClock.now_micros(), 0).unwrap().to_string();
        let (args, input) = line.split_once(" < ").unwrap_or((line, ""));
        let args: Vec<&str> = args.split(' ').map(|word| self.value(word)).collect();
        let name = name(&args);
        let out = run(self.folder.path(), &args, input.as_bytes());
        if name == "status" && self.status.is_null() {
            self.status = serde_json::from_slice(&out.stdout).unwrap();
        }
        (name, out)
    }

    fn value<'a>(&'a self, word: &'a str) -> &'a str {
        let of = |field: &str| self.status[field].as_str().unwrap_or("none");
        match word {
            "DID" => DID,
            "KEY" => of("key"),
            "REV" => of("rev"),
            "HEAD" => of("commit"),
            "NOW" => &self.now,
            word => word,
        }
    }
}

/// The command of a line: the longest beginning that the page has fields or a heading for.
fn name(args: &[&str]) -> String {
    let sections = cli_page::sections(&cli_page::page());
    let synopses = sections.iter().flat_map(|section| &section.synopses);
    let names: BTreeSet<String> = synopses.flat_map(|text| cli_page::commands(text)).collect();
    let two = args.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    if names.contains(&two) { two } else { args[0].to_owned() }
}

/// The paths of all fields of a value.
fn paths(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path =
                    if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                found.insert(path.clone());
                // What is in a record is not the command's.
                if name != "value" {
                    paths(value, &path, found);
                }
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                paths(entry, &format!("{prefix}[]"), found);
            }
        }
        _ => {}
    }
}

/// Whether a value has a field wherever it has the objects around it.
fn has(value: &Value, path: &str) -> bool {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let (name, is_list) = first.strip_suffix("[]").map_or((first, false), |name| (name, true));
    match value.get(name) {
        None => !rest.is_empty(),
        Some(Value::Array(entries)) if is_list => entries.iter().all(|entry| has(entry, rest)),
        Some(Value::Null) => true,
        Some(inner) => rest.is_empty() || has(inner, rest),
    }
}

/// What does not agree in one object.
fn contradictions(value: &Value, listed: &Fields) -> Vec<String> {
    let mut found = BTreeSet::new();
    paths(value, "", &mut found);
    let all: BTreeSet<String> = listed.always.union(&listed.sometimes).cloned().collect();
    let unlisted = found.difference(&all).map(|path| format!("{path} is not listed"));
    let lacking = listed.always.iter().filter(|path| !has(value, path));
    unlisted.chain(lacking.map(|path| format!("{path} is not there"))).collect()
}

#[test]
fn every_command_prints_the_fields_that_the_page_lists() {
    let listed = cli_page::json(&cli_page::page());
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut runs = Runs::new();
    for line in LINES {
        let (name, out) = runs.run(line);
        let said = String::from_utf8_lossy(&out.stderr);
        let Some(fields) = listed.get(&name) else {
            assert!(out.status.success(), "{line}: {said}");
            continue;
        };
        let text = String::from_utf8(out.stdout).unwrap();
        let is_answer = text.starts_with('{') || text.is_empty() && line.contains("--frames");
        assert!(is_answer, "{line}: {text}{said}");
        for object in text.lines() {
            let value: Value = serde_json::from_str(object).unwrap();
            let found = contradictions(&value, fields);
            assert!(found.is_empty(), "`{line}` prints {object}{said}: {found:#?}");
            paths(&value, "", seen.entry(name.clone()).or_default());
        }
    }
    let named: BTreeSet<_> =
        LINES.iter().map(|line| name(&line.split(' ').collect::<Vec<_>>())).collect();
    let mut wrong = Vec::new();
    for (name, fields) in &listed {
        let is_command = !["problems", "warnings"].contains(&&**name);
        if is_command && !named.contains(name) {
            wrong.push(format!("no line of this test runs `{name}`"));
        }
        let seen = seen.get(name).cloned().unwrap_or_default();
        let own = fields.sometimes.difference(&fields.inherited);
        for field in own.filter(|field| is_command && !is_of_problem(field)) {
            match (UNSEEN.contains(&(name, field)), seen.contains(field)) {
                (true, true) => wrong.push(format!("{name}: {field} is seen")),
                (false, false) => wrong.push(format!("{name}: {field} is not seen in any run")),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_of_problem(field: &str) -> bool {
    field.contains("problems[].") || field.contains("warnings[].")
}

/// In a folder where the files are missing, a command with `--json` says so in JSON too.
#[test]
fn a_failure_is_one_object_with_an_error() {
    let mut failures = 0;
    for line in LINES.iter().filter(|line| line.ends_with("--json")) {
        let mut runs = Runs::in_empty_folder();
        runs.status = serde_json::json!({
            "key": "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF",
            "rev": "3jzfcijpj2z2a",
            "commit": "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua",
        });
        let (_, out) = runs.run(line);
        let said = String::from_utf8_lossy(&out.stderr);
        if out.status.success() {
            continue;
        }
        assert_eq!(out.status.code(), Some(2), "{line}: {said}");
        let object: Value =
            serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{line}: {said}"));
        let error = object["error"].as_str().unwrap_or_else(|| panic!("{line}: {object}"));
        assert!(said.contains(error), "{line}: {said}: {error}");
        failures += 1;
    }
    assert!(failures >= 20, "{failures} lines fail");
}

/// The comparison sees what it is for.
#[test]
fn a_field_too_many_or_too_few_is_found_out() {
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let (always, sometimes) = (of(&["a", "b", "b[].c"]), of(&["d"]));
    let fields = Fields { always, sometimes, ..Fields::default() };
    let check = |text: &str| contradictions(&serde_json::from_str(text).unwrap(), &fields);
    assert_eq!(check(r#"{"a":1,"b":[{"c":1},{"c":2}]}"#), Vec::<String>::new());
    assert_eq!(check(r#"{"a":null,"b":[],"d":1}"#), Vec::<String>::new());
    assert_eq!(check(r#"{"a":1,"b":[{"c":1},{}]}"#), ["b[].c is not there"]);
    assert_eq!(check(r#"{"b":[],"e":1}"#), ["e is not listed", "a is not there"]);
    assert_eq!(check(r#"{"a":{"f":1},"b":null}"#), ["a.f is not listed"]);
}

//! `carrack bench` measures what it says, leaves nothing behind, and refuses what it should.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

struct Dock {
    folder: tempfile::TempDir,
}

impl Dock {
    /// A folder with an empty one in it for what comes and goes.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("scratch")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_carrack"))
            .arg("bench")
            .args(args)
            .args(["--dir", "scratch"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The answer as JSON, with a page written; nothing else is left.
    fn measure(&self, args: &[&str]) -> Value {
        let out = self.run(&[args, &["--json", "--html", "page.html"]].concat());
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}", said(&out));
        let answer: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(answer["bench"], args[0]);
        assert_eq!(answer["machine"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(answer["machine"]["date"].as_str().unwrap().starts_with("20"));
        let page = std::fs::read_to_string(self.path("page.html")).unwrap();
        assert_stands_alone(&page);
        std::fs::remove_file(self.path("page.html")).unwrap();
        self.assert_nothing_left();
        answer
    }

    fn refuse(&self, code: i32, args: &[&str]) -> String {
        let out = self.run(&[args, &["--html", "page.html"]].concat());
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", said(&out));
        assert!(said(&out).contains("error: "), "{args:?}: {}", said(&out));
        assert!(!self.path("page.html").exists());
        self.assert_nothing_left();
        said(&out)
    }

    fn assert_nothing_left(&self) {
        assert_eq!(std::fs::read_dir(self.path("scratch")).unwrap().count(), 0);
    }
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// Every element is closed by its own end, and nothing is fetched.
fn assert_stands_alone(page: &str) {
    for word in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(word), "{word} in {page}");
    }
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("<svg "));
    let body = page.strip_prefix("<!DOCTYPE html>").unwrap();
    let mut open = Vec::new();
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        let name = tag.split_whitespace().next().unwrap();
        if let Some(end) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(end), "{page}");
        } else if name != "meta" && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} is not closed");
}

/// The number is there and above nothing.
fn positive(of: &Value, at: &str) -> f64 {
    let number = of.pointer(at).and_then(Value::as_f64);
    let number = number.unwrap_or_else(|| panic!("no number at {at} in {of}"));
    assert!(number > 0.0, "{at} is {number}");
    number
}

/// As [`positive`] on Linux, which tells it; elsewhere it may be unknown.
fn known(of: &Value, at: &str) {
    if cfg!(target_os = "linux") || of.pointer(at).is_some_and(|value| !value.is_null()) {
        positive(of, at);
    }
}

fn assert_latencies(of: &Value, at: &str, count: u64) {
    assert_eq!(of.pointer(&format!("{at}/count")).unwrap(), count, "{of}");
    let at = |name: &str| positive(of, &format!("{at}/{name}_micros"));
    let all = ["p10", "p50", "p90", "p99", "p999", "max"].map(at);
    assert!(all.is_sorted(), "{all:?}");
}

#[test]
fn transfers_of_a_generated_repository() {
    let found = Dock::new().measure(&["transfer", "--records", "300", "--runs", "2"]);
    let jobs = found["jobs"].as_array().unwrap();
    let names: Vec<_> = jobs.iter().map(|job| (&job["job"], &job["order"])).collect();
    let expected = [
        ("verify", "streaming"),
        ("import", "streaming"),
        ("verify", "shuffled"),
        ("import", "shuffled"),
        ("export", ""),
        ("migrate", ""),
    ];
    for (name, expected) in names.iter().zip(expected) {
        assert_eq!(
            (name.0.as_str(), name.1.as_str().unwrap_or("")),
            (Some(expected.0), expected.1)
        );
    }
    assert_eq!(jobs.len(), expected.len());
    for job in jobs {
        assert_eq!((&job["records"], &job["runs"]), (&300.into(), &2.into()));
        assert!(positive(job, "/bytes") > 300.0 * 200.0);
        let wall =
            ["min", "median", "max"].map(|name| positive(job, &format!("/wall_seconds/{name}")));
        assert!(wall.is_sorted(), "{wall:?}");
        positive(job, "/records_per_second");
        positive(job, "/bytes_per_second");
        positive(job, "/yardstick/wall_seconds/median");
        positive(job, "/ratio/wall");
        known(job, "/cpu_seconds/median");
        known(job, "/peak_bytes");
    }
    assert_eq!(found["settings"]["signature"], "checked");
}

#[test]
fn transfers_of_ones_own_repository() {
    let dock = Dock::new();
    let (car, key) = own_repository(&dock);
    let checked = dock.measure(&own(&car, &["--key", &key]));
    let unchecked = dock.measure(&own(&car, &[]));
    for (found, signature) in [(&checked, "checked"), (&unchecked, "unchecked")] {
        assert_eq!(found["settings"]["signature"], signature);
        assert_eq!(found["settings"]["repository"], "given");
        let jobs = found["jobs"].as_array().unwrap();
        assert_eq!(jobs.len(), 4);
        assert!(jobs.iter().all(|job| job["records"] == 2), "{found}");
    }
    assert!(unchecked["notes"].to_string().contains("no key was given"));
    let other = "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF";
    assert!(dock.refuse(1, &own(&car, &["--key", other])).contains("BadSignature"));
    assert!(
        dock.refuse(1, &own(&car, &["--did", "did:web:other.example"])).contains("DidMismatch")
    );
}

fn own<'a>(car: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["transfer", "--car", car, "--runs", "1"], more].concat()
}

/// A repository of two records as a file, and its key.
fn own_repository(dock: &Dock) -> (String, String) {
    let carrack = |args: &[&str], input: &str| {
        std::fs::write(dock.path("input"), input).unwrap();
        let out = Command::new(env!("CARGO_BIN_EXE_carrack"))
            .args(args)
            .current_dir(dock.folder.path())
            .stdin(std::fs::File::open(dock.path("input")).unwrap())
            .output()
            .unwrap();
        assert!(out.status.success(), "{args:?}: {}", said(&out));
        String::from_utf8(out.stdout).unwrap()
    };
    let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
    let key = carrack(&["key", "new", "a.key"], "");
    carrack(&["create", "a.redb", did, "--key-file", "a.key"], "");
    let ops = ["1", "2"].map(|rkey| {
        format!(r#"{{"action":"create","path":"com.example.a/{rkey}","record":{{"n":{rkey}}}}}"#)
    });
    let line = format!("{{\"ops\":[{}]}}\n", ops.join(","));
    carrack(&["write", "a.redb", did, "--key-file", "a.key"], &line);
    carrack(&["export", "a.redb", did, "-o", "a.car"], "");
    let key = key.split_whitespace().find(|word| word.starts_with("did:key:")).unwrap();
    ("a.car".to_owned(), key.to_owned())
}

#[test]
fn commits_alone_and_beside_an_import() {
    let args = "commit --records 20 --callers 3 --accounts 5 --commits 31 --during-import 400";
    let found = Dock::new().measure(&args.split(' ').collect::<Vec<_>>());
    assert_eq!(found["alone"]["commits"], 31);
    assert_latencies(&found, "/alone/latency", 31);
    positive(&found, "/alone/commits_per_second");
    known(&found, "/alone/cpu_seconds_per_commit");
    known(&found, "/alone/peak_bytes");
    let during = &found["during_import"];
    assert_eq!(during["import"]["records"], 400);
    assert_latencies(during, "/latency", during["commits"].as_u64().unwrap());
    assert!(positive(during, "/commits") >= 1.0);
    assert_latencies(
        during,
        "/reads/latency",
        during["reads"]["latency"]["count"].as_u64().unwrap(),
    );
    positive(&found, "/yardstick/latency/p50_micros");
}

#[test]
fn reads_of_what_is_there_and_what_is_not() {
    let args = "read --records 300 --threads 2 --reads 101";
    let found = Dock::new().measure(&args.split(' ').collect::<Vec<_>>());
    for kind in ["present", "absent"] {
        assert_eq!(found[kind]["records"], 101);
        assert_latencies(&found[kind], "/latency", 101);
        positive(&found[kind], "/records_per_second");
    }
    // Each thread lists them all.
    assert_eq!(found["list"]["records"], 600);
    positive(&found, "/list/records_per_second");
}

#[test]
fn many_accounts_and_the_store_opened_after_a_kill() {
    let args = "accounts --accounts 12 --records 10 --callers 3";
    let found = Dock::new().measure(&args.split(' ').collect::<Vec<_>>());
    assert_eq!(found["create"]["accounts"], 12);
    assert_latencies(&found, "/create/latency", 12);
    assert!(positive(&found, "/file_bytes") > 12.0 * 1000.0);
    for opened in ["open_clean", "open_killed"] {
        positive(&found[opened], "/wall_seconds/median");
        known(&found[opened], "/peak_bytes");
    }
}

#[test]
fn a_person_gets_a_table() {
    let out = Dock::new().run(&["read", "--records", "50", "--reads", "10"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let text = String::from_utf8(out.stdout).unwrap();
    for word in ["carrack bench read", "machine", "records/s", "absent paths", "p99", "note: "] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
}

#[test]
fn what_cannot_be_measured_is_refused_and_nothing_is_left() {
    let dock = Dock::new();
    std::fs::write(dock.path("bad.car"), b"no repository").unwrap();
    dock.refuse(1, &["transfer", "--car", "bad.car"]);
    let (car, _) = own_repository(&dock);
    let mut bytes = std::fs::read(dock.path(&car)).unwrap();
    bytes.truncate(bytes.len() - 1);
    std::fs::write(dock.path("short.car"), bytes).unwrap();
    assert!(dock.refuse(1, &["transfer", "--car", "short.car"]).contains("Truncated"));
    dock.refuse(2, &["transfer", "--car", "none.car"]);
    dock.refuse(2, &["transfer", "--car", "-"]);
}

#[test]
fn wrong_usage_is_told_apart() {
    let dock = Dock::new();
    let wrong = [
        "transfer --records 0",
        "transfer --car a.car --records 5",
        "transfer --order sideways",
        "transfer --did did:web:a.example",
        "transfer --no-key",
        "commit --callers 0",
        "accounts --accounts -1",
        "read --reads many",
        "swim",
        "read --dir none",
        "read --html none/page.html",
    ];
    for args in wrong {
        let out = Command::new(env!("CARGO_BIN_EXE_carrack"))
            .arg("bench")
            .args(args.split(' '))
            .current_dir(dock.folder.path())
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(2), "{args}: {}", said(&out));
    }
    dock.assert_nothing_left();
}

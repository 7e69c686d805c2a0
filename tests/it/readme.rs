//! The transcripts of README.md are what the program prints.
//!
//! A block of code with the language `console` is a transcript: a line that begins with `$ ` is a
//! command, and the lines up to the next command are what it prints, standard error included.
//! Commands run in order, in one folder that has the repository and the log of the sample account
//! in `repo.car` and `log.json`. The clock advances by a day with each transcript and by a minute
//! with each command, whose random numbers depend on its text: a new command changes the output of
//! few others. `NAME=value` sets a variable for the commands after it. Durations and rates are not
//! compared.
//!
//! `CARRACK_README=write` writes what the commands print into the page.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::sample::sample;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// When the first command runs, in microseconds since 1970: 2026-02-01 09:00 UTC.
const START: u64 = 1_769_936_400_000_000;
const MINUTE: u64 = 60_000_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Runs commands as the reader of a page would, one after the other.
struct Reader {
    folder: tempfile::TempDir,
    /// Assignments of variables.
    variables: String,
    now: u64,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sample = sample();
        std::fs::write(folder.path().join("repo.car"), sample.car).unwrap();
        std::fs::write(folder.path().join("log.json"), sample.log).unwrap();
        Self { folder, variables: String::new(), now: START }
    }

    /// Goes on to the next transcript.
    fn next_day(&mut self) {
        self.now = START + ((self.now - START) / DAY + 1) * DAY;
    }

    /// What a command prints.
    fn run(&mut self, line: &str) -> String {
        if let Some((name, value)) = assignment(line) {
            let value = self.shell(&format!("printf %s {value}"));
            writeln!(self.variables, "{name}='{value}'").unwrap();
            return String::new();
        }
        self.shell(line)
    }

    fn shell(&mut self, line: &str) -> String {
        self.now += MINUTE;
        let binary = Path::new(env!("CARGO_BIN_EXE_carrack"));
        let path = std::env::var("PATH").unwrap_or_default();
        let out = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{}{line}", self.variables)])
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", binary.parent().unwrap().display()))
            .env("CARRACK_TEST_SEED", seed(line).to_string())
            .env("CARRACK_TEST_NOW", self.now.to_string())
            .output()
            .unwrap();
        let printed = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success(), "{line}: {}: {printed}", out.status);
        printed
    }
}

/// A number for each command, so that no two make the same key.
fn seed(line: &str) -> u64 {
    line.bytes().fold(7, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// `NAME=value`, in a line of its own.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    name.chars().all(|c| c.is_ascii_uppercase()).then_some((name, value))
}

/// A page with what its commands print; what agrees but for durations stays.
fn run_page(page: &str) -> String {
    let mut reader = Reader::new();
    let mut new = String::new();
    let mut lines = page.lines().peekable();
    let (mut in_transcript, mut commands) = (false, 0);
    while let Some(line) = lines.next() {
        new.push_str(line);
        new.push('\n');
        if line == "```console" {
            reader.next_day();
        }
        in_transcript = line == "```console" || in_transcript && line != "```";
        let Some(command) = line.strip_prefix("$ ").filter(|_| in_transcript) else { continue };
        let mut shown = String::new();
        while let Some(line) = lines.next_if(|line| *line != "```" && !line.starts_with("$ ")) {
            shown.push_str(line);
            shown.push('\n');
        }
        let printed = reader.run(command);
        commands += 1;
        new.push_str(if masked(&shown) == masked(&printed) { &shown } else { &printed });
    }
    assert!(commands >= 10, "{commands} commands are run");
    new
}

/// The same text without numbers that are durations or rates.
fn masked(text: &str) -> String {
    text.lines().map(|line| masked_line(line) + "\n").collect()
}

fn masked_line(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let mut is_masked = false;
    for place in 1..words.len() {
        let unit = words[place].trim_end_matches([')', ',', ';', '.', ':']);
        let is_number =
            words[place - 1].trim_start_matches('(').starts_with(|c: char| c.is_ascii_digit());
        if is_number && (unit == "s" || unit == "ms" || unit.ends_with("/s")) {
            words[place - 1] = "#";
            // Of bytes, the unit depends on the number.
            if unit != "records/s" {
                words[place] = "#";
            }
            is_masked = true;
        }
    }
    if is_masked { words.join(" ") } else { line.to_owned() }
}

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a release build cannot be seeded")]
fn the_transcripts_are_what_the_program_prints() {
    let page = std::fs::read_to_string(readme()).unwrap();
    let run = run_page(&page);
    if std::env::var("CARRACK_README").is_ok_and(|value| value == "write") {
        std::fs::write(readme(), run).unwrap();
        return;
    }
    for (number, (shown, printed)) in (1..).zip(page.lines().zip(run.lines())) {
        assert_eq!(
            shown, printed,
            "README.md:{number} is not what the program prints; \
             `CARRACK_README=write cargo test --test it readme` rewrites the transcripts"
        );
    }
    assert_eq!(page, run);
}

#[test]
fn durations_and_rates_are_all_that_is_not_compared() {
    let same = |a: &str, b: &str| masked(a) == masked(b);
    assert!(same(
        "moved 3 records in 0.01 s (12 records/s)",
        "moved 3 records in 1.20 s (9,112 records/s)"
    ));
    assert!(same(
        "verify  20 records  1 kB   0.02 s  7 records/s   9 kB/s",
        "verify 20 records 1 kB 0.10 s 112 records/s 1.2 MB/s"
    ));
    assert!(!same("moved 3 records in 0.01 s", "moved 4 records in 0.01 s"));
    assert!(!same("  size          1.2 kB", "  size          1.3 kB"));
    assert!(!same("  size          1.2 kB", "  size   1.2 kB"));
    assert_eq!(assignment("DID=$(printf a)"), Some(("DID", "$(printf a)")));
    assert_eq!(assignment("carrack export a -o=b"), None);
}

/// Other blocks have only what a test cannot run: downloads, and what Cargo does.
#[test]
fn every_command_of_carrack_is_in_a_transcript() {
    let page = std::fs::read_to_string(readme()).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    for line in lines {
        let may = ["cargo ", "curl ", "cd examples && cargo "]
            .iter()
            .any(|start| line.starts_with(start));
        assert!(may, "README.md: `{line}` is not in a block `console`");
    }
}

/// A release binary makes keys of the system's random numbers, whatever its environment says.
#[test]
fn only_a_build_for_tests_can_be_seeded() {
    let folder = tempfile::tempdir().unwrap();
    let key = |name: &str, seed: &str| {
        let out = Command::new(env!("CARGO_BIN_EXE_carrack"))
            .args(["key", "new", name])
            .current_dir(folder.path())
            .env("CARRACK_TEST_SEED", seed)
            .output()
            .unwrap();
        assert!(out.status.success());
        String::from_utf8(out.stdout).unwrap()
    };
    let (first, again, other) = (key("a", "1"), key("b", "1"), key("c", "2"));
    assert_eq!(first == again, cfg!(debug_assertions));
    assert_ne!(first, other);
}

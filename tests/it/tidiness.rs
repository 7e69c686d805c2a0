//! The rules of the code base that neither the compiler nor the linter keeps.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common::material::fixtures;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines that a source file may have, and lines that it should have at most.
const LINES_MAX: usize = 500;
const LINES_GOOD: usize = 250;

fn sources(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no files in {folder}");
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn name(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// The lines in front of the tests of a file, with their numbers, comments left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().zip(1..).map(|(line, number)| (number, line));
    lines
        .take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Files that hold nothing but tests.
fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path.components().any(|part| part.as_os_str() == "tests")
}

#[test]
fn files_are_small() {
    let mut long = Vec::new();
    for path in sources("src", "rs").into_iter().chain(sources("tests", "rs")) {
        let lines = read(&path).lines().count();
        if lines > LINES_GOOD {
            eprintln!("{}: {lines} lines, {LINES_GOOD} are good", name(&path));
        }
        if lines > LINES_MAX {
            long.push(format!("{}: {lines} lines", name(&path)));
        }
    }
    assert!(long.is_empty(), "over {LINES_MAX} lines: {long:#?}");
}

#[test]
fn folders_only_declare_in_their_mod_rs() {
    let declarations =
        ["pub mod ", "pub(crate) mod ", "mod ", "pub use ", "pub(crate) use ", "use "];
    for path in sources("src", "rs").iter().filter(|path| path.ends_with("mod.rs")) {
        let text = read(path);
        let code = code(&text).map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        for item in ["fn ", "struct ", "enum ", "impl ", "trait "] {
            let found = code.lines().any(|line| {
                let line = line.trim_start();
                let line = line.strip_prefix("pub ").unwrap_or(line);
                line.starts_with(item) && !declarations.iter().any(|start| line.starts_with(start))
            });
            assert!(!found, "{} holds a {item}", name(path));
        }
    }
}

/// The linter says the same of most of these, where nobody has told it not to.
#[test]
fn nothing_panics_on_purpose_outside_tests() {
    let words = [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("];
    let mut found = Vec::new();
    for path in sources("src", "rs").iter().filter(|path| !is_test(path)) {
        let text = read(path);
        for (number, line) in code(&text) {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{number}: {}", name(path), line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Time of day comes from `env`, chance from there too.
#[test]
fn clocks_and_chance_are_injected() {
    let words = ["SystemTime::now", "UNIX_EPOCH", "getrandom::", "thread_rng", "OsRng"];
    for path in sources("src", "rs").iter().filter(|path| !path.ends_with("src/env.rs")) {
        let text = read(path);
        for (number, line) in code(&text) {
            let found = words.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{}:{number}: {}", name(path), line.trim());
        }
    }
}

/// The command line takes them from one place, which a build for tests can determine.
#[test]
fn commands_take_clocks_and_chance_from_their_environment() {
    for path in sources("src/cli", "rs") {
        let name = name(&path);
        let text = read(&path);
        for (number, line) in code(&text) {
            let is_system = ["SystemClock", "SystemRandom"].iter().any(|word| line.contains(word));
            let may = name == "src/cli/environment.rs" || name.starts_with("src/cli/bench/");
            assert!(may || !is_system, "{name}:{number}: {}", line.trim());
            // Compiled with debug assertions only.
            let is_seeded = line.contains("CARRACK_TEST");
            assert!(name == "src/cli/seeded.rs" || !is_seeded, "{name}:{number}: {}", line.trim());
        }
    }
    let root = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/mod.rs"));
    assert!(root.contains("#[cfg(debug_assertions)]\nmod seeded;"), "{root}");
}

#[test]
fn one_file_names_tables() {
    for path in sources("src", "rs").iter().filter(|path| !path.ends_with("store/tables.rs")) {
        assert!(!read(path).contains("TableDefinition"), "{} names a table", name(path));
    }
}

/// Runs a script of the repository with `--check`: it fails if it finds anything wrong.
#[track_caller]
fn check_by(script: &str, args: &[&Path]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let run = Command::new("python3").arg(path).args(args).arg("--check").output();
    let run = run.unwrap_or_else(|error| panic!("python3 is needed for {script}: {error}"));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// Each fault of the table is still one that can be put into the sources: its text is in its file
/// once, and its test is there.
#[test]
#[ignore = "needs python3 (3.11)"]
fn the_table_of_mutations_fits_the_sources() {
    check_by("tests/mutations/run.py", &[]);
}

/// The tables of vectors say what their sources say.
#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn the_vectors_are_those_of_their_sources() {
    check_by("tests/vectors/write.py", &[&fixtures()]);
}

/// The files that a page names in backticks, with the folder in front.
fn named_files(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter(|name| {
            Path::new(name).extension().is_some_and(|end| end == "rs")
                && name.contains('/')
                && !name.contains(' ')
        })
        .collect()
}

#[test]
fn pages_name_files_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["", "src", "examples", "tests"].map(|folder| root.join(folder));
    let pages = ["CONTRIBUTING.md", "README.md", "SECURITY.md", "tests/mutations/README.md"];
    let pages = pages.into_iter().map(|page| root.join(page)).chain(sources("src/manual", "md"));
    let mut named = 0;
    for page in pages {
        let text = read(&page);
        for file in named_files(&text) {
            named += 1;
            let is_there = folders.iter().any(|folder| folder.join(file).is_file());
            assert!(is_there, "{} names {file}, which is not there", name(&page));
        }
    }
    assert!(named > 40, "{named} files are named");
}

/// The numbers of the guarantees that a text names: G1, G2 and so on.
fn guarantees(text: &str) -> Vec<u32> {
    let mut found: Vec<u32> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| word.strip_prefix('G'))
        .filter_map(|number| number.parse().ok())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The guarantees that test files cite as held.
fn held() -> Vec<u32> {
    let files = sources("tests", "rs").into_iter().chain(sources("src", "rs"));
    let mut held: Vec<u32> = files
        .flat_map(|path| {
            let text = read(&path);
            let cites = text.lines().filter(|line| {
                line.trim_start().starts_with("//")
                    && line.to_lowercase().contains("holds guarantee")
            });
            cites.flat_map(guarantees).collect::<Vec<_>>()
        })
        .collect();
    held.sort_unstable();
    held.dedup();
    held
}

#[test]
fn every_guarantee_is_held_by_a_test() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/guarantees.md");
    let promised = guarantees(&std::fs::read_to_string(&page).expect("the page of guarantees"));
    assert!(promised.len() >= 10, "the page names {promised:?}");
    let held = held();
    let missing: Vec<_> = promised.iter().filter(|number| !held.contains(number)).collect();
    assert!(missing.is_empty(), "no test cites the guarantees {missing:?}");
    let unknown: Vec<_> = held.iter().filter(|number| !promised.contains(number)).collect();
    assert!(unknown.is_empty(), "tests cite the guarantees {unknown:?}, which nobody gives");
}

/// The files of tests that the page names: in `tests/it/` where it names no folder.
#[test]
fn the_tests_of_the_guarantees_are_where_the_page_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = read(&root.join("src/manual/guarantees.md"));
    let is_source = |word: &&str| Path::new(word).extension().is_some_and(|found| found == "rs");
    let named: Vec<&str> = page.split('`').filter(is_source).collect();
    assert!(named.len() >= 30, "the page names {named:?}");
    for name in named {
        let folder = if name.contains('/') { root.to_owned() } else { root.join("tests/it") };
        assert!(folder.join(name).is_file(), "{name} is not there");
    }
}

const BANNED_WORDS: [&str; 12] = [
    "whoever",
    "whosoever",
    "whichever",
    "nobody",
    "somebody",
    "anybody",
    "everybody",
    "graft",
    "census",
    "doom",
    "gathering",
    "voyage",
];
const BANNED_PHRASES: [&str; 6] =
    ["so many ", " is told", " are told", " be it ", "is not to be ", "are not to be "];

/// Words that say who or what in a roundabout way, and names that the code base has given up.
#[test]
fn texts_use_standard_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    let pages = pages.iter().map(|page| root.join(page));
    // CONTRIBUTING.md and the glossary may name what they advise against, in quotation marks.
    for path in pages.chain(sources("src/manual", "md")).chain(sources("src", "rs")) {
        for (line, number) in read(&path).lines().zip(1..) {
            let line = line.to_lowercase();
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '"' && c != '`');
            let found = words.find(|word| BANNED_WORDS.contains(word));
            let found = found.or(BANNED_PHRASES.into_iter().find(|phrase| line.contains(phrase)));
            assert!(found.is_none(), "{}:{number}: {}", name(&path), found.unwrap_or_default());
        }
    }
}

/// Types that have another name now: where they were, they do not come back.
#[test]
fn names_that_were_given_up_stay_away() {
    for (paths, banned) in [
        ("src", &["supply", "grafted", "gathering", "rooms", "set_floors", "await_floors"][..]),
        ("src/store", &["Gathering", "Census", "Located", "Along", "Region", "Tally", "Stamped"]),
        ("src/store", &["region", "census", "tally", "Layers", "Piece"]),
        ("src/engine", &["Grafted", "Whole", "Follow", "Stamped", "Census", "region", "census"]),
        ("src/verify", &["Expect", "Supply", "Sound", "Keyed", "Course", "Missed", "Tail"]),
        ("src/verify", &["keyed", "course", "SoundUnread", "Room"]),
        ("src/car", &["Frame", "next_frame", "gathered"]),
        ("src/key", &["Check"]),
        ("src/cli", &["Harbour", "Dice", "Voyage", "stranger"]),
    ] {
        for path in sources(paths, "rs") {
            let text = read(&path);
            for (number, line) in code(&text) {
                let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
                let found = words.find(|word| banned.contains(word));
                assert!(found.is_none(), "{}:{number}: {}", name(&path), found.unwrap_or_default());
            }
        }
    }
}

/// What is printed goes through `cli/io`, where it is escaped.
#[test]
fn one_folder_writes_to_the_terminal() {
    let words =
        ["println!(", "print!(", "dbg!(", "stdout()", "stderr()", "/dev/tty", "error.print("];
    for path in sources("src", "rs").iter().filter(|path| !name(path).starts_with("src/cli/io/")) {
        let text = read(path);
        for (number, line) in code(&text) {
            let found = words.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{}:{number}: {}", name(path), line.trim());
        }
    }
}

/// Files are written complete or not at all, and stores and keys are never overwritten: by
/// `part_file`, and by `cli/io/output_file` on top of it. Measurements write into a folder of their
/// own.
#[test]
fn one_file_creates_files() {
    let words = ["File::create", "fs::write(", "create_new(", ".create(true)", "fs::rename("];
    let own_folder = ["src/cli/bench/", "src/cli/demo/"];
    for path in sources("src", "rs") {
        let name = name(&path);
        if own_folder.iter().any(|folder| name.starts_with(folder)) {
            continue;
        }
        let text = read(&path);
        for (number, line) in code(&text) {
            let found = words.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{name}:{number}: {}", line.trim());
        }
    }
}

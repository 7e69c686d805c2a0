//! The list of public items: what a change adds to it, takes from it or changes in it is seen in
//! `tests/public_items.txt`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The library's sources, in order.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && !path.ends_with("src/cli") {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("main.rs") {
            found.push(path);
        }
    }
}

/// What is public in a file, each on a line: items, methods, fields, variants of public enums and
/// methods of public traits. Of a function the whole signature.
fn items(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\n").next().unwrap();
    let mut found = Vec::new();
    let mut lines = code.lines();
    // Inside an enum or a trait that is public: its variants, or methods, are.
    let mut shown = false;
    while let Some(line) = lines.next() {
        shown &= line != "}";
        let text = line.trim_start();
        let is_member = shown && line.starts_with("    ") && !line.starts_with("     ");
        let is_comment = text.starts_with("//") || text.starts_with('#') || text == "}";
        if !text.starts_with("pub ") && (!is_member || is_comment) {
            continue;
        }
        let mut item = text.to_owned();
        let is_use = item.starts_with("pub use");
        let is_whole = |item: &str| item.contains(';') || !is_use && item.contains('{');
        let is_long = item.contains("fn ") || is_use;
        while is_long && (!is_whole(&item) || item.matches('(').count() > item.matches(')').count())
        {
            let Some(more) = lines.next() else { break };
            item.push(' ');
            item.push_str(more.trim());
        }
        shown |= item.starts_with("pub enum") || item.starts_with("pub trait");
        let end = if is_use { ";" } else { " {" };
        found.push(item.split(end).next().unwrap().trim_end_matches([',', ';']).to_owned());
    }
    found
}

#[test]
fn the_list_of_public_items_is_as_it_was() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let mut list = String::new();
    for file in files {
        let items = items(&fs::read_to_string(&file).unwrap());
        if !items.is_empty() {
            writeln!(list, "{}", file.strip_prefix(root).unwrap().display()).unwrap();
            for item in items {
                writeln!(list, "    {item}").unwrap();
            }
        }
    }
    let held = root.join("tests/public_items.txt");
    if fs::read_to_string(&held).unwrap_or_default() != list {
        let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join("public_items.txt");
        fs::write(&now, list).unwrap();
        panic!(
            "public items have changed: compare {} with {}; if that is meant, put it in its place, \
             and say what breaks in CHANGELOG.md",
            held.display(),
            now.display()
        );
    }
}

#[test]
fn items_are_found_in_a_source() {
    let source = "\
/// Doc.
pub struct One {
    /// Field.
    pub field: u8,
    hidden: u8,
}
pub enum Two {
    /// Variant.
    A,
    B { x: u8 },
}
impl One {
    pub fn long(
        &self,
        a: u8,
    ) -> u8 {
        let x = 1;
    }
    pub(crate) fn not(&self) {}
}
pub use two::{A,
    B};
";
    let expected = [
        "pub struct One",
        "pub field: u8",
        "pub enum Two",
        "A",
        "B",
        "pub fn long( &self, a: u8, ) -> u8",
        "pub use two::{A, B}",
    ];
    assert_eq!(items(source), expected);
}

//! Reads `src/manual/cli.md`, the contract of the command line, for the tests that compare it with
//! the program.
//!
//! A command has a heading of the third level with its synopses in backticks:
//!
//! ```text
//! ### `export STORE DID [-o FILE] [--json]` and `export STORE DID --since REV [-o FILE]`
//! ```
//!
//! The fields of its JSON are a paragraph below it, of which the first sentence is read:
//!
//! ```text
//! JSON: `did`, `state` (`active` or `deleted`), `ops[].path`; where it applies: `to`, `at.seq`. Text…
//! ```
//!
//! - `JSON:` is about all commands of the heading, `JSON of NAME:` about one, or more with commas;
//! - `a[].b` is the field `b` of the objects in the list `a`, `a.b` the field `b` of the object `a`;
//! - what stands in parentheses is skipped;
//! - fields after `where it applies:` may be absent;
//! - `as of NAME` includes the fields of another paragraph. A name need not be a command's: the
//!   lists `problems` and `warnings` have entries as of the paragraph with that name.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The lists that have one form everywhere.
const COMMON_LISTS: [&str; 2] = ["problems", "warnings"];

/// A part of the page from a heading to the next.
pub struct Section {
    /// The heading, without its number signs.
    pub heading: String,
    /// The synopses in it; none if it is not of the third level.
    pub synopses: Vec<String>,
    /// What follows, without blocks of code.
    pub text: String,
    /// What stands at the beginning of its chapter, before the first section.
    pub chapter: String,
}

/// The fields of an object, with those of the objects in it.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    pub always: BTreeSet<String>,
    pub sometimes: BTreeSet<String>,
    /// Those that another paragraph lists.
    pub inherited: BTreeSet<String>,
}

/// The page.
pub fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/cli.md");
    std::fs::read_to_string(path).unwrap()
}

/// Its sections.
pub fn sections(page: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    let (mut in_code, mut chapter) = (false, 0);
    for line in page.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if in_code {
        } else if let Some(heading) = line.strip_prefix('#') {
            let is_command = heading.starts_with("## ");
            if heading.starts_with("# ") {
                chapter = sections.len();
            }
            let heading = heading.trim_start_matches('#').trim().to_owned();
            let synopses = if is_command { quoted(&heading) } else { Vec::new() };
            let start = sections.get(chapter).filter(|_| is_command);
            let start = start.map_or_else(String::new, |section: &Section| section.text.clone());
            sections.push(Section { heading, synopses, text: String::new(), chapter: start });
        } else if let Some(section) = sections.last_mut() {
            section.text.push_str(line);
            section.text.push('\n');
        }
    }
    sections
}

/// What stands in backticks.
pub fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The commands of a synopsis: its words in lower case, of which one may have alternatives.
pub fn commands(synopsis: &str) -> Vec<String> {
    let is_name = |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase());
    let mut commands = vec![String::new()];
    for word in synopsis.split_whitespace().take_while(is_name) {
        let longer = |start: &String| {
            let names = word.split('|').map(|name| format!("{start} {name}").trim().to_owned());
            names.collect::<Vec<_>>()
        };
        commands = commands.iter().flat_map(longer).collect();
    }
    commands
}

/// The fields of JSON, by the name of the command.
pub fn json(page: &str) -> BTreeMap<String, Fields> {
    let mut found = BTreeMap::new();
    for section in sections(page) {
        let own: BTreeSet<String> =
            section.synopses.iter().flat_map(|text| commands(text)).collect();
        for paragraph in section.text.split("\n\n").filter(|text| text.trim().starts_with("JSON")) {
            let text = without_parentheses(&paragraph.trim().replace('\n', " "));
            let (head, rest) = text.split_once(':').unwrap_or_else(|| panic!("no colon: {text}"));
            let names = quoted(head);
            let names = if names.is_empty() { own.clone() } else { BTreeSet::from_iter(names) };
            let sentence = rest.split(". ").next().unwrap_or_default().trim_end_matches('.');
            let fields = fields(sentence, &found);
            for name in names {
                let before = found.insert(name.clone(), fields.clone());
                assert!(before.is_none(), "{name} has two paragraphs of JSON");
            }
        }
    }
    found
}

fn fields(sentence: &str, known: &BTreeMap<String, Fields>) -> Fields {
    let mut fields = Fields::default();
    let (always, sometimes) = sentence.split_once("where it applies:").unwrap_or((sentence, ""));
    for (part, is_always) in [(always, true), (sometimes, false)] {
        for (before, name) in spans(part) {
            if before.ends_with("as of ") {
                let other = known.get(&name).unwrap_or_else(|| panic!("{name} is not above"));
                fields.always.extend(other.always.iter().cloned());
                fields.sometimes.extend(other.sometimes.iter().cloned());
                fields.inherited.extend(other.always.union(&other.sometimes).cloned());
                continue;
            }
            let kind = if is_always { &mut fields.always } else { &mut fields.sometimes };
            kind.insert(name);
        }
    }
    add_entries(&mut fields, known);
    fields
}

/// What stands in backticks, with the text before it.
fn spans(text: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = text.split('`').collect();
    let pairs = parts.chunks_exact(2);
    pairs.map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
}

/// Adds the fields of the entries of the lists that are the same everywhere.
fn add_entries(fields: &mut Fields, known: &BTreeMap<String, Fields>) {
    let all: Vec<String> = fields.always.union(&fields.sometimes).cloned().collect();
    for path in all {
        let name = path.rsplit('.').next().unwrap_or_default();
        let Some(entry) = known.get(name).filter(|_| COMMON_LISTS.contains(&name)) else {
            continue;
        };
        let of = |field: &String| format!("{path}[].{field}");
        fields.always.extend(entry.always.iter().map(of));
        fields.sometimes.extend(entry.sometimes.iter().map(of));
    }
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::new();
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

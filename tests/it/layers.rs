//! Modules depend downward only: the `use` lines of the sources have no circle, but those listed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that import each other because they are one thing, with what it is.
const ONE_THING: [(&[&str], &str); 2] = [
    (
        &["block::drisl::check", "block::drisl::decoder"],
        "the decoder's rules for floats are the check's",
    ),
    (
        &["tree::node", "tree::scan"],
        "a node's constructor scans its bytes, and the scan yields its entries",
    ),
];

type Edges = BTreeMap<String, BTreeSet<String>>;

/// The sources: the name of each module, and its text without comments and tests.
struct Sources {
    texts: BTreeMap<String, String>,
    /// What `mod.rs` files and the crate's root import under another path.
    exported: BTreeMap<String, String>,
}

impl Sources {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        find(&root, &mut files);
        let (mut texts, mut exported) = (BTreeMap::new(), BTreeMap::new());
        for file in files {
            let name = module(file.strip_prefix(&root).unwrap());
            let text = code(&fs::read_to_string(&file).unwrap());
            if file.ends_with("mod.rs") || file.ends_with("src/lib.rs") {
                let at = if name == "lib" { String::new() } else { format!("{name}::") };
                for path in uses(&text) {
                    let (_, item) = path.rsplit_once("::").unwrap_or(("", &path));
                    exported.insert(format!("{at}{item}"), absolute(&path, &name, true));
                }
                texts.insert(name, String::new());
            } else {
                texts.insert(name, text);
            }
        }
        Self { texts, exported }
    }

    /// The module that a path leads into.
    fn resolve(&self, path: &str, renamings: u8) -> Option<String> {
        let parts: Vec<&str> = path.split("::").collect();
        for length in (1..=parts.len()).rev() {
            let start = parts[..length].join("::");
            if let Some(target) = self.exported.get(&start).filter(|_| renamings < 10)
                && *target != start
            {
                let path = [&[target.as_str()], &parts[length..]].concat().join("::");
                return self.resolve(&path, renamings + 1);
            }
            if self.texts.contains_key(&start) {
                return Some(start);
            }
        }
        None
    }

    /// Which modules each module imports from.
    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (name, text) in &self.texts {
            let imported = uses(text).into_iter().chain(inline(text));
            let paths = imported.map(|path| absolute(&path, name, false));
            let targets = paths.filter_map(|path| self.resolve(&path, 0));
            edges.insert(name.clone(), targets.filter(|target| target != name).collect());
        }
        edges
    }
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
}

/// `engine/read/mod.rs` is `engine::read`, and `error.rs` is `error`.
fn module(path: &Path) -> String {
    let path = path.with_extension("");
    let parts = path.iter().map(|part| part.to_str().unwrap());
    parts.filter(|part| *part != "mod").collect::<Vec<_>>().join("::")
}

/// A file's text in front of its tests, without comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths of all `use` lines, one for each item.
fn uses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (place, word) in text.match_indices("use ") {
        let before = text[..place].rsplit('\n').next().unwrap().trim();
        if before.is_empty() || before == "pub" || before.starts_with("pub(") {
            let tree = text[place + word.len()..].split(';').next().unwrap();
            expand("", tree, &mut found);
        }
    }
    found
}

/// `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((start, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap().trim();
        let path = path.strip_suffix("::self").unwrap_or(path);
        let path = if path == "self" {
            prefix.trim_end_matches("::").to_owned()
        } else {
            format!("{prefix}{path}")
        };
        found.push(path);
        return;
    };
    let prefix = format!("{prefix}{}", start.trim());
    let (mut depth, mut branch) = (0, String::new());
    for char in rest.chars() {
        match char {
            ',' | '}' if depth == 0 => {
                if !branch.trim().is_empty() {
                    expand(&prefix, &branch, found);
                }
                branch.clear();
                if char == '}' {
                    return;
                }
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        branch.push(char);
    }
}

/// Paths in the code itself that begin with `crate::`.
fn inline(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let starts = text.match_indices("crate::").filter(|(at, _)| {
        let before = &text[..*at];
        // Those of `use` lines are read as such, and `$crate` is another thing.
        !before.ends_with("use ") && !before.ends_with('$') && !before.ends_with(is_part)
    });
    starts.map(|(at, _)| text[at..].chars().take_while(|c| is_part(*c)).collect()).collect()
}

/// A path from the crate's root. One that begins with neither `crate` nor `super` is another
/// crate's, or begins in the folder of the `mod.rs` that exports it.
fn absolute(path: &str, name: &str, is_folder: bool) -> String {
    let mut at: Vec<&str> = if name == "lib" { Vec::new() } else { name.split("::").collect() };
    if let Some(rest) = path.strip_prefix("crate::") {
        return rest.to_owned();
    }
    let mut rest = path;
    let mut is_relative = is_folder;
    while let Some(after) = rest.strip_prefix("super::") {
        at.pop();
        (rest, is_relative) = (after, true);
    }
    if let Some(after) = rest.strip_prefix("self::") {
        (rest, is_relative) = (after, true);
    }
    if !is_relative {
        // Of another crate: no module has this name.
        return format!("::{rest}");
    }
    at.push(rest);
    at.join("::")
}

/// What a module leads to, over all others.
fn reachable<'a>(edges: &'a Edges, from: &'a str) -> BTreeSet<&'a str> {
    let (mut found, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(name) = waiting.pop() {
        for next in edges.get(name).into_iter().flatten() {
            if found.insert(next.as_str()) {
                waiting.push(next);
            }
        }
    }
    found
}

/// The sets of modules of which each leads to every other.
fn circles(edges: &Edges) -> BTreeSet<BTreeSet<&str>> {
    let all: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|name| (name.as_str(), reachable(edges, name))).collect();
    let in_circle = all.iter().filter(|(name, found)| found.contains(*name));
    in_circle
        .map(|(name, found)| {
            found.iter().copied().filter(|other| all[other].contains(name)).collect()
        })
        .collect()
}

/// Every circle is listed, and whatever is listed is still a circle.
#[track_caller]
fn assert_listed(edges: &Edges, listed: &[(&[&str], &str)]) {
    let listed: BTreeSet<BTreeSet<&str>> =
        listed.iter().map(|(modules, _)| modules.iter().copied().collect()).collect();
    let found = circles(edges);
    let inside = |circle: &BTreeSet<&str>| -> Vec<String> {
        let imports = |name: &&str| {
            let targets = edges[*name].iter().filter(|target| circle.contains(target.as_str()));
            format!("{name} imports {:?}", targets.collect::<Vec<_>>())
        };
        circle.iter().map(imports).collect()
    };
    let unlisted: Vec<_> = found.difference(&listed).map(inside).collect();
    assert!(unlisted.is_empty(), "import circles: {unlisted:#?}");
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "listed, and no circle any more: {gone:?}");
}

#[test]
fn modules_depend_downward_only() {
    let edges = Sources::read().edges();
    assert!(edges.len() > 200, "{} modules", edges.len());
    assert!(edges["engine::handle"].iter().any(|target| target.starts_with("store::")));
    assert_listed(&edges, &ONE_THING);
}

#[test]
fn the_crate_has_layers() {
    let top = |name: &str| name.split("::").next().unwrap().to_owned();
    let mut edges = Edges::new();
    for (name, targets) in Sources::read().edges() {
        let targets =
            targets.iter().map(|target| top(target)).filter(|target| *target != top(&name));
        edges.entry(top(&name)).or_default().extend(targets);
    }
    assert_listed(&edges, &[]);
}

#[test]
fn use_lines_are_read() {
    let text = code(
        "//! use crate::comment;\nuse crate::a::{self, b, c::{d, e as f}, // x\n g};\n\
         pub(super) use super::h::I;\nuse std::fmt;\nfn f() { crate::j::k(); }\n\
         #[cfg(test)]\nmod tests { use crate::test; }\n",
    );
    let expected = [
        "crate::a",
        "crate::a::b",
        "crate::a::c::d",
        "crate::a::c::e",
        "crate::a::g",
        "super::h::I",
        "std::fmt",
    ];
    assert_eq!(uses(&text), expected);
    assert_eq!(inline(&text), ["crate::j::k"]);
    assert_eq!(absolute("super::h::I", "x::y", false), "x::h::I");
    assert_eq!(absolute("h::I", "x", true), "x::h::I");
    assert_eq!(absolute("std::fmt", "x", false), "::std::fmt");
    let edges = |list: &[(&str, &str)]| -> Edges {
        let mut edges = Edges::new();
        for (from, to) in list {
            edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            edges.entry((*to).to_owned()).or_default();
        }
        edges
    };
    assert!(circles(&edges(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let found = edges(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]);
    assert_eq!(circles(&found), BTreeSet::from([BTreeSet::from(["b", "c"])]));
}

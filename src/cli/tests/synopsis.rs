//! The grammar of a synopsis, as the headings of `src/manual/cli.md` have it:
//!
//! ```text
//! synopsis    = command-word+ item*
//! item        = option | positional | "KEYS" | "[" item* "]" | "(" item* ("|" item*)+ ")"
//! option      = "--name" [value] | "-n" [value]
//! positional  = NAME | NAME "…"
//! value       = NAME | choice "|" choice …
//! ```
//!
//! An item in brackets may be left out, and of those in parentheses one is given. A command word may
//! have alternatives: `account activate|delete`. `KEYS` are the options of the key sources.

use super::cli_page::commands;
use super::grammar::{Grammar, takes_value};

/// The options that `KEYS` stands for.
pub(super) const KEYS: [&str; 4] = ["--key", "--did-doc", "--plc-log", "--did"];

/// One item of a synopsis.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) kind: ItemKind,
    /// Whether it stands outside of all brackets.
    pub(super) required: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    Option { name: String, value: Option<String> },
    Positional { name: String, many: bool },
}

/// The items of a synopsis of this command. An option that the command lacks is taken for one
/// without a value.
pub(super) fn items(synopsis: &str, grammar: &Grammar) -> Vec<Item> {
    let words = commands(synopsis).first().map_or(0, |name| name.split(' ').count());
    let spaced = synopsis.replace("[--", " [ --").replace("[-", " [ -").replace('(', " ( ");
    let spaced = spaced.replace('[', " [ ").replace(']', " ] ").replace(')', " ) ");
    let mut tokens = spaced.split_whitespace().skip(words).peekable();
    let (mut items, mut depth) = (Vec::new(), 0_i32);
    while let Some(token) = tokens.next() {
        let required = depth == 0;
        match token {
            "[" | "(" => depth += 1,
            "]" | ")" => depth -= 1,
            "|" => {}
            "KEYS" => items.extend(KEYS.map(|name| {
                let value =
                    grammar.option(name).and_then(|arg| super::grammar::value_names(arg).pop());
                Item { kind: ItemKind::Option { name: name.to_owned(), value }, required: false }
            })),
            option if option.starts_with('-') => {
                let has_value = grammar.option(option).is_some_and(takes_value);
                let value = if has_value { tokens.next().map(str::to_owned) } else { None };
                let kind = ItemKind::Option { name: option.to_owned(), value };
                items.push(Item { kind, required });
            }
            name => {
                let many = name.ends_with('…') || name.ends_with("...");
                let name = name.trim_end_matches(['…', '.']).to_owned();
                items.push(Item { kind: ItemKind::Positional { name, many }, required });
            }
        }
        assert!(depth >= 0, "brackets do not match: {synopsis}");
    }
    assert!(depth == 0, "brackets do not match: {synopsis}");
    items
}

#[test]
fn a_synopsis_is_taken_apart() {
    let grammar = super::grammar::commands();
    let import = grammar.iter().find(|grammar| grammar.name == "import").unwrap();
    let found = items("import STORE FILE… (--no-key | --replace HEAD) [--json]", import);
    let option = |name: &str, value: Option<&str>| ItemKind::Option {
        name: name.to_owned(),
        value: value.map(str::to_owned),
    };
    let positional = |name: &str, many| ItemKind::Positional { name: name.to_owned(), many };
    let expected = [
        (positional("STORE", false), true),
        (positional("FILE", true), true),
        (option("--no-key", None), false),
        (option("--replace", Some("HEAD")), false),
        (option("--json", None), false),
    ];
    assert_eq!(found, expected.map(|(kind, required)| Item { kind, required }));
    assert_eq!(commands("account activate|delete STORE"), ["account activate", "account delete"]);
}

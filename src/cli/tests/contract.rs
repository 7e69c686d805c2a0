//! `src/manual/cli.md` and clap's definition agree. The form of the page is described in
//! `tests/common/cli_page.rs` and `synopsis.rs`.

use super::cli_page::{self, Section};
use super::grammar::{Grammar, commands, is_many, option_names, takes_value, value_names};
use super::synopsis::{Item, ItemKind, items};
use clap::Arg;
use std::collections::BTreeSet;

/// Commands whose JSON is of objects that are printed in any case.
const JSON_ALWAYS: [&str; 3] = ["dump", "events", "write"];
/// What separates the words of a synopsis.
const WORD_ENDS: [char; 7] = [' ', '\n', '[', ']', '(', ')', '|'];
/// A command whose fields are not promised.
const JSON_FREE: &str = "bench ";

/// What the page says of one command.
struct Described {
    grammar: Grammar,
    synopses: Vec<Vec<Item>>,
    /// The text of its sections, and of the beginnings of their chapters.
    text: String,
}

impl Described {
    fn items(&self) -> impl Iterator<Item = &Item> {
        self.synopses.iter().flatten()
    }

    /// Whether all synopses have an item like this one outside of brackets.
    fn is_required(&self, is: impl Fn(&ItemKind) -> bool) -> bool {
        self.synopses.iter().all(|items| items.iter().any(|item| item.required && is(&item.kind)))
    }
}

fn described(page: &str) -> Vec<Described> {
    let sections = cli_page::sections(page);
    let of = |grammar: Grammar| {
        let (mut synopses, mut text) = (Vec::new(), String::new());
        for section in &sections {
            let own = |synopsis: &&String| cli_page::commands(synopsis).contains(&grammar.name);
            let own: Vec<_> = section.synopses.iter().filter(own).collect();
            if !own.is_empty() {
                text.push_str(&section.text);
                text.push_str(&section.chapter);
            }
            synopses.extend(own.into_iter().map(|synopsis| items(synopsis, &grammar)));
        }
        Described { grammar, synopses, text }
    };
    commands().into_iter().map(of).collect()
}

/// What does not agree.
fn contradictions(page: &str) -> Vec<String> {
    let sections = cli_page::sections(page);
    let common: String =
        ["Common rules", "Key sources"].map(|heading| text(&sections, heading)).concat();
    let common = cli_page::quoted(&common);
    let mut found = unknown_commands(&sections);
    for command in described(page) {
        let mut say = |what: String| found.push(format!("`{}`: {what}", command.grammar.name));
        if command.grammar.hidden {
            let is_its = |text: &String| {
                let rest = text.strip_prefix(&command.grammar.name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            };
            if !cli_page::quoted(page).iter().any(is_its) {
                say("a former name that the page does not list".to_owned());
            }
            continue;
        }
        if command.synopses.is_empty() {
            say("no heading of the third level has its synopsis".to_owned());
            continue;
        }
        unknown_items(&command).into_iter().for_each(&mut say);
        let args = command.grammar.args().filter(|arg| !arg.is_hide_set());
        args.filter_map(|arg| undescribed(&command, arg, &common)).for_each(&mut say);
        wrong_order(&command).into_iter().for_each(&mut say);
    }
    found.extend(unknown_options(page));
    found
}

fn text(sections: &[Section], heading: &str) -> String {
    let section = sections.iter().find(|section| section.heading == heading);
    section.unwrap_or_else(|| panic!("no section {heading:?}")).text.clone()
}

/// Synopses of commands that are not there.
fn unknown_commands(sections: &[Section]) -> Vec<String> {
    let names: BTreeSet<String> = commands().into_iter().map(|grammar| grammar.name).collect();
    let synopses = sections.iter().flat_map(|section| &section.synopses);
    let named = synopses.flat_map(|synopsis| cli_page::commands(synopsis));
    let unknown = named.filter(|name| !names.contains(name));
    unknown
        .map(|name| format!("`{name}`: a heading names this command, which is not there"))
        .collect()
}

/// Items of synopses that the command lacks, or has with another value.
fn unknown_items(command: &Described) -> Vec<String> {
    let mut found = Vec::new();
    for item in command.items() {
        match &item.kind {
            ItemKind::Option { name, value } => match command.grammar.option(name) {
                None => found.push(format!("the synopsis has {name}, which the command lacks")),
                Some(arg) if !has_value(arg, value.as_deref()) => {
                    let names = value_names(arg);
                    found.push(format!(
                        "{name} has the value {value:?}, and in the program {names:?}"
                    ));
                }
                Some(_) => {}
            },
            ItemKind::Positional { name, many } => {
                let arg = positional(&command.grammar, name);
                match arg.map(is_many) {
                    None => found.push(format!("the synopsis has {name}, which the command lacks")),
                    // One of several values can stand for itself.
                    Some(false) if *many => found.push(format!("{name} cannot be repeated")),
                    Some(_) => {}
                }
            }
        }
    }
    found
}

fn has_value(arg: &Arg, value: Option<&str>) -> bool {
    let Some(value) = value else { return !takes_value(arg) };
    let choices: Vec<_> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    value_names(arg).iter().any(|name| name == value) || choices.join("|") == value
}

fn positional<'a>(grammar: &'a Grammar, name: &str) -> Option<&'a Arg> {
    let mut args = grammar.args().filter(|arg| arg.is_positional());
    args.find(|arg| value_names(arg).iter().any(|found| found == name))
}

/// An argument of the program that the page lacks, or has as required where it is not.
fn undescribed(command: &Described, arg: &Arg, common: &[String]) -> Option<String> {
    let names = if arg.is_positional() { value_names(arg) } else { option_names(arg) };
    let is = |kind: &ItemKind| match kind {
        ItemKind::Option { name, .. } => !arg.is_positional() && names.contains(name),
        ItemKind::Positional { name, .. } => arg.is_positional() && names.contains(name),
    };
    let shown = names.join(", ");
    if command.items().any(|item| is(&item.kind)) {
        let (page, program) = (command.is_required(is), arg.is_required_set());
        let words = |required| if required { "required" } else { "optional" };
        return (page != program).then(|| {
            format!(
                "{shown} is {} in the synopsis, and {} in the program",
                words(page),
                words(program)
            )
        });
    }
    let says =
        |text: &String| names.iter().any(|name| text.split(WORD_ENDS).any(|word| word == name));
    let own = cli_page::quoted(&command.text);
    if !arg.is_positional() && own.iter().chain(common).any(says) {
        return None;
    }
    Some(format!("{shown} is neither in the synopsis nor in the section"))
}

/// Positional arguments come in the order of the program.
fn wrong_order(command: &Described) -> Option<String> {
    for items in &command.synopses {
        let index = |item: &Item| match &item.kind {
            ItemKind::Positional { name, .. } => positional(&command.grammar, name)?.get_index(),
            ItemKind::Option { .. } => None,
        };
        if !items.iter().filter_map(index).is_sorted() {
            return Some("the arguments have another order in the program".to_owned());
        }
    }
    None
}

/// Options anywhere on the page that no command has.
fn unknown_options(page: &str) -> Vec<String> {
    let commands = commands();
    let known = commands.iter().flat_map(|grammar| grammar.args().flat_map(option_names));
    let mut known: BTreeSet<String> = known.collect();
    known.insert("--help".to_owned());
    let sections = cli_page::sections(page);
    let texts = sections.iter().flat_map(|section| cli_page::quoted(&section.text));
    let named = texts.flat_map(|text| {
        let options = text.split(WORD_ENDS).filter(|word| word.starts_with("--"));
        options.map(str::to_owned).collect::<Vec<_>>()
    });
    let unknown = named.filter(|name| !known.contains(name));
    unknown.map(|name| format!("the page names {name}, which no command has")).collect()
}

#[test]
fn the_page_describes_every_command_and_option() {
    let found = contradictions(&cli_page::page());
    assert!(found.is_empty(), "src/manual/cli.md and the program do not agree: {found:#?}");
}

#[test]
fn the_page_lists_the_fields_of_every_command_that_prints_json() {
    let page = cli_page::page();
    let listed = cli_page::json(&page);
    let commands = commands();
    for grammar in commands.iter().filter(|grammar| !grammar.hidden) {
        let prints = grammar.option("--json").is_some() || JSON_ALWAYS.contains(&&*grammar.name);
        let has = listed.contains_key(&grammar.name) || grammar.name.starts_with(JSON_FREE);
        assert!(has || !prints, "{}: no paragraph of the page begins with `JSON:`", grammar.name);
        assert!(!has || prints, "{}: the page lists fields, and there is no --json", grammar.name);
    }
}

/// The comparison sees what it is for.
#[test]
fn a_page_that_is_wrong_is_found_out() {
    let page = cli_page::page();
    let change = |from: &str, to: &str, word: &str| {
        let changed = page.replacen(from, to, 1);
        assert!(changed != page, "{from} is not on the page");
        let found = contradictions(&changed).join("\n");
        assert!(found.contains(word), "{from} -> {to}: {found}");
    };
    change("`compact STORE [--drop-events] ", "`compact STORE [--drop-records] ", "--drop-records");
    change("`compact STORE", "`compact [STORE]", "STORE is optional");
    change("`compact STORE", "`compress STORE", "`compress`");
    change("`compact STORE", "`compact STORE…", "repeated");
    change("`key new FILE", "`key new [--sail] FILE", "--sail");
    change("[--curve k256|p256]", "[--curve k256|p384]", "--curve has the value");
    change("`migrate SRC DST", "`migrate DST SRC", "order");
    change("--key-file FILE [--rekey]", "--key-file KEY [--rekey]", "--key-file has the value");
    change("--key-file FILE [--rekey]", "[--key-file FILE] [--rekey]", "--key-file is optional");
    for (everywhere, word) in [("--accept-rev", "--accept-rev is neither"), ("floors ", "`floors`")]
    {
        let found = contradictions(&page.replace(everywhere, "")).join("\n");
        assert!(found.contains(word), "{everywhere}: {found}");
    }
}

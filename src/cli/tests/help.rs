//! Help texts: every command and argument has one, and the same argument has the same everywhere.

use super::grammar::{Grammar, commands, takes_value, value_names};
use crate::cli::args::Cli;
use clap::{Command, CommandFactory};
use std::collections::BTreeMap;

/// Arguments that are the same for every command that has them, by name and value.
const SHARED: [(&str, &str); 7] = [
    ("store", "STORE"),
    ("did", "DID"),
    ("path", "PATH"),
    ("keys", "DID_KEY"),
    ("did_doc", "FILE"),
    ("plc_log", "FILE"),
    ("below_floor", ""),
];
/// Commands that print no facts, or JSON only, or a thing of their own that is not facts.
const WITHOUT_JSON: [&str; 9] =
    ["completions", "dump", "events", "get", "ls", "man", "proof", "tree", "write"];

#[test]
fn every_argument_has_a_help_text() {
    let mut missing = Vec::new();
    for grammar in commands() {
        for arg in grammar.args().filter(|arg| !arg.is_hide_set()) {
            if arg.get_help().is_none_or(|help| help.to_string().trim().is_empty()) {
                missing.push(format!("{} {}", grammar.name, arg.get_id()));
            }
        }
    }
    assert!(missing.is_empty(), "without a help text: {missing:#?}");
}

/// Those too that only have commands: `key`, `plc`.
#[test]
fn every_command_has_a_help_text() {
    fn check(command: &Command, path: &str) {
        for command in command.get_subcommands() {
            let path = format!("{path} {}", command.get_name());
            if path != " bench job" {
                assert!(command.get_about().is_some(), "{path} has no help text");
                check(command, &path);
            }
        }
    }
    check(&Cli::command(), "");
}

#[test]
fn an_argument_is_described_alike_everywhere() {
    for (id, value) in SHARED {
        let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for grammar in commands().iter().filter(|grammar| !grammar.name.starts_with("bench")) {
            if let Some(help) = help_of(grammar, id, value) {
                texts.entry(help).or_default().push(grammar.name.clone());
            }
        }
        assert!(texts.len() <= 1, "{id} is described in {} ways: {texts:#?}", texts.len());
    }
}

/// The help of the argument with this name and value.
fn help_of(grammar: &Grammar, id: &str, value: &str) -> Option<String> {
    let arg = grammar.args().find(|arg| arg.get_id() == id)?;
    // The key sources have an option `--did`, beside the argument DID.
    let is_other = id == "did" && arg.get_long().is_some();
    let has_value = if takes_value(arg) { value_names(arg) == [value] } else { value.is_empty() };
    let help = arg.get_help().map(ToString::to_string);
    (has_value && !is_other).then(|| help.unwrap_or_default())
}

/// Of commands that print JSON in any case, the option says something else.
#[test]
fn json_is_one_object() {
    for grammar in commands() {
        if let Some(arg) = grammar.option("--json") {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let is_always = ["dump", "write"].contains(&grammar.name.as_str());
            let is_alike = help.starts_with("Print one JSON object");
            assert!(is_alike || is_always, "{}: {help}", grammar.name);
        }
    }
}

#[test]
fn commands_that_print_facts_have_json() {
    for grammar in commands() {
        let has = grammar.option("--json").is_some();
        let may_lack = WITHOUT_JSON.contains(&grammar.name.as_str());
        assert!(has || may_lack, "{} prints facts, and has no --json", grammar.name);
    }
}

/// What an argument may be, by the name of its value.
fn sample(value: &str) -> &str {
    match value {
        "DID" => "did:web:a.example",
        "PATH" => "com.example.a/1",
        "NSID" => "com.example.a",
        "REV" => "3jzfcijpj2z2a",
        "N" | "SEQ" => "1",
        "CID" => "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua",
        "DID_KEY" => "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF",
        _ => "a",
    }
}

/// A failure is printed as JSON only if the dispatcher knows that JSON was asked for.
#[test]
fn the_dispatcher_knows_which_commands_print_json() {
    use clap::Parser;
    for grammar in commands() {
        if grammar.option("--json").is_none() {
            continue;
        }
        let mut line = vec!["carrack".to_owned()];
        line.extend(grammar.name.split(' ').map(str::to_owned));
        let required = |arg: &&clap::Arg| arg.is_required_set() || arg.get_id() == "output";
        for arg in grammar.args().filter(required) {
            let name = arg.get_long().map(|long| format!("--{long}"));
            let name = name.or_else(|| arg.get_short().map(|short| format!("-{short}")));
            line.extend(name);
            let values = arg.get_num_args().map_or(1, |range| range.min_values().max(1));
            let names = value_names(arg);
            let samples = names.iter().cycle().take(values).map(|name| sample(name).to_owned());
            line.extend(samples);
        }
        // What another argument could stand for.
        match grammar.name.as_str() {
            "proof" => line.push(sample("PATH").to_owned()),
            "floors" => line.push("--ask".to_owned()),
            _ => {}
        }
        line.push("--json".to_owned());
        let cli = Cli::try_parse_from(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        // `write` prints its own object for a line that is refused.
        assert!(cli.command.json() || grammar.name == "write", "Command::json: {}", grammar.name);
    }
}

//! Help texts: every command and argument has one, and the same argument has the same everywhere.

use super::grammar::{commands, value_names};
use crate::cli::args::Cli;
use clap::{Command, CommandFactory};
use std::collections::BTreeMap;

/// Arguments that are the same for every command that has them, by name and value.
const SHARED: [(&str, &str); 9] = [
    ("store", "STORE"),
    ("did", "DID"),
    ("account", "DID"),
    ("path", "PATH"),
    ("json", ""),
    ("keys", "DID_KEY"),
    ("did_doc", "FILE"),
    ("plc_log", "FILE"),
    ("below_floor", ""),
];
/// Commands that print no facts, or JSON only, or a thing of their own that is not facts.
const WITHOUT_JSON: [&str; 4] = ["completions", "events", "man", "write"];

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
            let found = grammar.args().find(|arg| arg.get_id() == id);
            let values = found.map(|arg| value_names(arg).join("|"));
            // The key sources have an option with the name of the argument DID.
            let is_other = found.is_some_and(|arg| id == "did" && arg.get_long().is_some());
            if let Some(arg) = found.filter(|_| !is_other) {
                let is_flag = !arg.get_action().takes_values();
                if is_flag == value.is_empty() && (is_flag || values.as_deref() == Some(value)) {
                    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                    texts.entry(help).or_default().push(grammar.name.clone());
                }
            }
        }
        // `write --json` says what becomes of a refused line, `dump --json` what of a failure.
        texts.retain(|_, names| names != &["write"] && names != &["dump"]);
        assert!(texts.len() <= 1, "{id} is described in {} ways: {texts:#?}", texts.len());
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
            let names = value_names(arg);
            let value = sample(names.first().map_or("", |name| name.as_str())).to_owned();
            let name = arg.get_long().map(|long| format!("--{long}"));
            let name = name.or_else(|| arg.get_short().map(|short| format!("-{short}")));
            line.extend(name);
            line.push(value);
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

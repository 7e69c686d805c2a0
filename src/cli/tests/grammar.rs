//! Clap's definition of the command line, as a list of commands.

use crate::cli::args::Cli;
use clap::{Arg, Command, CommandFactory};

/// Commands that only this program calls.
const INTERNAL: [&str; 1] = ["bench job"];

/// A command that can be run, with its name as users type it.
pub(super) struct Grammar {
    pub(super) name: String,
    pub(super) command: Command,
    /// Whether it, or what it is a part of, is left out of the help.
    pub(super) hidden: bool,
}

impl Grammar {
    /// Its arguments, without those of clap.
    pub(super) fn args(&self) -> impl Iterator<Item = &Arg> {
        let own = |arg: &&Arg| !["help", "version"].contains(&arg.get_id().as_str());
        self.command.get_arguments().filter(own)
    }

    /// Its option with this name, `--json` or `-o`.
    pub(super) fn option(&self, name: &str) -> Option<&Arg> {
        self.args().find(|arg| option_names(arg).iter().any(|found| found == name))
    }
}

/// Every command that can be run, internal ones left out.
pub(super) fn commands() -> Vec<Grammar> {
    let mut root = Cli::command();
    root.build();
    let mut found = Vec::new();
    add(&root, "", false, &mut found);
    found
}

fn add(command: &Command, path: &str, hidden: bool, found: &mut Vec<Grammar>) {
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("{path} {}", command.get_name()).trim().to_owned();
        let hidden = hidden || command.is_hide_set();
        if INTERNAL.contains(&name.as_str()) {
            continue;
        }
        add(command, &name, hidden, found);
        // `key` only has commands; `backup` is one as well.
        if !command.is_subcommand_required_set() {
            found.push(Grammar { name, command: command.clone(), hidden });
        }
    }
}

/// The names of an option, aliases too; none for a positional argument.
pub(super) fn option_names(arg: &Arg) -> Vec<String> {
    let long = arg.get_long_and_visible_aliases().unwrap_or_default();
    let long = long.into_iter().chain(arg.get_all_aliases().unwrap_or_default());
    let short = arg.get_short_and_visible_aliases().unwrap_or_default();
    let mut names: Vec<String> = long.map(|name| format!("--{name}")).collect();
    names.extend(short.into_iter().map(|name| format!("-{name}")));
    names.sort();
    names.dedup();
    names
}

/// What may stand for the value of an argument: `FILE`, for `FILE|STORE` each.
pub(super) fn value_names(arg: &Arg) -> Vec<String> {
    let names = arg.get_value_names().unwrap_or_default();
    let split = |name: &clap::builder::Str| {
        let names = name.split(|c: char| " |[]".contains(c)).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    names.iter().flat_map(split).collect()
}

/// Whether an argument has a value.
pub(super) fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// Whether a positional argument can be given more than once.
pub(super) fn is_many(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.max_values() > 1)
}

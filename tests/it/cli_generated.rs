//! What is generated from the grammar of the command line: manual pages and completion scripts.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Stdio};

fn carrack(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
    let out = command.args(args).stdin(Stdio::null()).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let help = carrack(&["-h"]);
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| !line.is_empty());
    let names = list.filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    let names: Vec<String> = names.filter(|name| name != "help").collect();
    assert!(names.len() >= 20, "{names:?}");
    names
}

#[test]
fn the_manual_page_lists_every_command_and_each_has_its_own() {
    let page = carrack(&["man"]);
    let folder = tempfile::tempdir().unwrap();
    // The folder is created.
    let pages = folder.path().join("share/man1");
    assert_eq!(carrack(&["man", "--dir", pages.to_str().unwrap()]), "");
    assert_eq!(std::fs::read_to_string(pages.join("carrack.1")).unwrap(), page);
    for name in commands() {
        assert!(page.contains(&format!("carrack\\-{name}(1)")), "{name}");
        let own = std::fs::read_to_string(pages.join(format!("carrack-{name}.1"))).unwrap();
        assert!(own.contains(&format!(".TH carrack-{name} 1")), "{name}: {own}");
    }
    // Commands of commands too.
    assert!(pages.join("carrack-event-verify.1").is_file());
}

#[test]
fn each_shell_gets_a_script_that_names_every_command() {
    let names = commands();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = carrack(&["completions", shell]);
        for name in &names {
            assert!(script.contains(name.as_str()), "{shell}: {name}");
        }
        assert!(script.contains("no-upgrade"), "{shell}");
    }
}

#[test]
fn a_shell_that_is_not_known_is_wrong_usage() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
    let out = command.args(["completions", "abacus"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(out.stdout.is_empty());
}

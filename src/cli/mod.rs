//! The command line: each command reads its arguments, calls the library, and prints what it returns.
//! [`crate::manual::cli`] is its contract.

mod account_tree;
mod answer;
mod archive_file;
mod args;
mod bench;
mod commands;
mod demo;
mod environment;
mod exit;
mod failure;
mod file_walk;
mod io;
mod keys;
mod opened;
mod report;
mod repository;
mod restore_notice;
mod run;
#[cfg(debug_assertions)]
mod seeded;
mod selector;
mod store;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use run::run;

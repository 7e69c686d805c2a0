//! The command line: each command reads its arguments, calls the library, and prints what it returns.
//! [`crate::manual::cli`] is its contract.

mod answer;
mod args;
mod bench;
mod commands;
mod demo;
mod environment;
mod exit;
mod failure;
mod io;
mod keys;
mod plc_log;
mod report;
mod restore_notice;
mod run;
#[cfg(debug_assertions)]
mod seeded;
mod store;
mod tally;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use run::run;

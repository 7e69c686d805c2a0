//! The command line: each command reads its arguments, calls the library, and prints what it returns.

mod answer;
mod args;
mod bench;
mod commands;
mod demo;
mod failure;
mod io;
mod keys;
mod run;
mod store;
mod text;

pub(crate) use run::run;

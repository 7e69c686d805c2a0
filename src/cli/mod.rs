//! The command line: each command reads its arguments, asks the library, and says what it was told.

mod account;
mod apply;
mod args;
mod backup;
mod bar;
mod bench;
mod collection;
mod compact;
mod demo;
mod event;
mod events;
mod export;
mod failure;
mod floors;
mod follow;
mod guard;
mod import;
mod input;
mod key;
mod keys;
mod listing;
mod migrate;
mod output;
mod plc;
mod proof;
mod record;
mod run;
mod scrub;
mod store;
mod target;
mod text;
mod trust;
mod verify;
mod write;

pub(crate) use run::run;

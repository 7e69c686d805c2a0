//! Rows in redb, in streaming order. The format is drawn in [`crate::manual::format`].

pub(crate) mod account;
pub(crate) mod along;
pub(crate) mod ascending;
pub(crate) mod build;
pub(crate) mod census;
pub(crate) mod changed;
pub(crate) mod copy;
pub(crate) mod find;
pub(crate) mod floors;
pub(crate) mod gather;
pub(crate) mod listing;
pub(crate) mod log;
pub(crate) mod log_read;
pub(crate) mod nodes;
pub(crate) mod open;
pub(crate) mod read;
pub(crate) mod read_table;
pub(crate) mod reclaim;
pub(crate) mod region;
pub(crate) mod row;
pub(crate) mod run;
pub(crate) mod session;
pub(crate) mod signal;
pub(crate) mod storage;
pub(crate) mod tables;
pub(crate) mod write;

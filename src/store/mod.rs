//! Rows in redb, in streaming order. The format is drawn in [`crate::manual::format`].

pub(crate) mod account;
mod account_row;
pub(crate) mod blob_index;
pub(crate) mod copy;
pub(crate) mod format;
mod forward_locks;
pub(crate) mod head_key;
pub(crate) mod log;
pub(crate) mod log_read;
pub(crate) mod open;
pub(crate) mod own_storage;
pub(crate) mod read;
pub(crate) mod read_table;
pub(crate) mod restore;
pub(crate) mod rows;
pub(crate) mod sealed;
pub(crate) mod session;
pub(crate) mod shield;
pub(crate) mod storage;
pub(crate) mod table_check;
pub(crate) mod tables;
pub(crate) mod write;
pub(crate) mod write_buffer;

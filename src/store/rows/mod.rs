//! Rows: their keys and values, the runs in them, and how a tree becomes rows.

pub(crate) mod buffer;
pub(crate) mod build;
pub(crate) mod key;
pub(crate) mod parts;
pub(crate) mod run;
pub(crate) mod value;

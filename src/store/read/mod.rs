//! Reading a tree: one record, a list, every row, what changed.

pub(crate) mod audit;
mod confirmed;
pub(crate) mod intact;
pub(crate) mod listing;
pub(crate) mod node_cache;
pub(crate) mod nodes;
pub(crate) mod record;
pub(crate) mod tree_cursor;

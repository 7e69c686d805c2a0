//! Generated repositories, and stores that are filled with them.

pub(in crate::cli) mod fill;
pub(in crate::cli) mod generated_tree;
pub(in crate::cli) mod records;
pub(in crate::cli) mod repository;
pub(in crate::cli) mod rng;

//! `carrack tree`: the structure of a repository, for people.

mod json;
mod outline;
mod text;
mod tree;

pub(in crate::cli) use tree::{TreeArgs, run};

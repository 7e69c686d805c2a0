//! The Merkle search tree: nodes, a streaming walk, and edits on a tree of which only the touched
//! part is in memory.
//!
//! What is hard here is explained in [`crate::manual::tree`]: where splits and merges move nodes,
//! and why a gap is not an absence.

mod compact_node;
mod diff;
mod insert;
mod key;
mod layer;
mod lookup;
mod node;
mod partial;
mod range;
mod remove;
mod rules;
mod scan;
mod seek;
mod walk;

pub(crate) use compact_node::CompactNode;
pub use diff::{Change, Diff, diff};
pub use key::Key;
pub use layer::layer;
pub(crate) use node::shared_prefix;
pub use node::{Entry, Node};
pub use partial::{Child, Gap, Held, HeldEntry, NodeSource, Tree};
pub use range::KeyRange;
pub(crate) use scan::{NodeLink, links, usual_entries};
pub(crate) use seek::{Sought, seek};
pub use walk::{NodeWant, RecordWant, Walk, Want};

#[cfg(test)]
mod tests;

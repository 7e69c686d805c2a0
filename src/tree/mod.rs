//! The Merkle search tree: nodes, a streaming walk, and edits on a tree of which only the touched
//! part is in memory.
//!
//! [`crate::manual::tree`] explains where splits and merges move nodes, and why a gap is not an
//! absence. Specification: <https://atproto.com/specs/repository#mst-structure>.

mod changes;
mod compact_node;
pub(crate) mod diff;
mod insert;
mod key;
mod layer;
mod lookup;
mod node;
pub(crate) mod partial;
pub(crate) mod range;
mod reader;
mod remove;
mod rules;
mod scan;
mod seek;
mod step;
pub(crate) mod walk;

pub use changes::{Changes, changes};
pub(crate) use compact_node::CompactNode;
pub use diff::Change;
pub use key::Key;
pub use layer::layer;
pub(crate) use node::shared_prefix;
pub use node::{Entry, Node};
pub(crate) use partial::{Child, Gap, Held, HeldEntry, NodeSource, Tree};
pub(crate) use range::KeyRange;
pub use reader::TreeReader;
pub(crate) use scan::{NodeLink, links, usual_entries};
pub(crate) use seek::{Sought, seek};
pub use walk::{NodeWant, RecordWant};
pub(crate) use walk::{Walk, Want};

#[cfg(test)]
mod tests;

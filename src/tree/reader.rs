use crate::block::{Block, Cid};
use crate::error::Result;
use crate::tree::NodeWant;

/// A tree whose nodes can be read one by one, by place and CID: of a repository in a file
/// ([`Archive`](crate::verify::Archive)), of an account in a store
/// ([`Snapshot`](crate::engine::Snapshot)), or of another source.
pub trait TreeReader {
    /// The CID of the root.
    fn root(&self) -> &Cid;

    /// Returns the block of a node. The caller checks that it is the node in question, and that it
    /// is valid in its place.
    ///
    /// # Errors
    /// `MissingNode` or another problem, if the source does not have the node; the source's errors.
    fn node(&self, want: &NodeWant) -> Result<Block>;
}

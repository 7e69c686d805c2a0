//! Blocks, their CIDs, and the strict CBOR (DRISL) that they are written in.

mod blobs;
#[allow(clippy::module_inception)]
mod block;
mod cid;
pub mod drisl;
pub mod json;

pub use blobs::{BlobRef, blob_refs};
pub use block::Block;
pub(crate) use cid::Comparison;
pub use cid::{Cid, Codec};

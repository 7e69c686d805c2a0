//! Blocks, their CIDs, and the strict CBOR (DRISL) that they are written in.

#[allow(clippy::module_inception)]
mod block;
mod cid;
pub mod drisl;
pub mod json;

pub use block::Block;
pub use cid::{Cid, Codec};

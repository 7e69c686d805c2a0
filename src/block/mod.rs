//! Blocks, their CIDs, and the strict CBOR (DRISL) that they are written in.

mod blobs;
#[allow(clippy::module_inception)]
mod block;
pub mod data_model;
pub mod drisl;
pub mod json;

pub(crate) use crate::ident::Comparison;
pub use crate::ident::{Cid, CidError, Codec};
pub use blobs::{BlobRef, blob_refs};
pub use block::Block;

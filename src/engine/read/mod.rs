//! Snapshots: records, listings, blocks and proofs.

pub(super) mod blocks;
pub(super) mod collection_proof;
pub(super) mod needed_blobs;
pub(super) mod proof;
pub(super) mod snapshot;
pub(super) mod tree_reader;

//! Verifies repositories and proofs in CAR files: any order of blocks, bounded memory, and every
//! problem listed.
//!
//! Imports use the same walk, so that what is stored is what was verified. Specification:
//! <https://atproto.com/specs/repository>.
//! [`crate::manual::reading`] explains how a file in any order is read.

mod archive;
pub(crate) mod block_source;
mod cid_hash;
pub(crate) mod collection;
mod expected_head;
pub(crate) mod file_source;
mod index;
mod indexed;
mod input;
mod listing;
pub(crate) mod node_outline;
mod others;
mod position;
mod prefetch;
mod proof;
mod read_through;
mod report;
pub(crate) mod repository;
mod sections;
mod slots;
mod steps;
pub(crate) mod stream_source;

pub use archive::Archive;
pub use collection::{CollectionReport, verify_collection};
pub use expected_head::{ExpectedHead, Keys};
pub use input::Input;
pub use listing::{Lines, ListingDigest};
pub use proof::{ProofReport, verify_proof};
pub use report::{Order, Report};
pub use repository::{Discard, Sink, verify};

pub(crate) use archive::write_proof;
pub(crate) use block_source::BlockSource;
pub(crate) use file_source::FileSource;
pub(crate) use repository::verify_source;
pub(crate) use stream_source::StreamSource;

#[cfg(test)]
mod tests;

//! Verification of a repository that comes as a CAR: from any source, in any order of blocks, in
//! bounded memory, with every problem listed.
//!
//! Import goes through the same walk, so that what is stored is what has been verified.

mod block_source;
mod cid_hash;
mod collection;
mod expected_head;
mod file_source;
mod index;
mod indexed;
mod input;
mod listing;
mod node_outline;
mod others;
mod position;
mod prefetch;
mod proof;
mod read_through;
mod report;
mod repository;
mod sections;
mod slots;
mod steps;
mod stream_source;

pub use block_source::{BlockSource, Missing, RecordBlock, Totals};
pub use collection::{CollectionReport, verify_collection, verify_collection_file};
pub use expected_head::{ExpectedHead, Keys};
pub use file_source::FileSource;
pub use input::Input;
pub use listing::{Lines, ListingDigest};
pub use node_outline::TreeCounts;
pub use proof::{ProofReport, verify_proof};
pub use report::{Order, Report};
pub use repository::{Discard, Sink, verify, verify_file};
pub use stream_source::StreamSource;

#[cfg(test)]
mod tests;

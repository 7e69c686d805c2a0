//! Verification of a repository that comes as a CAR: from any source, in any order of blocks, in
//! bounded memory, with every problem listed.
//!
//! Import goes through the same walk, so that what is stored is what has been verified.

mod collection;
mod expect;
mod index;
mod input;
mod listing;
mod proof;
mod report;
mod repository;
mod supply;

pub use collection::{CollectionReport, verify_collection, verify_collection_file};
pub use expect::Expect;
pub use input::Input;
pub use listing::{Lines, ListingDigest};
pub use proof::{ProofReport, verify_proof};
pub use report::{Order, Problems, Report, problems_json};
pub use repository::{Nothing, Sink, verify, verify_file};
pub use supply::{FileSupply, Missed, StreamSupply, Supply, Tail};

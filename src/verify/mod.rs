//! Verification of a repository that comes as a CAR: from any source, in any order of blocks, in
//! bounded memory, with every problem listed.
//!
//! Import goes through the same walk, so that what is stored is what has been verified.

mod ahead;
mod collection;
mod compact;
mod course;
mod expect;
mod fetch;
mod file_supply;
mod index;
mod indexed;
mod input;
mod keyed;
mod listing;
mod others;
mod proof;
mod read_through;
mod report;
mod repository;
mod sections;
mod slots;
mod steps;
mod stream_supply;
mod supply;

pub use collection::{CollectionReport, verify_collection, verify_collection_file};
pub use compact::Sound;
pub use expect::Expect;
pub use file_supply::FileSupply;
pub use input::Input;
pub use listing::{Lines, ListingDigest};
pub use proof::{ProofReport, verify_proof};
pub use report::{Order, Problems, Report, problems_json};
pub use repository::{Nothing, Sink, verify, verify_file};
pub use stream_supply::StreamSupply;
pub use supply::{Given, Missed, Supply, Tail};

#[cfg(test)]
mod tests;

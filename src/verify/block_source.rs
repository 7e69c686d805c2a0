use crate::block::{Block, Cid};
use crate::error::Result;
use crate::problem::Problem;
use crate::verify::node_outline::TreeCounts;
use crate::verify::report::Order;

/// A source of blocks for the walk over a repository.
pub trait BlockSource {
    /// The roots in the header.
    fn roots(&self) -> &[Cid];

    /// Returns the block with this CID, hashed.
    ///
    /// # Errors
    /// `Err` if reading fails; `Ok` with [`Missing`] if the input does not have the block.
    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missing>>;

    /// Returns the record with this CID, hashed. A source that has checked it already says so.
    ///
    /// # Errors
    /// As [`BlockSource::want`].
    fn want_record(&mut self, cid: &Cid) -> Result<Result<RecordBlock, Missing>> {
        Ok(self.want(cid)?.map(RecordBlock::Hashed))
    }

    /// Tells the source that the caller does not need the bytes of valid records. A source may
    /// ignore it.
    fn skip_records(&mut self) {}

    /// Tells the source that the caller needs only the outcome, not the tree. A source may ignore
    /// it.
    fn skip_tree(&mut self) {}

    /// Checks, if the source can do that by itself, whether the whole tree below this root exists
    /// and is valid, with valid records. If so, no block below it is requested. `None` means that
    /// the tree must be walked.
    ///
    /// # Errors
    /// If reading fails.
    fn check_outline(&mut self, root: &Cid) -> Result<Option<TreeCounts>> {
        let _ = root;
        Ok(None)
    }

    /// Reads the rest of the input and returns the totals.
    ///
    /// # Errors
    /// If reading fails.
    fn finish(&mut self, problems: &mut dyn FnMut(Problem)) -> Result<Totals>;

    /// Bytes of the sections returned so far, for progress.
    fn position(&self) -> u64;
}

/// A record that a source returns.
#[derive(Clone, Debug)]
pub enum RecordBlock {
    /// Its hash is right; it is not checked further.
    Hashed(Block),
    /// It is also valid in the data model, and no longer than an import accepts.
    Verified(Block),
    /// The input has it and it is valid; its bytes were not requested.
    VerifiedUnread,
}

/// Why a block is not available.
#[derive(Clone, Debug)]
pub enum Missing {
    /// No section has this CID.
    Absent,
    /// A section has this CID, and the section is invalid.
    Wrong(Problem),
    /// The source has given up on the input. [`BlockSource::finish`] reports why.
    GivenUp,
}

/// Totals of an input that was read to its end. `None` marks what could not be determined.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Totals {
    /// The number of sections in the input.
    pub sections: u64,
    /// The number of distinct CIDs that the tree does not reference; sections with CIDs that no
    /// block of a repository can have are counted one by one.
    pub unreferenced: Option<u64>,
    /// The order of the sections.
    pub order: Option<Order>,
    /// The number of sections that were requested.
    pub reached: u64,
    /// The number of sections that could belong to the repository and that the tree does not
    /// reference.
    pub unreached: u64,
    /// A warning about unreferenced sections that could not be checked.
    pub warning: Option<Problem>,
}

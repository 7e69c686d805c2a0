use crate::block::{Block, Cid};
use crate::error::Result;
use crate::problem::Problem;
use crate::verify::node_outline::TreeCounts;
use crate::verify::report::Order;

/// Where a walk's blocks come from.
pub trait BlockSource {
    /// The roots that the header names.
    fn roots(&self) -> &[Cid];

    /// The block with this CID, hashed.
    ///
    /// # Errors
    /// `Err` if reading fails; [`Missing`] within `Ok` if the input does not give the block.
    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missing>>;

    /// The record with this CID, hashed. A supply that has looked at it already says so.
    ///
    /// # Errors
    /// As [`BlockSource::want`].
    fn want_record(&mut self, cid: &Cid) -> Result<Result<RecordBlock, Missing>> {
        Ok(self.want(cid)?.map(RecordBlock::Hashed))
    }

    /// Says beforehand that the caller does not want the bytes of records that are sound. A supply that makes
    /// nothing of it may ignore it.
    fn skip_records(&mut self) {}

    /// Says beforehand that the caller does not want to see the tree either, only whether it is right.
    fn skip_tree(&mut self) {}

    /// Finds out whether all of the tree below this root is there and right, with records that are
    /// sound, if the source can do that by itself. Then nothing below it is to be asked for. `None`
    /// says nothing: the tree has to be walked.
    ///
    /// # Errors
    /// If reading fails.
    fn check_outline(&mut self, root: &Cid) -> Result<Option<TreeCounts>> {
        let _ = root;
        Ok(None)
    }

    /// Reads what was not asked for, and sums up.
    ///
    /// # Errors
    /// If reading fails.
    fn finish(&mut self, problems: &mut dyn FnMut(Problem)) -> Result<Totals>;

    /// Bytes of sections that were given so far, for progress.
    fn position(&self) -> u64;
}

/// A record that a source gives.
#[derive(Clone, Debug)]
pub enum RecordBlock {
    /// Nothing is known of it but its hash.
    Hashed(Block),
    /// Also of the data model, and no longer than an import takes.
    Verified(Block),
    /// The input has it and it is sound; its bytes were not wanted.
    VerifiedUnread,
}

/// Why a block is not to be had.
#[derive(Clone, Debug)]
pub enum Missing {
    /// No section has this CID.
    Absent,
    /// A section has it, and something is wrong with that.
    Wrong(Problem),
    /// The input was given up: nothing can be said of the block. [`BlockSource::finish`] tells why.
    GivenUp,
}

/// What is known when everything has been read. `None` is for what could not be found out.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Sections in the input.
    pub sections: u64,
    /// Distinct CIDs of sections that the tree does not ask for; of sections with CIDs that no block of a
    /// repository has, each counts.
    pub unreferenced: Option<u64>,
    /// The order of the sections.
    pub order: Option<Order>,
    /// Sections that were asked for.
    pub reached: u64,
    /// Sections that could be of the repository, and that the tree does not ask for.
    pub unreached: u64,
    /// A remark on sections that could not be checked, and that the tree does not ask for.
    pub warning: Option<Problem>,
}

use super::report::Order;
use crate::block::{Block, Cid};
use crate::error::{Problem, Result};

/// Where a walk's blocks come from.
pub trait Supply {
    /// The roots that the header names.
    fn roots(&self) -> &[Cid];

    /// The block with this CID, hashed.
    ///
    /// # Errors
    /// `Err` if reading fails; [`Missed`] within `Ok` if the input does not give the block.
    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missed>>;

    /// Says beforehand that nobody wants the bytes of records, as long as they are
    /// [sound](Supply::sound). A supply that makes nothing of it may ignore it.
    fn skip_records(&mut self) {}

    /// Whether the input gives a record with this CID, which has been hashed, and is one that an
    /// import takes without a remark: then it counts as asked for. `false` says nothing: ask for
    /// the block.
    ///
    /// # Errors
    /// If reading fails.
    fn sound(&mut self, cid: &Cid) -> Result<bool> {
        let _ = cid;
        Ok(false)
    }

    /// Reads what nobody asked for, and sums up.
    ///
    /// # Errors
    /// If reading fails.
    fn finish(&mut self, problems: &mut dyn FnMut(Problem)) -> Result<Tail>;

    /// Bytes of sections that were given so far, for progress.
    fn position(&self) -> u64;
}

/// Why a block is not to be had.
#[derive(Clone, Debug)]
pub enum Missed {
    /// No section has this CID.
    Absent,
    /// A section has it, and something is wrong with that.
    Wrong(Problem),
}

/// What is known when everything has been read.
#[derive(Clone, Debug)]
pub struct Tail {
    /// Sections in the input.
    pub sections: u64,
    /// Distinct CIDs of sections that nobody asked for.
    pub unreferenced: u64,
    /// The order of the sections.
    pub order: Order,
}

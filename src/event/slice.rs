use crate::block::{Block, Cid};
use crate::car::Reader;
use crate::error::{Code, Error, Problem, Result};
use crate::tree::{Gap, NodeSource};
use std::collections::HashMap;

/// The blocks of an event, hashed. What is not among them is a gap.
pub(super) struct Slice {
    pub(super) roots: Vec<Cid>,
    pub(super) blocks: HashMap<Cid, Block>,
}

impl Slice {
    /// Reads a whole CAR and reports what is wrong with it. `None` if it cannot be read to its
    /// end; a block that does not hash to its CID is only left out.
    pub(super) fn read(bytes: &[u8], report: &mut dyn FnMut(Problem)) -> Option<Self> {
        match Self::read_all(bytes, report) {
            Ok(slice) => Some(slice),
            Err(Error::Problem(problem)) => {
                report(within(*problem));
                None
            }
            Err(error) => {
                report(Problem::new(Code::BadFrame, format!("the field \"blocks\": {error}")));
                None
            }
        }
    }

    fn read_all(bytes: &[u8], report: &mut dyn FnMut(Problem)) -> Result<Self> {
        let mut reader = Reader::new(bytes)?;
        let mut slice = Self { roots: reader.roots().to_vec(), blocks: HashMap::new() };
        while let Some(frame) = reader.next_frame()? {
            match frame.into_block() {
                Ok(block) => drop(slice.blocks.insert(block.cid().clone(), block)),
                Err(problem) => report(within(problem)),
            }
        }
        Ok(slice)
    }
}

impl NodeSource for Slice {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        self.blocks.load(gap)
    }
}

/// An offset counts from the start of the input, which is the frame and not its blocks.
fn within(mut problem: Problem) -> Problem {
    if let Some(offset) = problem.offset.take() {
        problem.message = format!("{} (byte {offset} of blocks)", problem.message);
    }
    problem
}

use crate::block::{Block, Cid};
use crate::car::{Blocks, Reader};
use crate::error::{Error, Result};
use crate::problem::{Code, Problem};
use crate::tree::{Gap, NodeSource};

/// The blocks of an event, hashed. Other blocks are gaps.
pub(super) struct Slice {
    pub(super) blocks: Blocks,
}

impl Slice {
    /// Reads a CAR and reports its problems. `None` if it cannot be read to its end; a block that
    /// does not match its CID is left out.
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
        let blocks = Blocks::read(&mut Reader::new(bytes)?, |_, _, added| {
            match added {
                // A section that is too long is ignored, unless the commit needs it.
                Err(problem) if problem.code != Code::TooLarge => report(within(problem)),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { blocks })
    }

    /// The block of the commit.
    pub(super) fn root_block(&self) -> Result<&Block, Problem> {
        self.blocks.root_block().map_err(within)
    }

    /// The problem of the section with this CID, or `absent` if there is none.
    pub(super) fn why_not(&self, cid: &Cid, absent: Problem) -> Problem {
        within(self.blocks.why_not(cid, absent))
    }
}

impl NodeSource for Slice {
    fn load(&mut self, gap: &Gap) -> Result<Block> {
        self.blocks.by_cid.load(gap).map_err(|error| match self.blocks.explain(error) {
            Error::Problem(problem) => within(*problem).into(),
            error => error,
        })
    }
}

/// An offset is relative to the input, which is the frame and not its blocks.
fn within(mut problem: Problem) -> Problem {
    if let Some(offset) = problem.offset.take() {
        problem.message = format!("{} (byte {offset} of blocks)", problem.message);
    }
    problem
}

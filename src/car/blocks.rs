use super::next_section::NextSection;
use super::reader::Reader;
use crate::block::{Block, Cid};
use crate::error::{Error, Result};
use crate::problem::{Code, Problem};
use std::collections::HashMap;
use std::io::Read;

/// The blocks of a CAR that is held in memory: a proof, a diff, what comes with an event. The caller
/// bounds their bytes and their number.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// The roots that the header names.
    pub(crate) roots: Vec<Cid>,
    /// Those that hash right, each once.
    pub(crate) by_cid: HashMap<Cid, Block>,
    /// Sections that were read past because they are too long: what is wrong if one is needed.
    long: HashMap<Cid, Problem>,
    /// All sections.
    pub(crate) sections: u64,
}

impl Blocks {
    /// Reads a CAR to its end. `judge` receives each section's result (see [`Blocks::add`]), the
    /// blocks read so far and the section's length in bytes, and may end the reading.
    pub(crate) fn read<R: Read>(
        reader: &mut Reader<R>,
        mut judge: impl FnMut(&Self, u64, Result<(), Problem>) -> Result<()>,
    ) -> Result<Self> {
        let mut blocks = Self { roots: reader.roots().to_vec(), ..Self::default() };
        while let Some(section) = reader.next_or_skipped()? {
            let added = blocks.add(section);
            judge(&blocks, reader.offset(), added)?;
        }
        Ok(blocks)
    }

    /// The block of the first root.
    ///
    /// # Errors
    /// `NoRoot`; `MissingCommit`, or what is wrong with its section.
    pub(crate) fn root_block(&self) -> Result<&Block, Problem> {
        let no_root = || Problem::new(Code::NoRoot, "the header names no root");
        let root = self.roots.first().ok_or_else(no_root)?;
        self.by_cid.get(root).ok_or_else(|| {
            let absent = Problem::new(Code::MissingCommit, "the root's block is not there");
            self.why_not(root, absent)
        })
    }

    /// Takes in a section.
    ///
    /// # Errors
    /// `HashMismatch`; `TooLarge` or `UnsupportedCid`, of which the caller decides whether it matters
    /// if nothing needs the block.
    fn add(&mut self, section: NextSection) -> Result<(), Problem> {
        self.sections += 1;
        if let NextSection::Skipped(skipped) = &section
            && let Some(cid) = &skipped.cid
        {
            self.long.insert(cid.clone(), skipped.unusable());
            if let Some(problem) = skipped.mismatch() {
                return Err(problem);
            }
        }
        let block = section.into_block()?;
        self.by_cid.insert(block.cid().clone(), block);
        Ok(())
    }

    /// The problem of the section with this CID, or `absent` if there is none.
    pub(crate) fn why_not(&self, cid: &Cid, absent: Problem) -> Problem {
        let problem = match self.long.get(cid) {
            Some(problem) => problem.clone(),
            None => cid.checkable().err().map_or(absent, Problem::from),
        };
        problem.cid(cid)
    }

    /// The same for a failure that says of a block that it is missing.
    pub(crate) fn explain(&self, error: Error) -> Error {
        match error {
            Error::Problem(problem)
                if matches!(problem.code, Code::MissingNode | Code::MissingRecord) =>
            {
                let Some(cid) = problem.cid.clone() else { return Error::Problem(problem) };
                let path = problem.path.clone();
                let reason = self.why_not(&cid, *problem);
                path.into_iter().fold(reason, Problem::path).into()
            }
            error => error,
        }
    }
}

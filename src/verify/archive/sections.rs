//! Looks up the sections of a file by CID.

use crate::block::{Block, Cid};
use crate::car::NextSection;
use crate::error::Result;
use crate::problem::Problem;
use crate::verify::block_source::Missing;
use crate::verify::index::Index;
use crate::verify::indexed::repeatable_bytes;
use crate::verify::input::Input;
use crate::verify::prefetch::fetch::read_section;
use crate::verify::read_through::{IndexedKind, ReadThrough};
use std::sync::OnceLock;

/// Damaged sections with the CID that is looked up, beyond which the block counts as damaged.
const WRONG_MAX: usize = 16;

/// The sections of a file, which is indexed at the first look-up.
pub(in crate::verify) struct ArchiveSections {
    input: Input,
    repository: OnceLock<Indexed>,
    /// Those whose CIDs no block of a repository can have.
    others: OnceLock<Indexed>,
}

struct Indexed {
    /// Or why there is none.
    index: Result<Index, Problem>,
    /// The problem that ended the reading of sections.
    broken: Option<Problem>,
}

impl ArchiveSections {
    pub(in crate::verify) fn new(input: &Input) -> Self {
        Self { input: input.clone(), repository: OnceLock::new(), others: OnceLock::new() }
    }

    /// The block with this CID. Of several sections with it, the first that hashes to it counts; at
    /// most [`WRONG_MAX`] others are read.
    pub(in crate::verify) fn look_up(&self, cid: &Cid) -> Result<Result<Block, Missing>> {
        let indexed = self.indexed(cid)?;
        let index = match &indexed.index {
            Ok(index) => index,
            Err(flood) => return Ok(Err(Missing::Wrong(flood.clone()))),
        };
        let mut wrong = Vec::new();
        for place in index.candidates(index.hash(cid)).filter_map(|slot| index.place(slot)) {
            let section = read_section(&self.input, place)?;
            if section.cid() == Some(cid) {
                match NextSection::into_block(section) {
                    Ok(block) => return Ok(Ok(block)),
                    Err(problem) => wrong.push(problem),
                }
            }
            if wrong.len() > WRONG_MAX {
                break;
            }
        }
        Ok(Err(wrong.into_iter().next().map_or(Missing::Absent, Missing::Wrong)))
    }

    /// The most bytes that a walk reads: all sections once, and repeated ones.
    pub(in crate::verify) fn readable_bytes(&self) -> u64 {
        self.input.length().saturating_add(repeatable_bytes(&self.input))
    }

    /// The problem that ended the reading of sections, if one did.
    pub(in crate::verify) fn broken(&self) -> Option<&Problem> {
        self.repository.get()?.broken.as_ref()
    }

    fn indexed(&self, cid: &Cid) -> Result<&Indexed> {
        let (cell, kind) = if cid.is_of_repository() {
            (&self.repository, IndexedKind::Repository)
        } else {
            (&self.others, IndexedKind::Other)
        };
        if let Some(indexed) = cell.get() {
            return Ok(indexed);
        }
        let reading = ReadThrough { input: &self.input, kind, hashes: false, keeps_nodes: false };
        let found = reading.run()?;
        let indexed = Indexed { index: found.index, broken: found.pass.broken };
        Ok(cell.get_or_init(|| indexed))
    }
}

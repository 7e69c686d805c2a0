//! The blocks of a received diff, in memory, every one of them hashed.

use crate::car::{Blocks, Reader};
use crate::commit::Commit;
use crate::error::{Error, Result};
use crate::limits::{DIFF_BLOCKS_MAX, DIFF_BYTES_MAX};
use crate::problem::Code;
use std::io::Read;

/// What a diff CAR holds.
#[derive(Debug)]
pub(in crate::engine) struct DiffBlocks {
    pub(in crate::engine) commit: Commit,
    /// Every block, the commit's included, once.
    pub(in crate::engine) blocks: Blocks,
    /// Sections that no repository's block can be, and of which nothing was kept.
    pub(in crate::engine) passed: u64,
}

impl DiffBlocks {
    /// Reads all of `input`, which no more than [`DIFF_BYTES_MAX`] bytes may come from.
    pub(in crate::engine) fn read(input: impl Read) -> Result<Self> {
        // One byte more tells that there are more, whatever length a section states.
        let mut reader = Reader::new(input.take(DIFF_BYTES_MAX + 1))?;
        let mut passed = 0;
        let read = Blocks::read(&mut reader, |blocks, bytes, added| {
            check_limit("bytes of a diff", DIFF_BYTES_MAX, bytes)?;
            match added {
                Ok(()) => {}
                // Of no matter, unless the tree needs it.
                Err(problem) if problem.code != Code::HashMismatch => passed += 1,
                Err(problem) => return Err(problem.into()),
            }
            check_limit("blocks of a diff", DIFF_BLOCKS_MAX, blocks.by_cid.len() as u64)
        });
        // Of an input that is cut off there, its length is the cause.
        check_limit("bytes of a diff", DIFF_BYTES_MAX, reader.bytes_read())?;
        let blocks = read?;
        let commit = Commit::decode(blocks.root_block()?)?;
        Ok(Self { commit, blocks, passed })
    }
}

/// Refuses what is too large to be applied in one transaction: a full copy is the way then.
pub(in crate::engine) fn check_limit(what: &'static str, limit: u64, got: u64) -> Result<()> {
    if got <= limit { Ok(()) } else { Err(Error::Limit { what, limit, got }) }
}

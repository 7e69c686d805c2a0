//! The blocks of a received diff, in memory and hashed.

use crate::block::Cid;
use crate::car::{Blocks, Reader};
use crate::commit::Commit;
use crate::error::{Error, Result};
use crate::limits::{DIFF_BLOCKS_MAX, DIFF_BYTES_MAX};
use crate::problem::Code;
use std::io::Read;

/// What a diff CAR holds.
#[derive(Debug)]
pub(in crate::engine) enum Received {
    /// A commit and blocks.
    Diff(Box<DiffBlocks>),
    /// A header that names this root, and no section: the answer of the reference server when there
    /// is nothing new.
    HeaderOnly(Cid),
}

/// The content of a diff CAR.
#[derive(Debug)]
pub(in crate::engine) struct DiffBlocks {
    pub(in crate::engine) commit: Commit,
    /// Each block once, the commit's included.
    pub(in crate::engine) blocks: Blocks,
    /// The number of sections whose CIDs no block of a repository can have. They are not kept.
    pub(in crate::engine) passed: u64,
}

impl DiffBlocks {
    /// Reads all of `input`, at most [`DIFF_BYTES_MAX`] bytes.
    pub(in crate::engine) fn read(input: impl Read) -> Result<Received> {
        // One byte more shows that there are more, whatever length a section states.
        let mut reader = Reader::new(input.take(DIFF_BYTES_MAX + 1))?;
        let mut passed = 0;
        let read = Blocks::read(&mut reader, |blocks, bytes, added| {
            check_limit("bytes of a diff", DIFF_BYTES_MAX, bytes)?;
            match added {
                Ok(()) => {}
                // Ignored, unless the tree needs the block.
                Err(problem) if problem.code != Code::HashMismatch => passed += 1,
                Err(problem) => return Err(problem.into()),
            }
            check_limit("blocks of a diff", DIFF_BLOCKS_MAX, blocks.by_cid.len() as u64)
        });
        // If the input is cut off there, its length is the cause.
        check_limit("bytes of a diff", DIFF_BYTES_MAX, reader.bytes_read())?;
        let blocks = read?;
        if let (0, [root]) = (blocks.sections, &blocks.roots[..]) {
            return Ok(Received::HeaderOnly(root.clone()));
        }
        let commit = Commit::decode(blocks.root_block()?)?;
        Ok(Received::Diff(Box::new(Self { commit, blocks, passed })))
    }
}

/// Refuses a diff that is too large for one transaction: import a full export instead.
pub(in crate::engine) fn check_limit(what: &'static str, limit: u64, got: u64) -> Result<()> {
    if got <= limit { Ok(()) } else { Err(Error::Limit { what, limit, got }) }
}

//! The blocks of somebody's diff, in memory, every one of them hashed.

use crate::block::{Block, Cid};
use crate::car::Reader;
use crate::commit::Commit;
use crate::error::{Code, Error, Problem, Result};
use crate::limits::{DIFF_BLOCKS_MAX, DIFF_BYTES_MAX};
use std::collections::HashMap;
use std::io::Read;

/// What a diff CAR holds.
#[derive(Debug)]
pub(super) struct DiffBlocks {
    pub(super) commit: Commit,
    /// Every block, the commit's included, once.
    pub(super) blocks: HashMap<Cid, Block>,
}

impl DiffBlocks {
    /// Reads all of `input`, which no more than [`DIFF_BYTES_MAX`] bytes may come from.
    pub(super) fn read(input: impl Read) -> Result<Self> {
        let mut reader = Reader::new(input)?;
        let root = reader.roots().first().cloned();
        let mut blocks = HashMap::new();
        while let Some(frame) = reader.next_frame()? {
            check_limit("bytes of a diff", DIFF_BYTES_MAX, reader.offset())?;
            let block = frame.into_block()?;
            blocks.insert(block.cid().clone(), block);
            check_limit("blocks of a diff", DIFF_BLOCKS_MAX, blocks.len() as u64)?;
        }
        let root = root.ok_or_else(|| Problem::new(Code::NoRoot, "the header names no root"))?;
        let commit = blocks.get(&root).ok_or_else(|| {
            Problem::new(Code::MissingCommit, "the root's block is not there").cid(&root)
        })?;
        Ok(Self { commit: Commit::decode(commit)?, blocks })
    }
}

/// Refuses what is too large to be applied in one transaction: a full copy is the way then.
pub(super) fn check_limit(what: &'static str, limit: u64, got: u64) -> Result<()> {
    if got <= limit { Ok(()) } else { Err(Error::Limit { what, limit, got }) }
}

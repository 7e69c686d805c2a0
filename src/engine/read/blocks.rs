//! Finds blocks by their CIDs. Rows are in the order of their places, so this takes a walk.

use crate::block::{Block, Cid};
use crate::engine::options::BlockSearch;
use crate::engine::read::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::limits::{BLOCKS_ASKED_MAX, BLOCKS_FOUND_BYTES_MAX};
use crate::store::read::listing::Records;
use crate::store::read::nodes::NodeAt;
use crate::store::read::record::{commit_block, find};
use crate::store::rows::key::misplaced;
use crate::store::rows::parts::node;
use std::collections::HashSet;

/// Entries between two checks of the clock.
const ENTRIES_BETWEEN_LOOKS: u64 = 256;

/// The result of [`Snapshot::blocks`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlocksFound {
    /// The blocks that were found, rehashed, in streaming order.
    pub blocks: Vec<Block>,
    /// The CIDs that were not found.
    pub missing: HashSet<Cid>,
    /// Whether the search was complete. If false, missing blocks may exist beyond its limit.
    pub is_complete: bool,
}

impl Snapshot {
    /// Returns the blocks of the repository with these CIDs: commit, nodes and records. For
    /// `com.atproto.sync.getBlocks`.
    ///
    /// The store has no index of CIDs, because keeping one made imports take half as long again.
    /// This is one walk over the rows, some 300 ms for a million records and 1 ms for a few
    /// thousand, and it ends with the last block that it finds.
    /// [`Options::block_search`](crate::engine::Options::block_search) limits it.
    ///
    /// ```
    /// # use carrack::engine::{Engine, Op, WriteOptions};
    /// # use carrack::env::SystemRandom;
    /// # use carrack::ident::Did;
    /// # use carrack::key::{Curve, SigningKey};
    /// # let folder = tempfile::tempdir().map_err(|error| carrack::Error::Request(error.to_string()))?;
    /// # let engine = Engine::open(folder.path().join("store.redb"))?;
    /// # let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
    /// # let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let snapshot = engine.snapshot(&did)?;
    /// let wanted = [snapshot.commit().clone(), snapshot.data().clone()];
    /// let found = snapshot.blocks(&wanted)?;
    /// assert_eq!(found.blocks.len(), 2);
    /// assert!(found.is_complete && found.missing.is_empty());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Limit` for more than 1,000 CIDs, or if the blocks found exceed 16 MiB; `Request` if the
    /// options turn the search off; as [`Snapshot::record`].
    pub fn blocks(&self, cids: &[Cid]) -> Result<BlocksFound> {
        match self.block_search {
            BlockSearch::Walk { bytes } => self.blocks_within(cids, bytes),
            BlockSearch::Off => Err(Error::Request(
                "this engine does not search for blocks by CID; ask for records by path".to_owned(),
            )),
        }
    }

    /// The same with a limit of `walk_bytes` bytes of rows in place of the engine's option, for
    /// example for an authenticated client.
    ///
    /// # Errors
    /// As [`Snapshot::blocks`], except `Request`.
    pub fn blocks_within(&self, cids: &[Cid], walk_bytes: u64) -> Result<BlocksFound> {
        within("CIDs asked for", cids.len(), BLOCKS_ASKED_MAX)?;
        let mut search = Search {
            found: BlocksFound {
                blocks: Vec::new(),
                missing: cids.iter().cloned().collect(),
                is_complete: false,
            },
            bytes: 0,
        };
        let rows = self.view.rows()?;
        let mut walk: Records<'_, _, Cid> =
            Records::with_nodes(rows, self.view.nodes(), &self.head);
        if search.found.missing.remove(&self.head.commit) {
            search.add(commit_block(rows, &self.head)?)?;
        }
        let mut entries = 0;
        while !search.found.missing.is_empty() {
            if walk.bytes() >= walk_bytes {
                return Ok(search.found);
            }
            let Some(entry) = walk.next().transpose()? else { break };
            for at in walk.take_met() {
                self.look_at_node(&at, &mut search)?;
            }
            let (path, cid) = entry;
            if search.found.missing.remove(&cid) {
                let record = find(rows, self.view.nodes(), &self.head, path.as_bytes())?;
                let record = record.ok_or_else(|| Error::Corrupt(format!("{path} was listed")))?;
                search.add(record.block()?)?;
            }
            entries += 1;
            if entries % ENTRIES_BETWEEN_LOOKS == 0 {
                self.check_age()?;
            }
        }
        // No record follows the root of an empty tree.
        for at in walk.take_met() {
            self.look_at_node(&at, &mut search)?;
        }
        search.found.is_complete = true;
        Ok(search.found)
    }

    fn look_at_node(&self, at: &NodeAt, search: &mut Search) -> Result<()> {
        if !search.found.missing.remove(&at.cid) {
            return Ok(());
        }
        let node = node(self.view.rows()?, self.head.tree, &at.left, at.height)?;
        let block = node.map(|node| node.block()).transpose()?;
        let block = block.filter(|block| *block.cid() == at.cid);
        search.add(block.ok_or_else(|| misplaced(&at.cid, &at.place()))?)
    }
}

struct Search {
    found: BlocksFound,
    bytes: usize,
}

impl Search {
    fn add(&mut self, block: Block) -> Result<()> {
        self.bytes += block.bytes().len();
        within("bytes of blocks asked for", self.bytes, BLOCKS_FOUND_BYTES_MAX)?;
        self.found.blocks.push(block);
        Ok(())
    }
}

fn within(what: &'static str, got: usize, limit: usize) -> Result<()> {
    if got <= limit {
        return Ok(());
    }
    Err(Error::Limit { what, limit: limit as u64, got: got as u64 })
}

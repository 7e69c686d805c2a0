//! Finds blocks in the bytes of the storage, whatever the database says of them: where a page leads to
//! no or to another table, its blocks are in the file all the same, and their hashes prove them.

use crate::block::{Block, Cid, Codec};
use crate::car::varint;
use crate::error::{Error, Result};
use crate::limits::SECTION_BYTES_MAX;
use crate::store::storage::{Attached, SharedStorage};
use memchr::memmem::Finder;
use redb::StorageBackend;
use std::sync::Arc;

/// How the CID of every commit, node and record begins.
const CID_START: &[u8] = b"\x01\x71\x12\x20";
const CID_BYTES: usize = 36;
/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Where such a read fails, this many are read at a time.
const PAGE_BYTES: usize = 4096;
/// The longest length before a CID.
const LENGTH_BYTES_MAX: usize = 5;
/// Sections that are noted; 16 bytes each. Behind them nothing is found.
const PLACES_MAX: usize = 8 << 20;
/// Sections with one CID that are looked at: old copies, and copies in the event log.
const TRIES_MAX: usize = 32;

/// Where the storage has sections, by the first bytes of their digests.
pub(super) struct StoredSections {
    storage: Attached,
    places: Vec<(u64, u64)>,
}

impl StoredSections {
    /// Reads the whole storage once.
    pub(super) fn scan(storage: &Arc<SharedStorage>) -> Result<Self> {
        let storage = storage.attach();
        let length = storage.len().map_err(|error| Error::io("looking at the store", error))?;
        let mut sections = Self { storage, places: Vec::new() };
        let (mut chunk, mut offset) = (vec![0; CHUNK_BYTES], 0);
        while offset < length && sections.places.len() < PLACES_MAX {
            let size = usize::try_from(length - offset).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            let Some(bytes) = chunk.get_mut(..size) else { break };
            sections.read(offset, bytes);
            sections.note(offset, bytes);
            // A CID at the end of the chunk is whole in the next one, with the byte before it.
            let step = size.saturating_sub(CID_BYTES).max(1);
            offset += if size < CHUNK_BYTES { size } else { step } as u64;
        }
        sections.places.sort_unstable();
        sections.places.dedup();
        Ok(sections)
    }

    /// The block with this CID.
    pub(super) fn block(&self, cid: &Cid) -> Option<Block> {
        let (Codec::DagCbor, digest) = cid.blessed()? else { return None };
        let name = name_of(digest)?;
        let first = self.places.partition_point(|(other, _)| *other < name);
        let places = self.places.get(first..).unwrap_or_default();
        let same = places.iter().take_while(|(other, _)| *other == name).take(TRIES_MAX);
        same.into_iter().find_map(|(_, place)| self.block_at(*place, cid))
    }

    /// Reads what can be read; the rest is 0.
    fn read(&self, offset: u64, out: &mut [u8]) {
        if self.storage.read(offset, out).is_ok() {
            return;
        }
        for (page, number) in out.chunks_mut(PAGE_BYTES).zip(0_u64..) {
            if self.storage.read(offset + number * PAGE_BYTES as u64, page).is_err() {
                page.fill(0);
            }
        }
    }

    fn note(&mut self, offset: u64, bytes: &[u8]) {
        for at in Finder::new(CID_START).find_iter(bytes) {
            // Within a block a CID stands behind a zero; before a section's stands its length.
            let is_link = at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&0);
            let digest = bytes.get(at + CID_START.len()..at + CID_BYTES);
            if let Some(name) = digest.and_then(name_of).filter(|_| !is_link) {
                self.places.push((name, offset + at as u64));
            }
        }
    }

    fn block_at(&self, place: u64, cid: &Cid) -> Option<Block> {
        let start = place.checked_sub(LENGTH_BYTES_MAX as u64)?;
        let mut before = [0; LENGTH_BYTES_MAX];
        self.storage.read(start, &mut before).ok()?;
        (0..LENGTH_BYTES_MAX).rev().find_map(|at| {
            let length = before.get(at..)?;
            let (content, size) = varint::read(length).ok()?;
            let content = usize::try_from(content).ok().filter(|_| size == length.len())?;
            let block = content.checked_sub(CID_BYTES).filter(|_| content <= SECTION_BYTES_MAX)?;
            let mut bytes = vec![0; block];
            self.storage.read(place + CID_BYTES as u64, &mut bytes).ok()?;
            Block::check(cid.clone(), bytes).ok()
        })
    }
}

fn name_of(digest: &[u8]) -> Option<u64> {
    digest.first_chunk::<8>().map(|name| u64::from_be_bytes(*name))
}

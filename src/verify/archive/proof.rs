//! Writes proofs from a file.

use crate::block::Block;
use crate::car::Writer;
use crate::error::Result;
use crate::ident::{Nsid, RepoPath};
use crate::problem::{Code, Problem};
use crate::tree::{Key, KeyRange, NodeWant, Walk, Want};
use crate::verify::archive::archive::{Archive, PathNodes};
use std::io::Write;

impl Archive {
    /// Writes a CAR that proves which record is at `path`, or that there is none: the commit, the
    /// nodes on the way, the record. Returns whether there is a record. It has the bytes of
    /// [`Snapshot::proof`](crate::engine::Snapshot::proof) of the same repository;
    /// [`verify_proof`](crate::verify::verify_proof) checks it.
    ///
    /// ```
    /// # use carrack::key::{Curve, SigningKey};
    /// # use carrack::verify::{Archive, Input};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// # let mut car = Vec::new();
    /// # engine.export(&did, &mut car)?;
    /// let archive = Archive::open(&Input::from(car))?;
    /// let mut proof = Vec::new();
    /// assert!(!archive.proof(&"com.example.note/1".parse()?, &mut proof)?);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Archive::record`]; nothing is written then. `Io` if `output` fails.
    pub fn proof(&self, path: &RepoPath, output: impl Write) -> Result<bool> {
        let key = Key::from(path.as_bytes());
        let (found, nodes) =
            self.tree().proof(&key, &mut PathNodes { archive: self, path: &key })?;
        let record = found.map(|cid| self.record_block(&key, &cid)).transpose()?;
        write_proof(output, self.commit().block(), &nodes, record.as_ref())?;
        Ok(record.is_some())
    }

    /// Writes a CAR that proves all records of a collection: the commit, then in streaming order
    /// every node that may hold a key of the collection, and its records. Returns the number of
    /// records; 0 proves that there are none. It has the bytes of
    /// [`Snapshot::prove_collection`](crate::engine::Snapshot::prove_collection) of the same
    /// repository; [`verify_collection`](crate::verify::verify_collection) checks it.
    ///
    /// ```
    /// # use carrack::key::{Curve, SigningKey};
    /// # use carrack::verify::{Archive, Input};
    /// # let engine = carrack::Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// # let mut car = Vec::new();
    /// # engine.export(&did, &mut car)?;
    /// let archive = Archive::open(&Input::from(car))?;
    /// let mut proof = Vec::new();
    /// assert_eq!(archive.prove_collection(&"com.example.note".parse()?, &mut proof)?, 0);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Archive::record`]; `TooLarge` if the tree names blocks so often that the proof would be
    /// several times as long as the file; `Io` if `output` fails. The CAR is incomplete then.
    pub fn prove_collection(&self, collection: &Nsid, output: impl Write) -> Result<u64> {
        let range = KeyRange::of_collection(collection);
        let mut car = Writer::new(output, std::slice::from_ref(self.commit().cid()))?;
        car.write(self.commit().cid(), self.commit().block().bytes())?;
        let mut walk = Walk::new(self.commit().data().clone());
        let (mut records, mut readable) = (0, self.readable_bytes());
        loop {
            let block = match walk.next() {
                Want::Node(want) if range.overlaps(&want.left, want.end.as_ref()) => {
                    self.enter(&mut walk, &want)?
                }
                Want::Record(want) if range.contains(&want.key) => {
                    records += 1;
                    self.record_block(&want.key, &want.cid)?
                }
                Want::Node(_) | Want::Record(_) | Want::Leave { .. } => continue,
                Want::End => break,
            };
            let left = readable.checked_sub(block.bytes().len() as u64);
            readable = left.ok_or_else(|| repeated_too_often(&block))?;
            car.write(block.cid(), block.bytes())?;
        }
        car.finish()?;
        Ok(records)
    }

    fn enter(&self, walk: &mut Walk, want: &NodeWant) -> Result<Block> {
        let block = self.block(&want.cid, || {
            let message = "a node that may hold keys of the collection is not in the file";
            Problem::new(Code::NotProven, message).path(&want.left)
        })?;
        match walk.enter(&block).into_iter().next() {
            Some(problem) => Err(problem.into()),
            None => Ok(block),
        }
    }
}

fn repeated_too_often(block: &Block) -> Problem {
    let message = "the tree names blocks again and again: more than several times the whole input";
    Problem::new(Code::TooLarge, message).cid(block.cid())
}

/// Writes the proof of a path: the commit, the nodes on the way, and the record if there is one.
pub(crate) fn write_proof(
    output: impl Write,
    commit: &Block,
    nodes: &[Block],
    record: Option<&Block>,
) -> Result<()> {
    let mut car = Writer::new(output, std::slice::from_ref(commit.cid()))?;
    for block in [commit].into_iter().chain(nodes).chain(record) {
        car.write(block.cid(), block.bytes())?;
    }
    car.finish()?;
    Ok(())
}

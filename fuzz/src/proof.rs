//! No arrangement of blocks proves a lie: under the account's key, a proof without a problem says
//! of a path what the account's repository says, and of a collection too. The same holds for what
//! is read of single paths, and for differences.
//!
//! The input is the number of a path (two bytes), and a CAR.

use crate::{mend, sample};
use carrack::block::{Block, Cid};
use carrack::ident::{Nsid, RepoPath};
use carrack::tree::{Node, NodeWant, TreeReader, changes};
use carrack::verify::{
    Archive, Discard, ExpectedHead, Input, ListingDigest, verify_collection, verify_proof,
};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Records of the repository; the paths from there up to twice as many are absent.
pub const RECORDS: u32 = 48;

/// A few changed inputs get right hashes again; then the commit's signature should give them away.
pub fn mutate(data: &mut [u8], size: usize, seed: u32) -> usize {
    if seed.is_multiple_of(4) && size > 2 {
        mend::rehash(&mut data[..size], 2..size);
    }
    size
}

pub fn check(data: &[u8]) {
    let Some((number, car)) = data.split_first_chunk::<2>() else { return };
    let path = sample::path(u32::from(u16::from_le_bytes(*number)) % (2 * RECORDS));
    let clock = sample::clock();
    let input = Input::from(car.to_vec());
    let anyone = verify_proof(&input, &path, &ExpectedHead::unchecked(), &clock).unwrap();
    assert_eq!(anyone.cid.is_some(), anyone.present == Some(true));
    let expect = ExpectedHead::signed_by([sample::key().verifying_key()]).did(sample::did());
    let proof = verify_proof(&input, &path, &expect, &clock).unwrap();
    if proof.report.is_valid() {
        assert!(anyone.report.is_valid());
        assert!(proof.present.is_some(), "neither proven nor a problem");
        assert_eq!(proof.cid.as_ref(), truth().get(&path));
    }
    of_its_collection(car, &path, &expect);
    of_its_archive(&input, &path, &expect);
}

/// An archive under the account's head answers like the repository, or not at all.
fn of_its_archive(input: &Input, path: &RepoPath, expect: &ExpectedHead) {
    let clock = sample::clock();
    let Ok(archive) = Archive::open(input) else { return };
    let head = archive.check_head(expect, &clock);
    let found = archive.record(path).map(|block| block.map(|block| block.cid().clone()));
    let mut proof = Vec::new();
    let proven = archive.proof(path, &mut proof);
    assert_eq!(found.is_ok(), proven.is_ok());
    let all: Result<Vec<_>, _> = changes(&Nothing::new(), &archive).collect();
    if head.is_err() {
        return;
    }
    if let (Ok(found), Ok(present)) = (&found, proven) {
        assert_eq!(found.as_ref(), truth().get(path));
        assert_eq!(present, found.is_some());
        let again = verify_proof(&Input::from(proof), path, expect, &clock).unwrap();
        assert_eq!((again.present, &again.cid), (Some(present), found));
    }
    if let Ok(all) = all {
        let held = truth().iter().map(|(path, cid)| (path.as_bytes(), Some(cid)));
        assert!(all.iter().map(|change| (change.key.as_bytes(), change.new.as_ref())).eq(held));
    }
}

/// The empty tree.
struct Nothing(Block);

impl Nothing {
    fn new() -> Self {
        Self(Block::dag_cbor(Node::default().encode()))
    }
}

impl TreeReader for Nothing {
    fn root(&self) -> &Cid {
        self.0.cid()
    }

    fn node(&self, _: &NodeWant) -> carrack::Result<Block> {
        Ok(self.0.clone())
    }
}

fn of_its_collection(car: &[u8], path: &RepoPath, expect: &ExpectedHead) {
    let collection: Nsid = path.collection().parse().unwrap();
    let input = Input::spill(car, "fuzz").unwrap();
    let clock = sample::clock();
    let proof = verify_collection(&input, &collection, expect, &clock, &mut Discard).unwrap();
    assert_eq!(proof.records.is_some(), proof.complete.is_some());
    assert_eq!(proof.listing_sha256.is_some(), proof.complete.is_some());
    if proof.is_valid() {
        assert_eq!(proof.complete, Some(true));
    }
    if proof.complete.is_some() {
        let mut listing = ListingDigest::default();
        let held = truth().iter().filter(|(path, _)| path.collection() == collection.as_str());
        for (path, cid) in held.clone() {
            listing.push(path.as_bytes(), cid).unwrap();
        }
        assert_eq!(proof.records, Some(held.count() as u64));
        assert_eq!(proof.listing_sha256, Some(listing.finish()));
    }
}

/// What the repository holds.
fn truth() -> &'static BTreeMap<RepoPath, Cid> {
    static TRUTH: OnceLock<BTreeMap<RepoPath, Cid>> = OnceLock::new();
    TRUTH.get_or_init(|| {
        let record = |n| Block::dag_cbor(sample::record(n, 0)).cid().clone();
        (0..RECORDS).map(|n| (sample::path(n), record(n))).collect()
    })
}

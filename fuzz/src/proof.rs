//! No arrangement of blocks proves a lie: under the account's key, a proof without a problem says
//! of a path what the account's repository says.
//!
//! The input is the number of a path (two bytes), and a CAR.

use crate::{mend, sample};
use carrack::block::{Block, Cid};
use carrack::ident::RepoPath;
use carrack::verify::{Expect, verify_proof};
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
    let anyone = verify_proof(car, &path, &Expect::default(), &clock).unwrap();
    assert_eq!(anyone.cid.is_some(), anyone.present == Some(true));
    let expect = Expect { did: Some(sample::did()), keys: vec![sample::key().verifying_key()] };
    let proof = verify_proof(car, &path, &expect, &clock).unwrap();
    if proof.report.is_valid() {
        assert!(anyone.report.is_valid());
        assert!(proof.present.is_some(), "neither proven nor a problem");
        assert_eq!(proof.cid.as_ref(), truth().get(&path));
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

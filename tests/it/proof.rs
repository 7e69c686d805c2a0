//! A proof says what is at a path, or that nothing is; less than a proof says nothing.
//!
//! Holds guarantee G9.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::{Rng, clock, did, did_of, engine_with_account, key, record, write};
use carrack::block::{Block, Cid};
use carrack::car::{Reader, Writer};
use carrack::engine::Op;
use carrack::ident::RepoPath;
use carrack::key::{Curve, SigningKey};
use carrack::tree::layer;
use carrack::verify::{ExpectedHead, ProofReport, verify_proof};
use carrack::{Code, Engine};

/// An account whose records are a random choice of all mined paths.
fn random_account(seed: u64) -> Engine {
    let engine = engine_with_account();
    let mut rng = Rng::new(seed);
    let share = 1 + rng.below(9);
    let chosen: Vec<_> = MINED.iter().flatten().filter(|_| rng.below(10) < share).collect();
    for batch in chosen.chunks(200) {
        let ops = batch.iter().map(|path| {
            Op::create((*path).clone(), record(20 + layer(path.as_bytes()) as usize, seed))
        });
        write(&engine, ops.collect()).unwrap();
    }
    engine
}

fn proof(engine: &Engine, path: &RepoPath) -> (bool, Vec<u8>) {
    let mut car = Vec::new();
    let present = engine.snapshot(&did()).unwrap().proof(path, &mut car).unwrap();
    (present, car)
}

fn expect() -> ExpectedHead {
    ExpectedHead::signed_by([key().verifying_key()]).did(did())
}

fn look(car: &[u8], path: &RepoPath, expect: &ExpectedHead) -> ProofReport {
    verify_proof(car, path, expect, &*clock()).unwrap()
}

fn parts(car: &[u8]) -> (Vec<Cid>, Vec<(Cid, Vec<u8>)>) {
    let mut reader = Reader::new(car).unwrap();
    let roots = reader.roots().to_vec();
    let mut blocks = Vec::new();
    while let Some(frame) = reader.next_section().unwrap() {
        blocks.push((frame.cid.clone(), frame.bytes().to_vec()));
    }
    (roots, blocks)
}

fn joined(roots: &[Cid], blocks: &[(Cid, Vec<u8>)]) -> Vec<u8> {
    let mut car = Writer::new(Vec::new(), roots).unwrap();
    for (cid, bytes) in blocks {
        car.write(cid, bytes).unwrap();
    }
    car.finish().unwrap()
}

fn codes(report: &ProofReport) -> Vec<Code> {
    report.report.problems.listed().iter().map(|problem| problem.code).collect()
}

#[test]
fn proofs_of_every_path_of_random_trees() {
    for seed in 0..12 {
        let engine = random_account(seed);
        let snapshot = engine.snapshot(&did()).unwrap();
        for path in MINED.iter().flatten().step_by(if seed == 0 { 1 } else { 5 }) {
            let held = snapshot.record(path).unwrap();
            let (present, car) = proof(&engine, path);
            let report = look(&car, path, &expect());
            assert!(report.report.is_valid(), "{path}: {:?}", codes(&report));
            assert_eq!((present, report.present), (held.is_some(), Some(held.is_some())));
            assert_eq!(report.cid, held.map(|record| record.block.cid().clone()));
            assert_eq!(report.report.commit.as_ref(), Some(snapshot.commit()));
        }
    }
}

#[test]
fn an_empty_account_proves_absence() {
    let engine = engine_with_account();
    let (present, car) = proof(&engine, &MINED[0][0]);
    let report = look(&car, &MINED[0][0], &expect());
    assert_eq!((present, report.present), (false, Some(false)));
    assert!(report.report.is_valid());
}

/// Every block is left out in turn: what is left proves nothing, and never the opposite.
#[test]
fn a_gap_is_not_an_absence() {
    for seed in 0..12 {
        let engine = random_account(seed);
        for path in MINED.iter().flatten().step_by(7) {
            let (present, car) = proof(&engine, path);
            let (roots, blocks) = parts(&car);
            let last = blocks.len() - 1;
            for dropped in 0..blocks.len() {
                let mut left = blocks.clone();
                left.remove(dropped);
                let report = look(&joined(&roots, &left), path, &expect());
                assert!(!report.report.is_valid(), "{path} without block {dropped}");
                let (code, answer) = match dropped {
                    0 => (Code::MissingCommit, None),
                    _ if present && dropped == last => (Code::MissingRecord, Some(true)),
                    _ => (Code::NotProven, None),
                };
                assert_eq!(codes(&report), [code], "{path} without block {dropped}");
                assert_eq!(report.present, answer);
            }
        }
    }
}

/// Every byte of every block is changed, under its old CID: the block counts as missing.
#[test]
fn an_altered_block_is_no_proof() {
    let engine = random_account(3);
    let path = MINED.iter().flatten().find(|path| proof(&engine, path).0).unwrap();
    let (roots, blocks) = parts(&proof(&engine, path).1);
    for index in 0..blocks.len() {
        for at in 0..blocks[index].1.len() {
            let mut altered = blocks.clone();
            altered[index].1[at] ^= 0x40;
            let report = look(&joined(&roots, &altered), path, &expect());
            assert!(codes(&report).contains(&Code::HashMismatch), "block {index}, byte {at}");
            assert_ne!(report.present, Some(false), "a flipped answer");
        }
    }
}

/// A record of the attacker's, hashed right, does not fit the node that names the true one.
#[test]
fn another_record_in_its_place() {
    let engine = random_account(4);
    let path = MINED.iter().flatten().find(|path| proof(&engine, path).0).unwrap();
    let (roots, mut blocks) = parts(&proof(&engine, path).1);
    let forged = Block::dag_cbor(record(33, 4321));
    *blocks.last_mut().unwrap() = (forged.cid().clone(), forged.bytes().to_vec());
    let report = look(&joined(&roots, &blocks), path, &expect());
    assert_eq!(codes(&report), [Code::MissingRecord]);
    assert_ne!(report.cid.as_ref(), Some(forged.cid()));
}

/// A proof of one path is one of its neighbours' only as far as it shows them.
#[test]
fn the_proof_of_another_path() {
    let engine = random_account(5);
    let snapshot = engine.snapshot(&did()).unwrap();
    let all: Vec<_> = MINED.iter().flatten().collect();
    let mut unproven = 0;
    for (asked, shown) in all.iter().zip(all.iter().cycle().skip(50)) {
        let report = look(&proof(&engine, shown).1, asked, &expect());
        let held = snapshot.record(asked).unwrap().is_some();
        match report.present {
            None => {
                assert_eq!(codes(&report), [Code::NotProven]);
                unproven += 1;
            }
            Some(present) => assert_eq!(present, held, "{asked} in the proof of {shown}"),
        }
    }
    assert!(unproven > 20, "{unproven}");
}

#[test]
fn the_wrong_signer_or_account() {
    let engine = random_account(6);
    let (_, car) = proof(&engine, &MINED[0][0]);
    let stranger = SigningKey::from_bytes(Curve::P256, &[3; 32]).unwrap().verifying_key();
    let wrong_key = ExpectedHead::signed_by([stranger]);
    let found = look(&car, &MINED[0][0], &wrong_key);
    assert_eq!(codes(&found), [Code::BadSignature]);
    assert_eq!((found.present, found.cid), (None, None), "nothing is proven under a wrong head");
    let wrong_did = expect().did(did_of(9));
    assert_eq!(codes(&look(&car, &MINED[0][0], &wrong_did)), [Code::DidMismatch]);
}

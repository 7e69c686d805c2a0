//! Any flipped byte of an archive, and any cut, is noticed: the verifier names a problem, an import
//! is refused and leaves no account.
//!
//! Holds guarantee G3.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::{NOW, clock, did, engine, handmade, record};
use carrack::engine::ImportOptions;
use carrack::ident::Rev;
use carrack::key::{Curve, SigningKey};
use carrack::verify::{Discard, ExpectedHead, Input, Report, verify};
use carrack::{Engine, Error, Progress};

/// Twelve records over the layers 0 to 3.
fn archive(key: &SigningKey) -> Vec<u8> {
    let paths = MINED[0][..6].iter().chain(&MINED[1][..3]).chain(&MINED[2][..2]);
    let paths = paths.chain(&MINED[3][..1]);
    let records = paths.zip(0_u64..).map(|(path, n)| (path.to_string(), record(4 + n as usize, n)));
    let rev = Rev::from_micros(NOW, 1).unwrap();
    handmade::repository(&records.collect(), &did(), rev, key)
}

struct Check {
    engine: Engine,
    options: ImportOptions,
}

impl Check {
    fn new(key: &SigningKey) -> Self {
        let expect = ExpectedHead::signed_by([key.verifying_key()]).did(did());
        Self { engine: engine(), options: ImportOptions::default().head(expect) }
    }

    fn verify(&self, car: &[u8]) -> Report {
        let input = Input::spill(car, "flipped").unwrap();
        verify(&input, &self.options.head, &*clock(), &mut Discard).unwrap()
    }

    #[track_caller]
    fn refused_by_the_verifier(&self, car: &[u8], what: &str) {
        let report = self.verify(car);
        assert!(!report.problems.is_empty(), "{what}: valid");
    }

    #[track_caller]
    fn refused_by_the_engine(&self, car: &[u8], what: &str) {
        let input = Input::spill(car, "flipped").unwrap();
        match self.engine.import(&input, &self.options) {
            Err(Error::Refused(problems)) => assert!(!problems.is_empty(), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

fn every_flip_and_cut(curve: Curve) {
    let key = SigningKey::from_bytes(curve, &[5; 32]).unwrap();
    let car = archive(&key);
    let check = Check::new(&key);
    assert!(check.verify(&car).is_valid());
    let mut flipped = car.clone();
    for offset in 0..car.len() {
        for mask in [0x01, 0x80, 0xff] {
            flipped[offset] ^= mask;
            let what = format!("byte {offset} of {} xor {mask:02x}", car.len());
            check.refused_by_the_verifier(&flipped, &what);
            if mask == 0xff {
                check.refused_by_the_engine(&flipped, &what);
            }
            flipped[offset] ^= mask;
        }
        let what = format!("cut at {offset} of {}", car.len());
        check.refused_by_the_verifier(&car[..offset], &what);
        check.refused_by_the_engine(&car[..offset], &what);
    }
    assert!(check.engine.accounts().unwrap().is_empty());
    assert_eq!(check.engine.scrub(Progress::none()).unwrap().rows, 0);
    // What was refused so often is taken once it is whole.
    check.engine.import(&Input::spill(&car[..], "whole").unwrap(), &check.options).unwrap();
}

#[test]
fn on_k256() {
    every_flip_and_cut(Curve::K256);
}

#[test]
fn on_p256() {
    every_flip_and_cut(Curve::P256);
}

/// Bytes behind the end are no part of the repository, and noticed where they are no section.
#[test]
fn a_tail_that_is_no_section() {
    let key = SigningKey::from_bytes(Curve::K256, &[5; 32]).unwrap();
    let car = archive(&key);
    let check = Check::new(&key);
    for tail in [&b"\x00"[..], b"\xff", b"\x80\x80", b"\x05abc", b"\x05abcde", &[0xff; 20]] {
        let longer = [&car[..], tail].concat();
        check.refused_by_the_verifier(&longer, &format!("{tail:02x?}"));
        check.refused_by_the_engine(&longer, &format!("{tail:02x?}"));
    }
}

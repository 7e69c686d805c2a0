//! A real export goes in, is read, written to, exported and scrubbed.
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::material::fixtures;
use crate::common::{create_op, update_op};
use carrack::Progress;
use carrack::engine::{Engine, ImportOptions, List, Op, WriteOptions};
use carrack::env::SystemClock;
use carrack::ident::Did;
use carrack::key::{Curve, SigningKey};
use carrack::verify::{ExpectedHead, Input, ListingDigest, verify};

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn smoke() {
    let engine = Engine::in_memory().unwrap();
    let input = Input::open(fixtures().join("pegasus/sample.car")).unwrap();
    let key = "did:key:zQ3shQo6TF2moaqMTrUZEM1jeuYRQXeHEx4evX9751y2qPqRA".parse().unwrap();
    let options = ImportOptions::default().head(ExpectedHead::signed_by([key]));
    let imported = engine.import(&input, &options).unwrap();
    assert_eq!(imported.records, 4224);
    let did: Did = "did:plc:z72i7hdynmk6r22z27h6tvur".parse().unwrap();
    let report = engine.scrub(Progress::none()).unwrap();
    assert!(report.is_valid(), "{:?}", report.problems.listed());
    let snapshot = engine.snapshot(&did).unwrap();
    let mut digest = ListingDigest::default();
    for entry in snapshot.entries(&List::default()).unwrap() {
        let (path, cid) = entry.unwrap();
        digest.push(path.as_bytes(), &cid).unwrap();
    }
    let listing = digest.finish();
    assert_eq!(listing, "e00ba81c0aac677ec343c169f2588afa64a206e90cc4a1a87b7b838f353cfa2a");
    let mut car = Vec::new();
    engine.export(&did, &mut car).unwrap();
    let mut digest = ListingDigest::default();
    let again = Input::spill(&car[..], "export").unwrap();
    let report = verify(&again, &options.head, &SystemClock, &mut digest).unwrap();
    assert!(report.is_valid(), "{:?}", report.problems.listed());
    assert_eq!(digest.finish(), listing);
    let signer = SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap();
    let paths: Vec<_> = snapshot.list(&List::default()).unwrap().map(|r| r.unwrap().path).collect();
    for (n, path) in paths.iter().enumerate().step_by(7) {
        let op = match n % 3 {
            0 => Op::delete(path.clone()),
            1 => create_op(format!("{path}x").parse().unwrap(), vec![0xa0]),
            _ => update_op(path.clone(), vec![0xa1, 0x61, 0x61, (n % 24) as u8]),
        };
        // The first is a change of keys.
        let options = WriteOptions::default().rekey(n == 0);
        engine.write(&did, vec![op], &options, &signer).unwrap();
        if n % 70 == 0 {
            let report = engine.scrub(Progress::none()).unwrap();
            assert!(report.is_valid(), "{n}: {:?}", report.problems.listed());
        }
    }
    let report = engine.scrub(Progress::none()).unwrap();
    assert!(report.is_valid(), "{:?}", report.problems.listed());
}

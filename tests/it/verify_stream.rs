//! A stream that is verified as it comes is exactly one repository in streaming order: nothing is
//! missing, out of its place, or behind its end. Holds guarantee G3.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::handmade::{blocks, car};
use crate::common::mined::MINED;
use crate::common::{NOW, assert_clean, did, export, key, record, with_key};
use carrack::block::Block;
use carrack::engine::Engine;
use carrack::ident::Rev;
use carrack::parts::sources::StreamSource;
use carrack::{Code, Progress};

fn whole() -> Vec<Block> {
    let paths = MINED[0][..20].iter().chain(&MINED[1][..6]).chain(&MINED[2][..2]);
    let records = paths.zip(0..).map(|(path, number)| (path.to_string(), record(150, number)));
    blocks(&records.collect(), &did(), Rev::from_micros(NOW, 1).unwrap(), &key())
}

/// Takes a stream in, as a move does.
fn take(engine: &Engine, stream: &[u8]) -> carrack::Result<()> {
    let mut supply = StreamSource::new(stream)?;
    carrack::parts::sources::import(engine, &mut supply, &with_key()).map(drop)
}

/// It is refused with this problem, and leaves nothing.
#[track_caller]
fn assert_refused(stream: &[u8], code: Code, what: &str) {
    let engine = crate::common::engine();
    let Err(error) = take(&engine, stream) else { panic!("{what}: taken") };
    assert!(error.problems().iter().any(|problem| problem.code == code), "{what}: {error:?}");
    assert!(engine.status(&did()).is_err(), "{what}: an account");
    assert_eq!(engine.scrub(Progress::none()).unwrap().rows, 0, "{what}: rows");
}

#[test]
fn the_whole_of_it_is_taken() {
    let stream = car(&whole());
    let engine = crate::common::engine();
    take(&engine, &stream).unwrap();
    assert_eq!(export(&engine, &did()), stream);
    assert_clean(&engine);
}

#[test]
fn nothing_may_follow_its_end() {
    let whole = whole();
    let with = |block: &Block| car(&[&whole[..], std::slice::from_ref(block)].concat());
    assert_refused(&with(&Block::dag_cbor(record(50, 99))), Code::BadSection, "a stranger");
    assert_refused(&with(&whole[5]), Code::BadSection, "a block again");
    assert_refused(&with(&whole[0]), Code::BadSection, "the commit again");
    let stream = car(&whole);
    assert_refused(&[&stream[..], &[0]].concat(), Code::BadSection, "a section of no bytes");
    assert_refused(&[&stream[..], &[9]].concat(), Code::Truncated, "a byte");
    assert_refused(&[&stream[..], &stream[..]].concat(), Code::UnsupportedCid, "another stream");
}

#[test]
fn no_block_is_missing_or_out_of_its_place() {
    let whole = whole();
    for place in 1..whole.len() {
        let mut less = whole.clone();
        less.remove(place);
        let code = if place + 1 < whole.len() { Code::BadSection } else { Code::MissingRecord };
        assert_refused(&car(&less), code, &format!("without block {place}"));
        if place + 1 < whole.len() {
            let mut other = whole.clone();
            other.swap(place, place + 1);
            assert_refused(&car(&other), Code::BadSection, &format!("{place} and the next"));
        }
    }
}

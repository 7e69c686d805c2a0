//! Single paths of a file are read and proved as from a store; what a file lacks is an error and
//! never an absence. Holds guarantee G9.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::mined::{COLLECTIONS, MINED};
use crate::common::{
    Rng, car_input, clock, create_op, did, did_of, engine_with_account, export, handmade, key,
    record, shuffle, write,
};
use carrack::block::{Block, Cid, Codec};
use carrack::car::{Reader, Writer};
use carrack::ident::{Nsid, RepoPath, Rev};
use carrack::key::{Curve, SignatureStatus, SigningKey};
use carrack::verify::{Archive, Discard, ExpectedHead, verify, verify_collection, verify_proof};
use carrack::{Code, Engine, Error};

/// An account with every third of the mined paths; one record is longer than a chunk of reading.
fn account() -> Engine {
    let engine = engine_with_account();
    let paths = MINED.iter().flatten().step_by(3).zip(0_u64..);
    let length = |number| if number == 9 { 300_000 } else { 20 + 400 * (number % 7) };
    let ops = paths.map(|(path, number)| {
        create_op(path.clone(), record(usize::try_from(length(number)).unwrap(), number))
    });
    for some in ops.collect::<Vec<_>>().chunks(100) {
        write(&engine, some.to_vec()).unwrap();
    }
    engine
}

fn open(car: &[u8]) -> Archive {
    Archive::open(&car_input(car)).unwrap()
}

fn sections(car: &[u8]) -> (Vec<Cid>, Vec<(Cid, Vec<u8>)>) {
    let mut reader = Reader::new(car).unwrap();
    let roots = reader.roots().to_vec();
    let mut sections = Vec::new();
    while let Some(section) = reader.next_section().unwrap() {
        sections.push((section.cid.clone(), section.bytes().to_vec()));
    }
    (roots, sections)
}

fn joined(roots: &[Cid], sections: &[(Cid, Vec<u8>)]) -> Vec<u8> {
    let mut car = Writer::new(Vec::new(), roots).unwrap();
    for (cid, bytes) in sections {
        car.write(cid, bytes).unwrap();
    }
    car.finish().unwrap()
}

fn codes(error: &Error) -> Vec<Code> {
    error.problems().iter().map(|problem| problem.code).collect()
}

#[test]
fn every_path_is_read_and_proved_as_from_the_store() {
    let engine = account();
    let snapshot = engine.snapshot(&did()).unwrap();
    let car = export(&engine, &did());
    for archive in [open(&car), open(&shuffle(&car, 1)), open(&shuffle(&car, 2))] {
        assert_eq!(archive.commit().cid(), snapshot.commit());
        for path in MINED.iter().flatten() {
            let held = snapshot.record(path).unwrap().map(|record| record.block);
            assert_eq!(archive.record(path).unwrap(), held);
            let (mut from_file, mut from_store) = (Vec::new(), Vec::new());
            let present = archive.proof(path, &mut from_file).unwrap();
            assert_eq!(present, snapshot.proof(path, &mut from_store).unwrap());
            assert_eq!((present, &from_file), (held.is_some(), &from_store));
        }
        for collection in COLLECTIONS.iter().chain(&["com.example.none"]) {
            let collection: Nsid = collection.parse().unwrap();
            let (mut from_file, mut from_store) = (Vec::new(), Vec::new());
            let records = archive.prove_collection(&collection, &mut from_file).unwrap();
            assert_eq!(records, snapshot.prove_collection(&collection, &mut from_store).unwrap());
            assert_eq!(from_file, from_store);
        }
    }
}

/// A proof is an archive too: it answers for its path, and for no path whose way it lacks.
#[test]
fn a_proof_is_read_as_far_as_it_goes() {
    let engine = account();
    let archive = open(&export(&engine, &did()));
    let path = &MINED[0][0];
    let mut proof = Vec::new();
    assert!(archive.proof(path, &mut proof).unwrap());
    let part = open(&proof);
    assert!(part.record(path).unwrap().is_some());
    let mut not_proven = 0;
    for other in MINED.iter().flatten() {
        match part.record(other) {
            Ok(found) => assert_eq!(found, archive.record(other).unwrap()),
            Err(error) if codes(&error) == [Code::NotProven] => {
                not_proven += 1;
                let mut output = Vec::new();
                assert_eq!(codes(&part.proof(other, &mut output).unwrap_err()), [Code::NotProven]);
                assert!(output.is_empty());
            }
            Err(error) => assert_eq!(codes(&error), [Code::MissingRecord]),
        }
    }
    assert!(not_proven > 50, "{not_proven}");
    let collection = COLLECTIONS[0].parse().unwrap();
    let error = part.prove_collection(&collection, Vec::new()).unwrap_err();
    assert!([Code::NotProven, Code::MissingRecord].contains(&codes(&error)[0]), "{error}");
    let report =
        verify_proof(&car_input(&proof), path, &ExpectedHead::unchecked(), &*clock()).unwrap();
    assert_eq!(report.present, Some(true));
}

/// Each block in turn is missing, or its bytes are wrong: no answer changes.
#[test]
fn a_file_with_a_fault_gives_the_right_answer_or_none() {
    let engine = account();
    let whole = open(&export(&engine, &did()));
    let (roots, sections) = sections(&shuffle(&export(&engine, &did()), 5));
    let asked: Vec<_> = MINED.iter().flatten().step_by(11).collect();
    let mut errors = [0; 2];
    for number in (0..sections.len()).step_by(3) {
        let mut lacking = sections.clone();
        lacking.remove(number);
        let mut wrong = sections.clone();
        wrong[number].1[3] ^= 1;
        for (fault, sections) in [lacking, wrong].into_iter().enumerate() {
            let archive = match Archive::open(&car_input(&joined(&roots, &sections))) {
                Ok(archive) => archive,
                Err(error) => {
                    assert_eq!(codes(&error), [[Code::MissingCommit], [Code::HashMismatch]][fault]);
                    continue;
                }
            };
            for path in &asked {
                match archive.record(path) {
                    Ok(found) => assert_eq!(found, whole.record(path).unwrap()),
                    Err(error) => {
                        let codes = codes(&error);
                        let expected: &[Code] = match fault {
                            0 => &[Code::NotProven, Code::MissingRecord],
                            _ => &[Code::HashMismatch],
                        };
                        assert!(codes.len() == 1 && expected.contains(&codes[0]), "{codes:?}");
                        errors[fault] += 1;
                    }
                }
            }
        }
    }
    assert!(errors[0] > 20 && errors[0] == errors[1], "{errors:?}");
}

/// A file that is cut short answers for what it has, and says that it is cut where it lacks a block.
#[test]
fn the_cause_of_what_is_missing_comes_first() {
    let engine = account();
    let car = export(&engine, &did());
    let whole = open(&car);
    let (roots, sections) = sections(&car);
    let half = joined(&roots, &sections[..sections.len() / 2]).len();
    let cut = open(&car[..half + 3]);
    let (mut read, mut failed) = (0, 0);
    for path in MINED.iter().flatten() {
        match cut.record(path) {
            Ok(found) => {
                assert_eq!(found, whole.record(path).unwrap());
                read += 1;
            }
            Err(error) => {
                let codes = codes(&error);
                assert_eq!(codes[0], Code::Truncated);
                assert!([Code::NotProven, Code::MissingRecord].contains(&codes[1]));
                assert!(error.to_string().contains("Truncated"));
                failed += 1;
            }
        }
    }
    assert!(read > 20 && failed > 20, "{read}, {failed}");
    let head_only = &car[..60];
    let error = Archive::open(&car_input(head_only)).err().unwrap();
    assert!(codes(&error).contains(&Code::Truncated), "{error}");
}

/// Of two sections with one CID the one that hashes to it answers, in any order; `verify` finds the file
/// invalid.
#[test]
fn a_damaged_copy_of_a_section_is_passed_by() {
    let engine = account();
    let (roots, sections) = sections(&shuffle(&export(&engine, &did()), 6));
    let whole = open(&joined(&roots, &sections));
    let path = &MINED[0][0];
    let cid = whole.record(path).unwrap().unwrap().cid().clone();
    let at = sections.iter().position(|(found, _)| *found == cid).unwrap();
    let mut wrong = sections[at].clone();
    wrong.1[3] ^= 1;
    for (place, counts) in [(at, true), (sections.len(), false)] {
        let mut sections = sections.clone();
        sections.insert(place, wrong.clone());
        let car = joined(&roots, &sections);
        let expect = ExpectedHead::unchecked();
        let report = verify(&car_input(&car), &expect, &*clock(), &mut Discard).unwrap();
        let problems = report.problems.listed();
        assert_eq!(problems[0].code, Code::HashMismatch);
        let is_of_record = problems.iter().any(|problem| problem.path.is_some());
        assert_eq!(is_of_record, counts);
        assert_eq!(open(&car).record(path).unwrap().unwrap().cid(), &cid);
    }
    let mut only_wrong = sections.clone();
    only_wrong[at] = wrong;
    let error = open(&joined(&roots, &only_wrong)).record(path).unwrap_err();
    assert_eq!(codes(&error), [Code::HashMismatch]);
}

/// Blobs and other blocks around the repository change nothing, whatever is wrong with them.
#[test]
fn the_rest_of_the_file_is_not_judged() {
    let engine = account();
    let (roots, mut sections) = sections(&export(&engine, &did()));
    let whole = open(&joined(&roots, &sections));
    let blob = vec![7; 900_000];
    sections.insert(0, (Cid::of(Codec::Raw, &blob), blob.clone()));
    sections.insert(5, (Cid::of(Codec::Raw, b"another"), blob));
    sections.push((Block::dag_cbor(vec![0xa0]).cid().clone(), vec![0xa1]));
    let mut car = joined(&roots, &sections);
    car.extend_from_slice(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    let archive = open(&car);
    for path in MINED.iter().flatten().step_by(7) {
        assert_eq!(archive.record(path).unwrap(), whole.record(path).unwrap());
    }
}

/// A small file whose tree names one large record at very many paths does not become a proof that
/// is many times as long.
#[test]
fn a_proof_is_not_many_times_as_long_as_its_file() {
    let large = record(900_000, 1);
    let paths = crate::common::mined::of_layer(0, 120);
    let records = paths.iter().map(|path| (path.to_string(), large.clone())).collect();
    let rev = Rev::after(None, &*clock(), 3).unwrap();
    let mut blocks = handmade::blocks(&records, &did(), rev, &key());
    blocks.truncate(3);
    let archive = open(&handmade::car(&blocks));
    let collection = paths[0].collection().parse().unwrap();
    let mut proof = Vec::new();
    let error = archive.prove_collection(&collection, &mut proof).unwrap_err();
    assert_eq!(codes(&error), [Code::TooLarge]);
    assert!(proof.len() < 75 << 20, "{} bytes", proof.len());
    assert!(archive.record(&paths[7]).unwrap().is_some());
}

#[test]
fn the_head_is_checked_when_it_is_asked_for() {
    let engine = account();
    let archive = open(&export(&engine, &did()));
    let check = |expect: &ExpectedHead| archive.check_head(expect, &*clock());
    let right = ExpectedHead::signed_by([key().verifying_key()]).did(did());
    assert_eq!(check(&right).unwrap(), SignatureStatus::Valid);
    assert_eq!(check(&ExpectedHead::unchecked()).unwrap(), SignatureStatus::Unchecked);
    let other = SigningKey::from_bytes(Curve::K256, &[8; 32]).unwrap();
    let wrong = ExpectedHead::signed_by([other.verifying_key()]).did(did_of(1));
    let error = check(&wrong).unwrap_err();
    assert_eq!(codes(&error), [Code::DidMismatch, Code::BadSignature]);
}

#[test]
fn what_is_no_repository_is_not_opened() {
    for (bytes, code) in [(&b""[..], Code::NotACar), (b"{\"error\":\"x\"}", Code::NotACar)] {
        let error = Archive::open(&car_input(bytes)).err().unwrap();
        assert_eq!(codes(&error).len(), 1, "{error}");
        assert!([code, Code::Truncated].contains(&codes(&error)[0]), "{error}");
    }
    let no_root = Writer::new(Vec::new(), &[]).unwrap().finish().unwrap();
    assert_eq!(codes(&Archive::open(&car_input(&no_root)).err().unwrap()), [Code::NoRoot]);
    let record = Block::dag_cbor(vec![0xa0]);
    let root = [record.cid().clone()];
    let car = joined(&root, &[(record.cid().clone(), record.bytes().to_vec())]);
    let error = Archive::open(&car_input(&car)).err().unwrap();
    assert_eq!(codes(&error), [Code::BadCommit]);
}

/// The same verdict as a collection's proof by `verify_collection`.
#[test]
fn a_collection_of_a_file_is_proved() {
    let engine = account();
    let archive = open(&shuffle(&export(&engine, &did()), 8));
    let collection: Nsid = COLLECTIONS[1].parse().unwrap();
    let mut proof = Vec::new();
    let records = archive.prove_collection(&collection, &mut proof).unwrap();
    assert!(records > 10);
    let expect = ExpectedHead::signed_by([key().verifying_key()]).did(did());
    let report =
        verify_collection(&car_input(&proof), &collection, &expect, &*clock(), &mut Discard)
            .unwrap();
    assert!(report.is_valid());
    assert_eq!(report.records, Some(records));
    let held = MINED.iter().flatten().step_by(3);
    let held = held.filter(|path: &&RepoPath| path.collection() == collection.as_str());
    assert_eq!(held.count() as u64, records);
    // One byte of the proof's last record is wrong, and the rest is read.
    let mut rng = Rng::new(1);
    let at = proof.len() - 1 - usize::try_from(rng.below(4)).unwrap();
    proof[at] ^= 1;
    let error = open(&proof).prove_collection(&collection, Vec::new()).unwrap_err();
    assert_eq!(codes(&error), [Code::HashMismatch]);
}

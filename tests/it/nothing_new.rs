//! Diffs of copies that are kept up to date: the answer "nothing new" is nothing to do, and a copy
//! without a key stays unverified until its head is checked.
//!
//! Holds guarantee G45.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{
    assert_clean, car_input, create_op, did, did_of, engine, engine_with_account, export, import,
    key, path, record, records, with_key,
};
use carrack::car::Writer;
use carrack::engine::{AppliedDiff, ImportOptions, State, Trust, WriteOptions};
use carrack::follow::Mirror;
use carrack::key::{Curve, SigningKey};
use carrack::verify::{ExpectedHead, Input};
use carrack::{Code, Engine, Error, Result};

fn other_key() -> SigningKey {
    SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap()
}

fn unverified() -> ImportOptions {
    ImportOptions::default().unverified()
}

fn signed_by(key: &SigningKey) -> ImportOptions {
    ImportOptions::default().head(ExpectedHead::signed_by([key.verifying_key()]))
}

/// A header that names this root, and nothing else.
fn header_only(root: &carrack::block::Cid) -> Vec<u8> {
    Writer::new(Vec::new(), std::slice::from_ref(root)).unwrap().finish().unwrap()
}

fn apply(engine: &Engine, car: &[u8], options: &ImportOptions) -> Result<AppliedDiff> {
    engine.apply_diff(&car_input(car), options)
}

fn write(source: &Engine, name: u64, signer: &SigningKey) {
    let ops = vec![create_op(path(&format!("com.example.post/{name}")), record(60, name))];
    let options = WriteOptions::default().rekey(true);
    source.write(&did(), ops, &options, signer).unwrap();
}

/// What the source has that the copy lacks.
fn news(source: &Engine, copy: &Engine) -> Vec<u8> {
    let since = copy.status(&did()).unwrap().rev.unwrap();
    let mut car = Vec::new();
    source.export_since(&did(), since, &mut car).unwrap();
    car
}

fn unverified_copy(source: &Engine) -> Engine {
    let copy = engine();
    import(&copy, &export(source, &did()), &unverified()).unwrap();
    copy
}

#[test]
fn a_header_that_names_the_held_head_is_nothing_to_do() {
    let host = engine_with_account();
    write(&host, 1, &key());
    let copy = engine();
    import(&copy, &export(&host, &did()), &with_key()).unwrap();
    copy.create_account(&did_of(5), &key()).unwrap();
    let before = (copy.accounts().unwrap(), copy.last_seq().unwrap());
    let head = copy.status(&did()).unwrap().commit.unwrap();
    let named = ExpectedHead::signed_by([key().verifying_key()]).did(did());
    for options in [ImportOptions::default(), with_key(), ImportOptions::default().head(named)] {
        let applied = apply(&copy, &header_only(&head), &options).unwrap();
        assert_eq!((&applied.did, &applied.commit), (&did(), &head));
        assert_eq!(applied.since, applied.rev);
        assert_eq!((applied.created, applied.updated, applied.deleted), (0, 0, 0));
    }
    assert_eq!((copy.accounts().unwrap(), copy.last_seq().unwrap()), before);
    assert_clean(&copy);
}

#[test]
fn a_header_is_checked_as_its_head_is() {
    let copy = engine_with_account();
    let held = copy.status(&did()).unwrap();
    let car = header_only(held.commit.as_ref().unwrap());
    let code = |options: &ImportOptions| {
        apply(&copy, &car, options).unwrap_err().problems().first().map(|problem| problem.code)
    };
    assert_eq!(code(&signed_by(&other_key())), Some(Code::BadSignature));
    let head = ExpectedHead::signed_by([key().verifying_key()]);
    let stranger = ImportOptions::default().head(head.did(did_of(8)));
    assert!(matches!(apply(&copy, &car, &stranger), Err(Error::NotFound(_))));
    copy.create_account(&did_of(8), &key()).unwrap();
    assert_eq!(code(&stranger), Some(Code::MissingCommit));
    assert!(matches!(apply(&copy, &car, &unverified()), Err(Error::Request(_))));
    // One that is the head of no account.
    let unknown = header_only(held.data.as_ref().unwrap());
    let error = apply(&copy, &unknown, &with_key()).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::MissingCommit);
    assert!(error.to_string().contains("nothing is new"), "{error}");
    // An older head: the copy is ahead of its host.
    write(&copy, 1, &key());
    assert_eq!(code(&with_key()), Some(Code::MissingCommit));
    let named = ExpectedHead::default().did(did());
    let error = apply(&copy, &car, &ImportOptions::default().head(named)).unwrap_err();
    let rev = copy.status(&did()).unwrap().rev.unwrap();
    assert!(error.to_string().contains(&rev.to_string()), "{error}");
    copy.delete_account(&did()).unwrap();
    assert_eq!(code(&with_key()), Some(Code::MissingCommit));
    // An import takes repositories only.
    let error = copy.import(&Input::from(car), &with_key()).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::MissingCommit);
}

/// Over a change of keys, and without naming the head each time: nothing was signed here.
#[test]
fn a_copy_without_a_key_is_kept_up_to_date_and_stays_unverified() {
    let source = engine_with_account();
    write(&source, 1, &key());
    let copy = unverified_copy(&source);
    for (name, signer) in [(2, key()), (3, other_key()), (4, other_key())] {
        write(&source, name, &signer);
        let applied = apply(&copy, &news(&source, &copy), &unverified()).unwrap();
        assert_eq!((applied.trust, applied.created), (Trust::Unverified, 1));
        let (held, host) = (copy.status(&did()).unwrap(), source.status(&did()).unwrap());
        assert_eq!((&held.commit, held.trust, &held.key), (&host.commit, Trust::Unverified, &None));
        assert_eq!(records(&copy, &did()), records(&source, &did()));
        let head = header_only(held.commit.as_ref().unwrap());
        assert_eq!(apply(&copy, &head, &unverified()).unwrap().trust, Trust::Unverified);
    }
    assert!(copy.write(&did(), vec![], &WriteOptions::default(), &other_key()).is_err());
    // A wrong head is refused still.
    write(&source, 5, &other_key());
    let wrong = unverified().replace(source.status(&did()).unwrap().commit);
    assert!(matches!(apply(&copy, &news(&source, &copy), &wrong), Err(Error::Swap { .. })));
    // The head can be checked later, and then the diffs are.
    let expect = ExpectedHead::signed_by([other_key().verifying_key()]);
    assert!(copy.check_trust(&did(), &expect, &[]).unwrap().is_valid());
    let before = copy.status(&did()).unwrap();
    let car = news(&source, &copy);
    for options in [unverified(), unverified().replace(before.commit.clone())] {
        let error = apply(&copy, &car, &options).unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
        assert!(error.to_string().contains("is verified"), "{error}");
    }
    assert_eq!(copy.status(&did()).unwrap(), before);
    let replace = ImportOptions::default().replace(before.commit);
    assert_eq!(apply(&copy, &car, &replace).unwrap().trust, Trust::Verified);
    assert_clean(&copy);
}

/// An operator's decision is not undone, and what is known of a key is kept as long as it is true.
#[test]
fn an_unchecked_diff_keeps_what_is_known() {
    let source = engine_with_account();
    write(&source, 1, &key());
    let copy = unverified_copy(&source);
    copy.set_state(&did(), State::Suspended).unwrap();
    write(&source, 2, &key());
    let car = news(&source, &copy);
    assert!(matches!(apply(&copy, &car, &unverified()), Err(Error::HeadNotNamed { .. })));
    copy.set_state(&did(), State::Active).unwrap();
    // Known by a write here, and not checked.
    let rekey = WriteOptions::default().rekey(true);
    copy.write(&did(), vec![], &rekey, &other_key()).unwrap();
    let host = engine();
    import(&host, &export(&copy, &did()), &signed_by(&other_key())).unwrap();
    let name = other_key().verifying_key().to_did_key();
    let next = |signer: &SigningKey| {
        write(&host, host.last_seq().unwrap() + 10, signer);
        let car = news(&host, &copy);
        // It takes writes, so that its head has to be named.
        assert!(matches!(apply(&copy, &car, &unverified()), Err(Error::HeadNotNamed { .. })));
        let head = copy.status(&did()).unwrap().commit;
        apply(&copy, &car, &unverified().replace(head)).unwrap();
        copy.status(&did()).unwrap()
    };
    let status = next(&other_key());
    assert_eq!((status.trust, status.key), (Trust::Unverified, Some(name)));
    let status = next(&key());
    assert_eq!((status.trust, status.key), (Trust::Unverified, None));
}

/// A mirror without keys uses the stored head's, also if its caller leaves signatures unchecked.
#[test]
fn a_mirror_takes_no_trust_away() {
    let host = engine_with_account();
    let copy = engine();
    import(&copy, &export(&host, &did()), &with_key()).unwrap();
    let blind = unverified_copy(&host);
    let after = host.last_seq().unwrap();
    write(&host, 1, &key());
    let frame = host.events(after).unwrap().next().unwrap().unwrap().frame();
    let unchecked = ExpectedHead::unchecked();
    Mirror::new(&copy).take(&frame, &unchecked).unwrap();
    let status = copy.status(&did()).unwrap();
    assert_eq!((status.rev, status.trust), (host.status(&did()).unwrap().rev, Trust::Verified));
    // Without any key there is nothing to check an event with, and no event is taken.
    let before = blind.status(&did()).unwrap();
    for expect in [ExpectedHead::default(), unchecked] {
        let error = Mirror::new(&blind).take(&frame, &expect).unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
    }
    assert_eq!(blind.status(&did()).unwrap(), before);
    let expect = ExpectedHead::signed_by([key().verifying_key()]);
    Mirror::new(&blind).take(&frame, &expect).unwrap();
    assert_eq!(blind.status(&did()).unwrap().trust, Trust::Verified);
}

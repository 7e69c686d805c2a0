//! A write takes the account's key and no other, and an account is verified only by what was
//! checked.
//!
//! Holds guarantee G25 (one key) and guarantee G26 (trust).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{
    Disk, NOW, assert_clean, car_input, create_op, did, did_of, engine_with_account, export,
    handmade, import, key, open_as, path, record, update_op, with_key,
};
use carrack::engine::{ImportOptions, Imported, Op, State, Trust, TrustKey, WriteOptions, Written};
use carrack::follow::{Followed, Mirror};
use carrack::key::SignatureStatus;
use carrack::key::{Curve, KeyError, Signer, SigningKey, VerifyingKey};
use carrack::migrate::{MigrateOptions, migrate};
use carrack::verify::{ExpectedHead, Input};
use carrack::{Code, Engine, Error, ErrorKind, Progress, Result};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

fn other_key() -> SigningKey {
    SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap()
}

fn named(key: &SigningKey) -> String {
    key.verifying_key().to_did_key()
}

fn expect(keys: &[&SigningKey]) -> ExpectedHead {
    ExpectedHead::signed_by(keys.iter().map(Signer::verifying_key))
}

fn post(name: &str) -> Vec<Op> {
    vec![create_op(path(&format!("com.example.post/{name}")), record(60, 1))]
}

fn write(engine: &Engine, name: &str, signer: &dyn Signer) -> Result<Written> {
    engine.write(&did(), post(name), &WriteOptions::default(), signer)
}

fn rekey() -> WriteOptions {
    WriteOptions::default().rekey(true)
}

fn unverified() -> ImportOptions {
    ImportOptions::default().unverified()
}

fn trust(engine: &Engine) -> (Trust, Option<TrustKey>) {
    let status = engine.status(&did()).unwrap();
    (status.trust, status.trust_key)
}

const CHECKED: (Trust, Option<TrustKey>) = (Trust::Verified, Some(TrustKey::Current));
const UNCHECKED: (Trust, Option<TrustKey>) = (Trust::Unverified, None);

/// An engine with the account, imported without a key.
fn imported_unverified() -> Engine {
    let engine = crate::common::engine();
    import(&engine, &export(&source(), &did()), &unverified()).unwrap();
    engine
}

fn source() -> Engine {
    let engine = engine_with_account();
    write(&engine, "a", &key()).unwrap();
    engine
}

/// Counts how often it is asked to sign.
struct Counting(SigningKey, AtomicUsize);

impl Signer for Counting {
    fn verifying_key(&self) -> VerifyingKey {
        self.0.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.sign(message)
    }
}

#[test]
fn another_key_is_refused_before_it_signs() {
    let engine = source();
    let (before, seq) = (engine.status(&did()).unwrap(), engine.last_seq().unwrap());
    let counting = Counting(other_key(), AtomicUsize::new(0));
    let options = WriteOptions::default().commit_anyway(true);
    for ops in [post("b"), vec![]] {
        let error = engine.write(&did(), ops, &options, &counting).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let said = error.to_string();
        let Error::OtherKey { held, signer, .. } = error else { panic!("{said}") };
        let (held, signer) = (held.unwrap().to_did_key(), signer.to_did_key());
        assert_eq!((held, &signer), (named(&key()), &named(&other_key())));
        assert!(said.contains(&signer) && said.contains("WriteOptions::rekey"), "{said}");
    }
    assert_eq!(counting.1.load(Ordering::SeqCst), 0, "it was asked to sign");
    assert_eq!((engine.status(&did()).unwrap(), engine.last_seq().unwrap()), (before, seq));
    write(&engine, "b", &key()).unwrap();
}

#[test]
fn a_change_of_keys_is_asked_for_and_not_trusted() {
    let engine = source();
    assert_eq!(trust(&engine), (Trust::Verified, None));
    // The account's own key changes nothing by it.
    engine.write(&did(), post("b"), &rekey(), &key()).unwrap();
    assert_eq!(trust(&engine), (Trust::Verified, None));
    // What changes no record makes a commit all the same.
    let same = vec![update_op(path("com.example.post/a"), record(60, 1))];
    let written = engine.write(&did(), same, &rekey(), &other_key()).unwrap();
    assert!(written.seq.is_some());
    assert_eq!(trust(&engine), UNCHECKED);
    assert_eq!(engine.status(&did()).unwrap().key, Some(named(&other_key())));
    assert!(matches!(write(&engine, "c", &key()), Err(Error::OtherKey { .. })));
    write(&engine, "c", &other_key()).unwrap();
    assert_eq!(trust(&engine), UNCHECKED, "a write made it verified");
    assert_clean(&engine);
}

#[test]
fn an_account_without_a_known_key_refuses_writes() {
    let engine = imported_unverified();
    for signer in [key(), other_key()] {
        let error = write(&engine, "b", &signer).unwrap_err();
        assert!(matches!(error, Error::OtherKey { held: None, .. }), "{error}");
    }
    engine.write(&did(), post("b"), &rekey(), &other_key()).unwrap();
    assert_eq!(trust(&engine), UNCHECKED);
    write(&engine, "c", &other_key()).unwrap();
    assert_eq!(trust(&engine), UNCHECKED);
}

/// Signs with one key and says that it is another, from the second time it is asked.
struct Turncoat(AtomicUsize);

impl Signer for Turncoat {
    fn verifying_key(&self) -> VerifyingKey {
        let asked = self.0.fetch_add(1, Ordering::SeqCst);
        if asked == 0 { key().verifying_key() } else { other_key().verifying_key() }
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        other_key().sign(message)
    }
}

/// Gives the malleable twin of a right signature.
struct HighS;

impl Signer for HighS {
    fn verifying_key(&self) -> VerifyingKey {
        key().verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        let order = data_encoding::HEXLOWER.decode(order.as_bytes()).unwrap();
        let mut signature = key().sign(message)?;
        let mut borrow = 0;
        for place in (0..32).rev() {
            let left = i16::from(order[place]) - i16::from(signature[32 + place]) - borrow;
            borrow = i16::from(left < 0);
            signature[32 + place] = u8::try_from(left.rem_euclid(256)).unwrap();
        }
        Ok(signature)
    }
}

#[test]
fn what_a_foreign_signer_gives_is_verified() {
    let engine = source();
    let before = engine.status(&did()).unwrap();
    for signer in [&Turncoat(AtomicUsize::new(0)) as &dyn Signer, &HighS] {
        let error = write(&engine, "b", signer).unwrap_err();
        assert_eq!(error.problems()[0].code, Code::BadSignature, "{error}");
        assert_eq!(engine.status(&did()).unwrap(), before);
    }
}

#[test]
fn a_check_against_the_identity_decides() {
    let engine = imported_unverified();
    let checked = engine.check_trust(&did(), &expect(&[&other_key()]), &[]).unwrap();
    assert!(!checked.is_valid());
    assert_eq!((checked.signature, checked.trust), (SignatureStatus::Invalid, Trust::Unverified));
    assert_eq!(engine.status(&did()).unwrap().key, None);

    let both = expect(&[&other_key(), &key()]);
    let checked = engine.check_trust(&did(), &both, &[key().verifying_key()]).unwrap();
    assert!(checked.is_valid());
    assert_eq!(trust(&engine), (Trust::Verified, Some(TrustKey::Historic)));
    let checked = engine.check_trust(&did(), &both, &[other_key().verifying_key()]).unwrap();
    assert_eq!((checked.trust, checked.trust_key), CHECKED);
    assert_eq!(trust(&engine), CHECKED);
    assert_eq!(engine.status(&did()).unwrap().key, Some(named(&key())));
    // The chain goes on from there, and a check that fails takes nothing back.
    write(&engine, "b", &key()).unwrap();
    assert_eq!(trust(&engine), CHECKED);
    engine.check_trust(&did(), &expect(&[&other_key()]), &[]).unwrap();
    assert_eq!(trust(&engine), CHECKED);

    let stranger = expect(&[&key()]).did(did_of(4));
    let error = engine.check_trust(&did(), &stranger, &[]).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::DidMismatch);
    let error = engine.check_trust(&did(), &ExpectedHead::default(), &[]).unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error}");
    engine.delete_account(&did()).unwrap();
    assert_eq!(trust(&engine), UNCHECKED);
    let error = engine.check_trust(&did(), &expect(&[&key()]), &[]).unwrap_err();
    assert!(matches!(error, Error::State { .. }), "{error}");
}

fn go(source: &Engine, destination: &Engine, signer: &SigningKey) {
    let options = MigrateOptions::new("https://there.example", signer);
    migrate(source, destination, &did(), &options).unwrap();
}

#[test]
fn a_move_carries_trust() {
    for is_checked in [false, true] {
        let source = open_as(1, &Disk::new()).unwrap();
        let options = if is_checked { with_key() } else { unverified() };
        import(&source, &export(&self::source(), &did()), &options).unwrap();
        let destination = open_as(2, &Disk::new()).unwrap();
        go(&source, &destination, &other_key());
        let expected = if is_checked { (Trust::Verified, None) } else { UNCHECKED };
        assert_eq!(trust(&destination), expected);
        assert_eq!(destination.status(&did()).unwrap().key, Some(named(&other_key())));
        write(&destination, "there", &other_key()).unwrap();
        assert_eq!(trust(&destination), expected);
    }
    // A key that was changed by a write is known, and not checked: so it arrives.
    let source = open_as(1, &Disk::new()).unwrap();
    import(&source, &export(&self::source(), &did()), &with_key()).unwrap();
    source.write(&did(), vec![], &rekey(), &other_key()).unwrap();
    let destination = open_as(2, &Disk::new()).unwrap();
    go(&source, &destination, &key());
    assert_eq!(trust(&destination), UNCHECKED);
}

#[test]
fn a_move_that_keeps_the_key_keeps_what_is_known_of_it() {
    let source = open_as(1, &Disk::new()).unwrap();
    import(&source, &export(&self::source(), &did()), &with_key()).unwrap();
    let destination = open_as(2, &Disk::new()).unwrap();
    go(&source, &destination, &key());
    assert_eq!(trust(&destination), CHECKED);
}

/// A diff under the key that is held, without one, and with one that is given.
#[test]
fn a_diff_carries_trust_unless_a_key_is_given() {
    let source = source();
    let copy = crate::common::engine();
    import(&copy, &export(&source, &did()), &unverified()).unwrap();
    copy.set_state(&did(), State::Deactivated).unwrap();
    let next = |copy: &Engine, options: &ImportOptions| {
        let since = copy.status(&did()).unwrap().rev.unwrap();
        let name = format!("n{}", source.last_seq().unwrap());
        write(&source, &name, &key()).unwrap();
        let mut car = Vec::new();
        source.export_since(&did(), since, &mut car).unwrap();
        copy.apply_diff(&car_input(&car[..]), options)
    };
    let error = next(&copy, &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error}");
    let applied = next(&copy, &unverified()).unwrap();
    assert_eq!((applied.trust, trust(&copy)), (Trust::Unverified, UNCHECKED));
    let applied = next(&copy, &with_key()).unwrap();
    assert_eq!((applied.trust, applied.trust_key), CHECKED);
    assert_eq!(trust(&copy), CHECKED);
    let applied = next(&copy, &ImportOptions::default()).unwrap();
    assert_eq!((applied.trust, applied.trust_key), CHECKED);
    let historic = with_key().historic(vec![key().verifying_key()]);
    next(&copy, &historic).unwrap();
    assert_eq!(trust(&copy), (Trust::Verified, Some(TrustKey::Historic)));
    next(&copy, &ImportOptions::default()).unwrap();
    assert_eq!(trust(&copy), (Trust::Verified, Some(TrustKey::Historic)));
    assert_clean(&copy);
}

/// A copy whose key is known and was not checked, of a host that signs with it.
fn unchecked_copy(host: &Engine) -> Engine {
    let copy = crate::common::engine();
    import(&copy, &export(&source(), &did()), &unverified()).unwrap();
    let signed = copy.write(&did(), vec![], &rekey(), &other_key()).unwrap();
    import(host, &export(&copy, &did()), &ImportOptions::default().head(expect(&[&other_key()])))
        .unwrap();
    assert_eq!(host.status(&did()).unwrap().commit, Some(signed.commit));
    copy
}

#[test]
fn a_mirror_without_a_key_carries_trust() {
    let host = crate::common::engine();
    let copy = unchecked_copy(&host);
    let after = host.last_seq().unwrap();
    write(&host, "b", &other_key()).unwrap();
    write(&host, "c", &other_key()).unwrap();
    let mut events = host.events(after).unwrap();
    let mut mirror = Mirror::new(&copy);
    let mut next = |mirror: &mut Mirror, expect: &ExpectedHead| {
        let frame = events.next().unwrap().unwrap().frame();
        mirror.take(&frame, expect).unwrap().outcome
    };
    let followed = next(&mut mirror, &ExpectedHead::default());
    assert!(matches!(followed, Followed::Applied { .. }), "{followed:?}");
    assert_eq!(trust(&copy), UNCHECKED);
    next(&mut mirror, &expect(&[&other_key()]));
    assert_eq!(trust(&copy), CHECKED);
    assert_clean(&copy);
}

#[test]
fn a_recovery_without_a_key_carries_trust() {
    let host = crate::common::engine();
    let copy = unchecked_copy(&host);
    write(&host, "b", &other_key()).unwrap();
    let input = || Input::spill(&export(&host, &did())[..], "host").unwrap();
    Mirror::new(&copy).recover(&input(), &did(), &ExpectedHead::default()).unwrap();
    assert_eq!(copy.status(&did()).unwrap().rev, host.status(&did()).unwrap().rev);
    assert_eq!(trust(&copy), UNCHECKED);
    Mirror::new(&copy).recover(&input(), &did(), &expect(&[&other_key()])).unwrap();
    assert_eq!(trust(&copy), CHECKED);
}

#[test]
fn a_backup_carries_trust() {
    for options in [with_key(), unverified()] {
        let engine = crate::common::engine();
        import(&engine, &export(&source(), &did()), &options).unwrap();
        let disk = Disk::new();
        carrack::parts::redb::backup(&engine, disk.clone(), Progress::none()).unwrap();
        let copy = crate::common::open(&disk).unwrap();
        assert_eq!(copy.status(&did()).unwrap(), engine.status(&did()).unwrap());
    }
}

#[track_caller]
fn assert_reports_what_is_stored(engine: &Engine, imported: &Imported) {
    let status = engine.status(&did()).unwrap();
    assert_eq!(Some(&imported.commit), status.commit.as_ref());
    assert_eq!(Some(imported.rev), status.rev);
    assert_eq!(Some(&imported.data), status.data.as_ref());
    assert_eq!((imported.trust, imported.trust_key), (status.trust, status.trust_key));
    assert_eq!((imported.records, imported.bytes), (status.records, status.bytes));
    assert_eq!(imported.blobs_needed, status.blobs_needed);
}

#[test]
fn an_import_of_the_held_head_reports_what_is_stored() {
    let engine = crate::common::engine();
    let car = export(&source(), &did());
    import(&engine, &car, &with_key()).unwrap();
    let again = import(&engine, &car, &unverified()).unwrap();
    assert_eq!((again.trust, again.trust_key), CHECKED);
    assert_reports_what_is_stored(&engine, &again);
    let historic = with_key().historic(vec![key().verifying_key()]);
    let again = import(&engine, &car, &historic).unwrap();
    assert_eq!(again.trust_key, Some(TrustKey::Historic));
    assert_reports_what_is_stored(&engine, &again);
}

/// The account named is not the archive's: whatever is here of either does not matter.
#[test]
fn another_account_is_said_before_anything_else() {
    let engine = engine_with_account();
    let records = BTreeMap::from([("com.example.post/a".to_owned(), record(20, 1))]);
    let rev = carrack::ident::Rev::from_micros(NOW + 5, 0).unwrap();
    let stranger = || expect(&[&key()]).did(did_of(7));
    // Of an account that takes writes, of one that was deleted, of one that is not here.
    engine.create_account(&did_of(1), &key()).unwrap();
    engine.delete_account(&did_of(1)).unwrap();
    for number in 0..3 {
        let car = handmade::repository(&records, &did_of(number), rev, &key());
        let wrong_head = engine.status(&did()).unwrap().data;
        for replace in [None, wrong_head] {
            let options = ImportOptions::default().head(stranger()).replace(replace);
            let refused = import(&engine, &car, &options).unwrap_err();
            assert_eq!(refused.problems()[0].code, Code::DidMismatch, "import: {refused}");
            let refused = engine.apply_diff(&car_input(&car[..]), &options).unwrap_err();
            assert_eq!(refused.problems()[0].code, Code::DidMismatch, "apply: {refused}");
        }
    }
    let mut events = engine.events(0).unwrap();
    let mut mirror = Mirror::new(&engine);
    while let Some(event) = events.next().unwrap() {
        let refused = mirror.take(&event.frame(), &stranger()).unwrap_err();
        assert_eq!(refused.problems()[0].code, Code::DidMismatch, "follow: {refused}");
    }
}

/// A list of keys in which nothing is accepts nothing: that a signature stays unchecked has to be
/// asked for.
#[test]
fn without_a_key_no_signature_is_valid() {
    let engine = crate::common::open(&Disk::new()).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    let car = export(&engine, &did());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("repo.car");
    std::fs::write(&path, &car).unwrap();
    let input = carrack::verify::Input::open(&path).unwrap();
    let look = |expect: &ExpectedHead| {
        let clock = crate::common::clock();
        carrack::verify::verify(&input, expect, &*clock, &mut carrack::verify::Discard).unwrap()
    };
    for none in [ExpectedHead::default(), ExpectedHead::signed_by([]).did(did())] {
        let report = look(&none);
        assert_eq!(report.signature, Some(SignatureStatus::Invalid));
        assert_eq!(report.problems.listed()[0].code, Code::BadSignature);
    }
    assert_eq!(look(&ExpectedHead::unchecked()).signature, Some(SignatureStatus::Unchecked));
    assert_eq!(look(&expect(&[&key()])).signature, Some(SignatureStatus::Valid));
    let copy = crate::common::open(&Disk::new()).unwrap();
    let error = import(&copy, &car, &ImportOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(copy.accounts().unwrap().is_empty());
}

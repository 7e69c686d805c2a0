//! A signer may take its time, and no lock is held meanwhile: what else happens to the account is
//! not lost, and decides over the write that was being signed. Holds guarantee G10.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{
    Disk, assert_clean, create_op, did, did_of, engine_with_account, key, open_as, path, record,
    records, write,
};
use carrack::engine::{Op, State, WriteOptions};
use carrack::key::{Curve, KeyError, Signer, SigningKey, VerifyingKey};
use carrack::migrate::{MigrateOptions, migrate};
use carrack::{Code, Engine, ErrorKind, Result};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

type Act<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Signs with the account's key, and lets something happen before it does so for the first time.
struct Slow<'a> {
    meanwhile: Mutex<Option<Act<'a>>>,
    signed: AtomicUsize,
}

impl<'a> Slow<'a> {
    fn new(meanwhile: impl FnOnce() + Send + 'a) -> Self {
        let meanwhile: Act<'a> = Box::new(meanwhile);
        Self { meanwhile: Mutex::new(Some(meanwhile)), signed: AtomicUsize::new(0) }
    }
}

impl Signer for Slow<'_> {
    fn verifying_key(&self) -> VerifyingKey {
        key().verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(act) = meanwhile {
            act();
        }
        self.signed.fetch_add(1, Ordering::Relaxed);
        key().sign(message)
    }
}

fn create(name: &str) -> Vec<Op> {
    vec![create_op(path(&format!("com.example.post/{name}")), record(30, 1))]
}

fn names(engine: &Engine) -> Vec<String> {
    records(engine, &did()).into_keys().collect()
}

#[test]
fn a_commit_that_came_meanwhile_is_not_overwritten() {
    let engine = engine_with_account();
    let signer = Slow::new(|| drop(write(&engine, create("meanwhile")).unwrap()));
    let options = WriteOptions::default();
    let written = engine.write(&did(), create("slow"), &options, &signer).unwrap();
    assert_eq!(names(&engine), ["com.example.post/meanwhile", "com.example.post/slow"]);
    // Signed once in vain, and then on top of the other.
    assert_eq!(signer.signed.load(Ordering::Relaxed), 2);
    let status = engine.status(&did()).unwrap();
    assert_eq!((status.rev, status.commit), (Some(written.rev), Some(written.commit)));
    assert!(written.rev > written.since);
    assert_clean(&engine);
}

#[test]
fn a_head_that_was_named_has_to_be_the_head_still() {
    let engine = engine_with_account();
    let swap = engine.status(&did()).unwrap().commit;
    let signer = Slow::new(|| drop(write(&engine, create("meanwhile")).unwrap()));
    let options = WriteOptions::default().swap(swap);
    let error = engine.write(&did(), create("slow"), &options, &signer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(names(&engine), ["com.example.post/meanwhile"]);
    assert_clean(&engine);
}

#[test]
fn an_account_that_was_switched_off_or_deleted_meanwhile_takes_nothing() {
    let engine = engine_with_account();
    let signer = Slow::new(|| engine.set_state(&did(), State::Deactivated).unwrap());
    let options = WriteOptions::default();
    let error = engine.write(&did(), create("slow"), &options, &signer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert_eq!(engine.status(&did()).unwrap().state, State::Deactivated);
    assert!(names(&engine).is_empty());

    engine.set_state(&did(), State::Active).unwrap();
    let signer = Slow::new(|| engine.delete_account(&did()).unwrap());
    let error = engine.write(&did(), create("slow"), &options, &signer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert_eq!(engine.status(&did()).unwrap().state, State::Deleted);
    assert_clean(&engine);
}

#[test]
fn an_account_that_was_made_meanwhile_is_not_made_again() {
    let engine = crate::common::engine();
    let other = || {
        engine.create_account(&did(), &key()).unwrap();
        write(&engine, create("meanwhile")).unwrap();
    };
    let error = engine.create_account(&did(), &Slow::new(other)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(names(&engine), ["com.example.post/meanwhile"]);
    assert_clean(&engine);
}

/// The source's last word is not said before the destination has signed.
#[test]
fn an_account_on_its_way_is_neither_written_to_nor_switched_nor_deleted() {
    let [source, destination] = [0, 1].map(|number| open_as(number, &Disk::new()).unwrap());
    source.create_account(&did(), &key()).unwrap();
    write(&source, create("a")).unwrap();
    let signer = Slow::new(|| {
        let is_refused = |done: Result<()>| {
            assert_eq!(done.unwrap_err().kind(), ErrorKind::Refused);
            let state = source.status(&did()).unwrap().state;
            assert!(matches!(state, State::Leaving { .. }), "{state}");
        };
        is_refused(write(&source, create("b")).map(drop));
        is_refused(source.delete_account(&did()));
        for state in [State::Active, State::Deactivated, State::Suspended, State::TakenDown] {
            is_refused(source.set_state(&did(), state));
        }
    });
    let options = MigrateOptions::new("https://there.example", &signer);
    migrate(&source, &destination, &did(), &options).unwrap();
    assert!(matches!(source.status(&did()).unwrap().state, State::Moved { .. }));
    assert_eq!(names(&destination), ["com.example.post/a"]);
    assert_clean(&destination);
}

/// A key service that has another key than it says.
struct Mistaken;

impl Signer for Mistaken {
    fn verifying_key(&self) -> VerifyingKey {
        key().verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        SigningKey::from_bytes(Curve::K256, &[9; 32])?.sign(message)
    }
}

#[test]
fn a_signature_of_another_key_is_refused() {
    let engine = engine_with_account();
    let before = engine.status(&did()).unwrap();
    let options = WriteOptions::default();
    let error = engine.write(&did(), create("a"), &options, &Mistaken).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::BadSignature);
    assert_eq!(engine.status(&did()).unwrap(), before);
    assert!(engine.create_account(&did_of(1), &Mistaken).is_err());
    assert!(engine.status(&did_of(1)).is_err());
    assert_clean(&engine);
}

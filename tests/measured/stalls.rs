//! No caller can stall another: signing happens outside of any lock, and callers of one account
//! take turns.
//!
//! Holds guarantee G32.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{create_op, did, did_of, engine_with_account, key, path, record};
use carrack::engine::{Op, State, WriteOptions};
use carrack::ident::Did;
use carrack::key::{KeyError, Signer, SigningKey, VerifyingKey};
use carrack::{Engine, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A signer that does something before it signs.
struct Acting<F>(SigningKey, F);

impl<F: Fn() + Send + Sync> Signer for Acting<F> {
    fn verifying_key(&self) -> VerifyingKey {
        self.0.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        (self.1)();
        self.0.sign(message)
    }
}

fn create(name: &str) -> Vec<Op> {
    vec![create_op(path(&format!("com.example.post/{name}")), record(60, 1))]
}

fn write(engine: &Engine, did: &Did, name: &str, signer: &dyn Signer) -> Result<()> {
    engine.write(did, create(name), &WriteOptions::default(), signer).map(|_| ())
}

/// Waits at the first signature until it is let go.
fn hanging(gate: Receiver<()>) -> impl Signer {
    let gate = Mutex::new(gate);
    let first = AtomicBool::new(true);
    Acting(key(), move || {
        if first.swap(false, Ordering::SeqCst) {
            gate.lock().unwrap().recv().unwrap();
        }
    })
}

#[test]
fn a_signer_that_hangs_delays_no_other_account() {
    let _turn = crate::alone();
    let engine = Arc::new(engine_with_account());
    let (release, gate) = channel();
    let waiting = Arc::clone(&engine);
    let hung = std::thread::spawn(move || write(&waiting, &did(), "hung", &hanging(gate)));
    std::thread::sleep(Duration::from_millis(30));
    let start = Instant::now();
    // As many as would meet in a table of some thousand shared locks.
    for number in 1..300 {
        engine.create_account(&did_of(number), &key()).unwrap();
        write(&engine, &did_of(number), "other", &key()).unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(!hung.is_finished());
    release.send(()).unwrap();
    hung.join().unwrap().unwrap();
}

/// Of the same account others get through after a moment, whatever they do, and the one that hung
/// has its turn.
#[test]
fn a_signer_that_hangs_does_not_block_its_account() {
    let _turn = crate::alone();
    let engine = Arc::new(engine_with_account());
    let (release, gate) = channel();
    let waiting = Arc::clone(&engine);
    let hung = std::thread::spawn(move || write(&waiting, &did(), "hung", &hanging(gate)));
    std::thread::sleep(Duration::from_millis(30));
    let start = Instant::now();
    write(&engine, &did(), "first", &key()).unwrap();
    engine.set_state(&did(), State::Deactivated).unwrap();
    engine.set_state(&did(), State::Active).unwrap();
    write(&engine, &did(), "second", &key()).unwrap();
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(!hung.is_finished());
    release.send(()).unwrap();
    hung.join().unwrap().unwrap();
    let snapshot = engine.snapshot(&did()).unwrap();
    for name in ["hung", "first", "second"] {
        let path = path(&format!("com.example.post/{name}"));
        assert!(snapshot.record(&path).unwrap().is_some(), "{name}");
    }
}

#[test]
fn a_signer_may_write_to_the_same_account() {
    let _turn = crate::alone();
    let engine = Arc::new(engine_with_account());
    let inner = Arc::clone(&engine);
    let once = AtomicBool::new(true);
    let signer = Acting(key(), move || {
        if once.swap(false, Ordering::SeqCst) {
            write(&inner, &did(), "inner", &key()).unwrap();
        }
    });
    let start = Instant::now();
    write(&engine, &did(), "outer", &signer).unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(engine.status(&did()).unwrap().records, 2);
}

/// Many callers write to one account with a signer that takes its time: each gets through, none is
/// told that others were quicker.
#[test]
fn callers_of_one_account_take_turns() {
    let _turn = crate::alone();
    let engine = engine_with_account();
    let slow = Acting(key(), || std::thread::sleep(Duration::from_millis(3)));
    std::thread::scope(|scope| {
        for caller in 0..12 {
            let (engine, slow) = (&engine, &slow);
            scope.spawn(move || {
                for n in 0..12 {
                    let signer: &dyn Signer = if caller % 2 == 0 { slow } else { &slow.0 };
                    write(engine, &did(), &format!("p{caller}-{n}"), signer).unwrap();
                }
            });
        }
    });
    assert_eq!(engine.status(&did()).unwrap().records, 144);
}

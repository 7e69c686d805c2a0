//! Handles on one engine: clones, readers and mirrors that have one of their own, and the last one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::mined::MINED;
use crate::common::{create_op, did, key, record};
use carrack::Engine;
use carrack::engine::{Events, Options, Snapshot, Storage, WriteOptions};
use carrack::env::{Clock, SystemClock};
use carrack::follow::{Mirror, Watch};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

fn is_shared<T: Send + Sync>() {}

#[test]
fn what_a_server_holds_goes_between_threads() {
    is_shared::<Engine>();
    is_shared::<Events>();
    is_shared::<Mirror>();
    is_shared::<Watch>();
    is_shared::<Snapshot>();
    is_shared::<Options>();
    is_shared::<carrack::Error>();
    is_shared::<carrack::Problem>();
    is_shared::<carrack::key::SigningKey>();
    is_shared::<carrack::verify::Report>();
    is_shared::<carrack::event::Event>();
}

/// A reader and a clone go on when the handle that they came from is gone; the file is let go of
/// with the last one.
#[test]
fn a_clone_outlives_the_first_handle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let first = Engine::open(&path).unwrap();
    first.create_account(&did(), &key()).unwrap();
    let second = first.clone();
    let mut events = first.events(0).unwrap();
    let mirror = Mirror::new(&first);
    drop(first);
    assert!(events.next().unwrap().is_some());
    let writer = std::thread::spawn(move || {
        let op = create_op(MINED[0][0].clone(), record(10, 1));
        second.write(&did(), vec![op], &WriteOptions::default(), &key()).unwrap();
    });
    writer.join().unwrap();
    assert!(Engine::open(&path).is_err(), "the reader has the engine");
    drop(events);
    drop(mirror);
    Engine::open(&path).unwrap();
}

/// Closing through one handle closes it for all.
#[test]
fn closing_is_for_all_handles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let first = Engine::open(&path).unwrap();
    let second = first.clone();
    second.close();
    assert_eq!(first.accounts().unwrap_err().kind(), carrack::ErrorKind::Closed);
    Engine::open(&path).unwrap();
}

/// Bytes in memory, through the trait that an embedder implements.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Storage for Bytes {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (bytes, start) = (self.0.lock().unwrap(), usize::try_from(offset).unwrap());
        let found = bytes.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        self.0.lock().unwrap()[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.lock().unwrap().resize(usize::try_from(length).unwrap(), 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_store_lies_on_storage_of_the_callers() {
    let bytes = Bytes::default();
    let engine = Engine::open_storage(bytes.clone(), &Options::default()).unwrap();
    engine.create_account(&did(), &key()).unwrap();
    let head = engine.status(&did()).unwrap().commit;
    engine.close();
    let engine = Engine::open_storage(bytes, &Options::default()).unwrap();
    assert_eq!(engine.status(&did()).unwrap().commit, head);
}

#[test]
fn an_engine_in_memory_has_a_store_of_its_own() {
    let [one, other] = [Engine::in_memory().unwrap(), Engine::in_memory().unwrap()];
    one.create_account(&did(), &key()).unwrap();
    assert_eq!(one.accounts().unwrap().len(), 1);
    assert!(other.accounts().unwrap().is_empty());
}

/// A store that is open is not opened a second time, and the error says why.
#[test]
fn a_store_in_use_is_named_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let _held = Engine::open(&path).unwrap();
    let error = Engine::open(&path).unwrap_err();
    assert!(matches!(error, carrack::Error::InUse), "{error}");
}

/// Holds a handle. When the engine's own thread asks for the time and all others are gone, it lets go
/// of it.
struct HoldingClock {
    held: Mutex<Option<Engine>>,
    caller: ThreadId,
    asked: AtomicBool,
    others_gone: Mutex<Receiver<()>>,
    ended: Mutex<Sender<()>>,
}

impl Clock for HoldingClock {
    fn now_micros(&self) -> u64 {
        if std::thread::current().id() != self.caller {
            let Some(engine) = self.held.lock().unwrap().take() else {
                return SystemClock.now_micros();
            };
            self.asked.store(true, Ordering::SeqCst);
            let gone = self.others_gone.lock().unwrap().recv_timeout(Duration::from_secs(1));
            if gone.is_ok() {
                drop(engine);
                self.ended.lock().unwrap().send(()).unwrap();
            } else {
                self.asked.store(false, Ordering::SeqCst);
                *self.held.lock().unwrap() = Some(engine);
            }
        }
        SystemClock.now_micros()
    }
}

/// The writer's thread does not wait for itself when it drops the last handle.
#[test]
fn the_last_handle_may_go_on_the_writers_thread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let (end, ended) = channel();
    let (go, gone) = channel();
    let clock = Arc::new(HoldingClock {
        held: Mutex::new(None),
        caller: std::thread::current().id(),
        asked: AtomicBool::new(false),
        others_gone: Mutex::new(gone),
        ended: Mutex::new(end),
    });
    let options = Options::default().clock(clock.clone());
    let engine = Engine::open_with(&path, &options).unwrap();
    *clock.held.lock().unwrap() = Some(engine.clone());
    engine.create_account(&did(), &key()).unwrap();
    // The thread looks at the event log, and at the clock, after some hundred transactions.
    let is_asked = (0..5000).any(|_| {
        engine.announce_identity(&did(), None).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        clock.asked.load(Ordering::SeqCst)
    });
    assert!(is_asked);
    drop(engine);
    go.send(()).unwrap();
    ended.recv_timeout(Duration::from_secs(20)).expect("the thread waits for itself");
    // What its thread still holds goes with it.
    let again = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        Engine::open(&path).ok()
    });
    assert_eq!(again.unwrap().accounts().unwrap().len(), 1);
}

//! Whatever changes an account decides on the account as it is when the change is stored, not as
//! it was when the change was prepared: what came between wins, and is left whole. And no move, import
//! or diff passes a fence, a later revision or a floor.
//!
//! Holds guarantees G10, G14, G19. No thread is raced with: signers, clocks and sources act on the
//! engine at the moment that counts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use carrack::block::{Block, Cid};
use carrack::engine::{ImportOptions, Op, Options, State, WriteOptions};
use carrack::event::Event;
use carrack::ident::{Clock, ManualClock, Rev, SeededRandom};
use carrack::key::{Curve, Signer, SigningKey, VerifyingKey};
use carrack::migrate::{MigrateOptions, abort, migrate};
use carrack::verify::{FileSupply, Given, Input, Missed, Supply, Tail};
use carrack::{Code, Engine, Error, ErrorKind, Problem};
use common::handmade::repository;
use common::mined::MINED;
use common::{
    Disk, NOW, assert_clean, did, engine, export, import, key, open_as, path, record, records,
    with_key, write,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

const THERE: &str = "https://there.example";

/// What is done to an engine while something else is under way; once.
type Act<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Later than all that the engines here sign by their clock, and not too far ahead of it.
fn later(micros: u64) -> Rev {
    Rev::from_micros(NOW + 60_000_000 + micros, 1).unwrap()
}

fn content(number: u64) -> BTreeMap<String, Vec<u8>> {
    MINED[0][..9].iter().map(|path| (path.to_string(), record(70, number))).collect()
}

fn archive(number: u64, rev: Rev) -> Vec<u8> {
    repository(&content(number), &did(), rev, &key())
}

fn post(engine: &Engine, name: &str) {
    write(engine, vec![Op::create(path(&format!("com.example.post/{name}")), record(30, 1))])
        .unwrap();
}

/// An account that takes no writes, so that imports and moves may take its place.
fn with_copy(engine: &Engine) {
    engine.create_account(&did(), &key()).unwrap();
    post(engine, "first");
    engine.set_state(&did(), State::Deactivated).unwrap();
}

/// Switched on, written to, and switched off again: only its head tells.
fn change(engine: &Engine) {
    engine.set_state(&did(), State::Active).unwrap();
    post(engine, "meanwhile");
    engine.set_state(&did(), State::Deactivated).unwrap();
}

fn head(engine: &Engine) -> Cid {
    engine.status(&did()).unwrap().commit.unwrap()
}

/// The change that came between is what there is, whole.
#[track_caller]
fn assert_changed_meanwhile(engine: &Engine) {
    assert_eq!(engine.status(&did()).unwrap().state, State::Deactivated);
    let names: Vec<String> = records(engine, &did()).into_keys().collect();
    assert_eq!(names, ["com.example.post/first", "com.example.post/meanwhile"]);
    assert_clean(engine);
}

/// A supply that acts when all has been read, before anything of it is published.
struct ActsAtEnd<'a> {
    inner: FileSupply,
    act: Option<Act<'a>>,
}

impl<'a> ActsAtEnd<'a> {
    fn new(car: &[u8], act: impl FnOnce() + Send + 'a) -> Self {
        let inner = FileSupply::new(Input::spill(car, "a test").unwrap()).unwrap();
        Self { inner, act: Some(Box::new(act)) }
    }
}

impl Supply for ActsAtEnd<'_> {
    fn roots(&self) -> &[Cid] {
        self.inner.roots()
    }

    fn want(&mut self, cid: &Cid) -> carrack::Result<Result<Block, Missed>> {
        self.inner.want(cid)
    }

    fn want_record(&mut self, cid: &Cid) -> carrack::Result<Result<Given, Missed>> {
        self.inner.want_record(cid)
    }

    fn finish(&mut self, problems: &mut dyn FnMut(Problem)) -> carrack::Result<Tail> {
        let tail = self.inner.finish(problems)?;
        self.act.take().unwrap()();
        Ok(tail)
    }

    fn position(&self) -> u64 {
        self.inner.position()
    }
}

/// A signer that acts before it signs for the first time, or fails then.
struct ActsFirst<'a> {
    key: SigningKey,
    act: Mutex<Option<Act<'a>>>,
    fails: bool,
}

impl<'a> ActsFirst<'a> {
    fn new(act: impl FnOnce() + Send + 'a) -> Self {
        Self { key: new_key(), act: Mutex::new(Some(Box::new(act))), fails: false }
    }

    /// A key service that is not there.
    fn failing() -> ActsFirst<'static> {
        ActsFirst { fails: true, ..ActsFirst::new(|| ()) }
    }
}

impl Signer for ActsFirst<'_> {
    fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> carrack::Result<[u8; 64]> {
        if let Some(act) = self.act.lock().unwrap().take() {
            act();
        }
        if self.fails {
            return Err(Error::Key("the key service is not there".to_owned()));
        }
        self.key.sign(message)
    }
}

/// A clock that acts when the thread that set it to asks for the time next: the engine asks
/// between its look at an account and what it stores.
struct ActsOnce {
    time: ManualClock,
    act: Mutex<Option<(ThreadId, Act<'static>)>>,
}

impl ActsOnce {
    fn set(&self, act: impl FnOnce() + Send + 'static) {
        *self.act.lock().unwrap() = Some((std::thread::current().id(), Box::new(act)));
    }

    fn has_acted(&self) -> bool {
        self.act.lock().unwrap().is_none()
    }
}

impl Clock for ActsOnce {
    fn now_micros(&self) -> u64 {
        let here = std::thread::current().id();
        let mut act = self.act.lock().unwrap_or_else(PoisonError::into_inner);
        let due = act.take_if(|(thread, _)| *thread == here);
        drop(act);
        if let Some((_, act)) = due {
            act();
        }
        self.time.now_micros()
    }
}

fn engine_with_clock() -> (Arc<Engine>, Arc<ActsOnce>) {
    let clock = Arc::new(ActsOnce { time: ManualClock::new(NOW), act: Mutex::new(None) });
    let random = Arc::new(SeededRandom::new(1));
    let options = Options { clock: Arc::clone(&clock) as _, random, ..Options::default() };
    (Arc::new(Engine::open_backend(Disk::new(), &options).unwrap()), clock)
}

fn new_key() -> SigningKey {
    SigningKey::from_bytes(Curve::P256, &[8; 32]).unwrap()
}

fn pair() -> [Engine; 2] {
    [0, 1].map(|number| open_as(number, &Disk::new()).unwrap())
}

fn go(engines: &[Engine; 2], signer: &dyn Signer) -> carrack::Result<()> {
    let options = MigrateOptions { to: THERE, signer, progress: None };
    migrate(&engines[0], &engines[1], &did(), &options).map(drop)
}

/// Two engines, and an account on its way from the first to the second, where it has not arrived.
fn under_way() -> [Engine; 2] {
    let engines = pair();
    engines[0].create_account(&did(), &key()).unwrap();
    post(&engines[0], "first");
    let error = go(&engines, &ActsFirst::failing()).unwrap_err();
    assert!(matches!(error, Error::Key(_)), "{error}");
    assert!(is_leaving(&engines[0]));
    engines
}

fn is_leaving(engine: &Engine) -> bool {
    matches!(engine.status(&did()).unwrap().state, State::Leaving { .. })
}

#[test]
fn an_import_does_not_replace_what_changed_while_it_was_read() {
    let engine = engine();
    with_copy(&engine);
    let mut supply = ActsAtEnd::new(&archive(2, later(0)), || change(&engine));
    let error = engine.import_supply(&mut supply, &with_key()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_changed_meanwhile(&engine);
    // Of the account as it is now, the same archive is a replacement.
    import(&engine, &archive(2, later(0)), &with_key()).unwrap();
    assert_eq!(records(&engine, &did()), content(2));
}

#[test]
fn an_import_does_not_bring_back_what_came_and_went_while_it_was_read() {
    let engine = engine();
    let come_and_go = || {
        engine.create_account(&did(), &key()).unwrap();
        engine.delete_account(&did()).unwrap();
    };
    let mut supply = ActsAtEnd::new(&archive(2, later(0)), come_and_go);
    let error = engine.import_supply(&mut supply, &with_key()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(engine.status(&did()).unwrap().state, State::Deleted);
    assert_clean(&engine);
}

#[test]
fn an_activation_does_not_replace_what_changed_while_it_was_signed() {
    let engines = pair();
    let [source, destination] = &engines;
    with_copy(destination);
    let copy = export(destination, &did());
    let options = ImportOptions { ..with_key() };
    import(source, &copy, &options).unwrap();
    post(source, "second");
    let error = go(&engines, &ActsFirst::new(|| change(destination))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_changed_meanwhile(destination);
    assert!(is_leaving(source));
}

#[test]
fn an_activation_does_not_replace_what_was_made_while_it_was_signed() {
    let engines = pair();
    let [source, destination] = &engines;
    source.create_account(&did(), &key()).unwrap();
    let signer = ActsFirst::new(|| with_copy(destination));
    let error = go(&engines, &signer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(records(destination, &did()).len(), 1);
    assert_clean(destination);
}

#[test]
fn a_diff_is_not_applied_to_what_changed_while_it_was_checked() {
    let (copies, clock) = engine_with_clock();
    with_copy(&copies);
    let host = common::engine();
    import(&host, &export(&copies, &did()), &with_key()).unwrap();
    let since = host.status(&did()).unwrap().rev.unwrap();
    post(&host, "second");
    let mut diff = Vec::new();
    host.export_since(&did(), since, &mut diff).unwrap();
    let engine = Arc::clone(&copies);
    clock.set(move || change(&engine));
    let error = copies.apply_diff(&diff[..], &with_key()).unwrap_err();
    assert!(clock.has_acted());
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_changed_meanwhile(&copies);
}

/// An account that is switched on is announced with its head: the one that it has by then.
#[test]
fn a_change_of_state_announces_the_head_that_there_is() {
    let (engine, clock) = engine_with_clock();
    with_copy(&engine);
    let acting = Arc::clone(&engine);
    clock.set(move || change(&acting));
    engine.set_state(&did(), State::Active).unwrap();
    assert!(clock.has_acted());
    let mut events = engine.events(0).unwrap();
    let mut announced = None;
    while let Some(event) = events.next().unwrap() {
        match event.event().unwrap() {
            Event::Sync(sync) => announced = Some(sync.rev),
            Event::Commit(commit) => announced = Some(commit.rev),
            _ => {}
        }
    }
    assert_eq!(announced, engine.status(&did()).unwrap().rev);
    assert_eq!(engine.status(&did()).unwrap().state, State::Active);
    assert_clean(&engine);
}

#[test]
fn a_fence_is_lifted_for_its_own_destination_only() {
    let [source, destination] = under_way();
    let other = open_as(2, &Disk::new()).unwrap();
    let error = abort(&source, &other, &did()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(is_leaving(&source));
    abort(&source, &destination, &did()).unwrap();
    post(&source, "second");
}

/// Not even by one who names the head.
#[test]
fn an_account_on_its_way_is_not_replaced() {
    let [source, _] = under_way();
    let before = source.status(&did()).unwrap();
    let named = ImportOptions { replace: Some(head(&source)), ..with_key() };
    let error = import(&source, &archive(2, later(0)), &named).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let error = source.apply_diff(&archive(2, later(0))[..], &named).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert_eq!(source.status(&did()).unwrap(), before);
    assert_clean(&source);
}

/// A destination that has, or had, a later revision may have published it.
#[test]
fn a_move_is_not_given_up_where_the_account_has_come_further() {
    for is_deleted in [false, true] {
        let [source, destination] = under_way();
        import(&destination, &archive(2, later(0)), &with_key()).unwrap();
        if is_deleted {
            destination.delete_account(&did()).unwrap();
        }
        let error = abort(&source, &destination, &did()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(is_leaving(&source));
    }
}

/// An older copy at the destination says nothing about the move.
#[test]
fn a_move_is_given_up_where_an_older_copy_is() {
    let [source, destination] = under_way();
    let old = Rev::from_micros(NOW - 60_000_000, 1).unwrap();
    import(&destination, &archive(2, old), &with_key()).unwrap();
    abort(&source, &destination, &did()).unwrap();
    post(&source, "second");
}

/// A floor counts for accounts that the store holds, as for new ones: nothing at or below it is
/// taken for newer than what may have been published.
#[test]
fn a_floor_counts_for_imports_and_diffs_over_an_account() {
    let engine = engine();
    with_copy(&engine);
    let before = engine.status(&did()).unwrap();
    let floor = later(1_000_000);
    engine.set_floors(1_000, floor).unwrap();
    for rev in [later(0), floor] {
        let archive = archive(2, rev);
        let errors = [
            import(&engine, &archive, &with_key()).unwrap_err(),
            engine.apply_diff(&archive[..], &with_key()).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.problems()[0].code, Code::BadRev, "{error}");
        }
        assert_eq!(engine.status(&did()).unwrap(), before);
    }
    engine.set_state(&did(), State::Active).unwrap();
    let written = engine.write(&did(), Vec::new(), &WriteOptions::default(), &key()).unwrap();
    assert!(written.rev > floor);
    engine.delete_account(&did()).unwrap();
    let error = import(&engine, &archive(2, later(0)), &with_key()).unwrap_err();
    assert_eq!(error.problems()[0].code, Code::BadRev, "{error}");
    import(&engine, &archive(2, later(9_000_000)), &with_key()).unwrap();
    assert_clean(&engine);
}

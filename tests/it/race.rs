//! What changes an account decides by the row that it has looked at: a signer, a clock or an
//! archive that acts on the account in between finds it refused, or done anew.
//!
//! Holds guarantee G27.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{
    Disk, NOW, assert_clean, car_input, create_op, did, handmade, import, key, open_as, options,
    path, record, with_key,
};
use carrack::block::{Block, Cid};
use carrack::engine::{ImportOptions, State, WriteOptions};
use carrack::env::{Clock, ManualClock};
use carrack::error::ErrorKind;
use carrack::event::Event;
use carrack::ident::Rev;
use carrack::key::{Curve, KeyError, Signer, SigningKey, VerifyingKey};
use carrack::migrate::{MigrateOptions, abort, migrate};
use carrack::parts::sources::{BlockSource, Missing, RecordBlock, StreamSource, Totals};
use carrack::{Engine, Error, Problem, Progress, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

type Action = Box<dyn FnOnce() + Send>;

/// Something that acts once, at a moment that the engine chooses.
#[derive(Default)]
struct Once(Mutex<Option<Action>>);

impl Once {
    fn of(action: impl FnOnce() + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(action))))
    }

    fn act(&self) {
        // Taken out first: what it does may come here again.
        let action = self.0.lock().unwrap().take();
        if let Some(action) = action {
            action();
        }
    }
}

/// Acts while it signs.
struct Acting(SigningKey, Once);

impl Signer for Acting {
    fn verifying_key(&self) -> VerifyingKey {
        self.0.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        self.1.act();
        self.0.sign(message)
    }
}

/// Acts when it is asked for the time.
struct ActingClock(ManualClock, Once);

impl Clock for ActingClock {
    fn now_micros(&self) -> u64 {
        self.1.act();
        self.0.now_micros()
    }

    fn monotonic_micros(&self) -> u64 {
        self.0.monotonic_micros()
    }
}

/// Acts when the root of the tree is asked for: behind the look at the head.
struct ActingSupply<S>(S, usize, Once);

impl<S: BlockSource> BlockSource for ActingSupply<S> {
    fn roots(&self) -> &[Cid] {
        self.0.roots()
    }

    fn want(&mut self, cid: &Cid) -> Result<Result<Block, Missing>> {
        self.1 += 1;
        if self.1 == 2 {
            self.2.act();
        }
        self.0.want(cid)
    }

    fn want_record(&mut self, cid: &Cid) -> Result<Result<RecordBlock, Missing>> {
        self.0.want_record(cid)
    }

    fn finish(&mut self, problems: &mut dyn FnMut(Problem)) -> Result<Totals> {
        self.0.finish(problems)
    }

    fn position(&self) -> u64 {
        self.0.position()
    }
}

/// A repository with one record, whose revision is this many microseconds after the tests' time.
fn archive(micros: u64, number: u64) -> Vec<u8> {
    let records = BTreeMap::from([("com.example.post/a".to_owned(), record(50, number))]);
    let rev = Rev::from_micros(NOW + micros, 1).unwrap();
    handmade::repository(&records, &did(), rev, &key())
}

fn over(engine: &Engine) -> ImportOptions {
    with_key().replace(engine.status(&did()).unwrap().commit)
}

fn shared(number: u64) -> Arc<Engine> {
    Arc::new(open_as(number, &Disk::new()).unwrap())
}

fn go(source: &Engine, destination: &Engine, signer: &dyn Signer) -> Result<()> {
    let options = MigrateOptions::new("https://there.example", signer);
    migrate(source, destination, &did(), &options).map(drop)
}

/// The head stays, and the account is not as it was: what was decided by its state is void.
#[test]
fn an_import_over_an_account_that_changes_meanwhile() {
    let engine = shared(1);
    engine.create_account(&did(), &key()).unwrap();
    let of_action = Arc::clone(&engine);
    let once = Once::of(move || of_action.set_state(&did(), State::TakenDown).unwrap());
    let car = archive(1_000, 1);
    let mut supply = ActingSupply(StreamSource::new(&car[..]).unwrap(), 0, once);
    let before = engine.status(&did()).unwrap();
    let error = carrack::parts::sources::import(&engine, &mut supply, &over(&engine)).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    let after = engine.status(&did()).unwrap();
    assert_eq!((after.commit, after.state), (before.commit, State::TakenDown));
    assert_clean(&engine);
}

#[test]
fn an_activation_over_an_account_that_changes_meanwhile() {
    let (source, destination) = (shared(1), shared(2));
    import(&source, &archive(0, 1), &with_key()).unwrap();
    let of_action = Arc::clone(&destination);
    let act = move || {
        import(&of_action, &archive(2_000_000, 2), &with_key()).unwrap();
    };
    let signer = Acting(SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap(), Once::of(act));
    let error = go(&source, &destination, &signer).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    assert_eq!(crate::common::records(&destination, &did())["com.example.post/a"], record(50, 2));
    assert_clean(&destination);
}

#[test]
fn a_write_to_an_account_that_changes_meanwhile_is_prepared_anew() {
    let engine = shared(1);
    engine.create_account(&did(), &key()).unwrap();
    let of_action = Arc::clone(&engine);
    let act = move || {
        let op = create_op(path("com.example.post/between"), record(40, 1));
        of_action.write(&did(), vec![op], &WriteOptions::default(), &key()).unwrap();
    };
    let signer = Acting(key(), Once::of(act));
    let op = create_op(path("com.example.post/outer"), record(40, 2));
    engine.write(&did(), vec![op], &WriteOptions::default(), &signer).unwrap();
    assert_eq!(crate::common::records(&engine, &did()).len(), 2);
    assert_clean(&engine);
}

/// Made and deleted while its first commit is signed: the revision that was chosen may be behind.
#[test]
fn a_creation_of_an_account_that_comes_and_goes_meanwhile() {
    let engine = shared(1);
    let of_action = Arc::clone(&engine);
    let act = move || {
        of_action.create_account(&did(), &key()).unwrap();
        of_action.delete_account(&did()).unwrap();
    };
    let error = engine.create_account(&did(), &Acting(key(), Once::of(act))).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    let last = engine.create_account(&did(), &key()).unwrap();
    assert_eq!(engine.status(&did()).unwrap().rev, Some(last));
}

/// An engine whose clock acts when it is told to, at the next look at it.
fn with_acting_clock() -> (Arc<Engine>, Arc<ActingClock>) {
    let clock = Arc::new(ActingClock(ManualClock::new(NOW), Once::default()));
    let given = options(&crate::common::clock());
    let of_engine = Arc::clone(&clock) as Arc<dyn Clock>;
    let engine = carrack::parts::redb::open(Disk::new(), &given.clock(of_engine));
    (Arc::new(engine.unwrap()), clock)
}

#[test]
fn a_diff_over_an_account_that_changes_meanwhile() {
    let (engine, clock) = with_acting_clock();
    import(&engine, &archive(0, 1), &with_key()).unwrap();
    let (diff, between) = (archive(1_000, 2), archive(500, 3));
    let options = over(&engine);
    let (of_action, same) = (Arc::clone(&engine), options.clone());
    let act = move || drop(import(&of_action, &between, &same).unwrap());
    *clock.1.0.lock().unwrap() = Some(Box::new(act));
    let error = engine.apply_diff(&car_input(&diff[..]), &options).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    assert_eq!(crate::common::records(&engine, &did())["com.example.post/a"], record(50, 3));
    assert_clean(&engine);
}

/// What is announced when an account is switched on is the head that it has then.
#[test]
fn a_switch_of_an_account_that_changes_meanwhile() {
    let (engine, clock) = with_acting_clock();
    import(&engine, &archive(0, 1), &with_key()).unwrap();
    engine.set_state(&did(), State::Deactivated).unwrap();
    let after = engine.last_seq().unwrap();
    let of_action = Arc::clone(&engine);
    let act = move || drop(import(&of_action, &archive(500, 3), &with_key()).unwrap());
    *clock.1.0.lock().unwrap() = Some(Box::new(act));
    engine.set_state(&did(), State::Active).unwrap();
    let status = engine.status(&did()).unwrap();
    assert_eq!(status.state, State::Active);
    let imported = Rev::from_micros(NOW + 500, 1).unwrap();
    assert_eq!(status.rev, Some(imported), "the import was lost");
    let mut events = engine.events(after).unwrap();
    let mut last = None;
    while let Some(event) = events.next().unwrap() {
        if let Event::Sync(sync) = event.event().unwrap() {
            last = Some(sync.rev);
        }
    }
    assert_eq!(last, status.rev, "an old head was announced after the new one");
}

/// A source whose account is on its way to the destination and has not arrived.
fn fenced(source: &Engine, destination: &Engine) {
    struct Broken;
    impl Signer for Broken {
        fn verifying_key(&self) -> VerifyingKey {
            key().verifying_key()
        }
        fn sign(&self, _: &[u8]) -> Result<[u8; 64], KeyError> {
            Err(KeyError::Unusable("the key service is away".to_owned()))
        }
    }
    go(source, destination, &Broken).unwrap_err();
    let state = source.status(&did()).unwrap().state;
    assert!(matches!(state, State::Leaving { .. }), "{state}");
}

fn pair() -> [Engine; 2] {
    let engines = [1, 2].map(|number| open_as(number, &Disk::new()).unwrap());
    import(&engines[0], &archive(0, 1), &with_key()).unwrap();
    engines
}

#[test]
fn the_fence_is_lifted_for_its_own_destination_only() {
    let [source, destination] = pair();
    let elsewhere = open_as(3, &Disk::new()).unwrap();
    fenced(&source, &destination);
    let error = abort(&source, &elsewhere, &did()).unwrap_err();
    assert!(matches!(error, Error::State { .. }), "{error}");
    let state = source.status(&did()).unwrap().state;
    assert!(matches!(state, State::Leaving { .. }), "{state}");
    abort(&source, &destination, &did()).unwrap();
    assert_eq!(source.status(&did()).unwrap().state, State::Active);
}

#[test]
fn nothing_is_imported_into_an_account_that_is_leaving() {
    let [source, destination] = pair();
    fenced(&source, &destination);
    let before = source.status(&did()).unwrap();
    let error = import(&source, &archive(1_000, 2), &over(&source)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let diff = archive(1_000, 2);
    let error = source.apply_diff(&car_input(&diff[..]), &over(&source)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert_eq!(source.status(&did()).unwrap(), before);
}

/// It did not come from here, and is later than what is here: the source stays closed.
#[test]
fn a_later_head_at_the_destination_forbids_an_abort() {
    let [source, destination] = pair();
    fenced(&source, &destination);
    import(&destination, &archive(1_000, 2), &with_key()).unwrap();
    destination.set_state(&did(), State::Deactivated).unwrap();
    assert!(abort(&source, &destination, &did()).is_err());
    // Also once it is gone again.
    destination.delete_account(&did()).unwrap();
    assert!(abort(&source, &destination, &did()).is_err());
}

/// A lower bound asks for later revisions, and is none.
#[test]
fn a_lower_bound_at_the_destination_forbids_no_abort() {
    let bound = Rev::from_micros(NOW + 60_000_000, 3).unwrap();
    for is_deleted in [false, true] {
        let [source, destination] = pair();
        // An older copy is there, or was.
        let records = BTreeMap::from([("com.example.post/a".to_owned(), record(50, 9))]);
        let older = Rev::from_micros(NOW - 1_000, 1).unwrap();
        let older = handmade::repository(&records, &did(), older, &key());
        import(&destination, &older, &with_key()).unwrap();
        destination.set_state(&did(), State::Deactivated).unwrap();
        if is_deleted {
            destination.delete_account(&did()).unwrap();
        }
        destination.confirm_restore(1_000, bound).unwrap();
        fenced(&source, &destination);
        abort(&source, &destination, &did()).unwrap();
        assert_eq!(source.status(&did()).unwrap().state, State::Active);
        // And the move can be made: what it signs is above the bound.
        let signer = SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap();
        go(&source, &destination, &signer).unwrap();
        assert!(destination.status(&did()).unwrap().rev.unwrap() > bound);
    }
}

/// It has arrived, was deleted there, made anew and deleted again: the source is not opened, and
/// the move can still be ended where the account is.
#[test]
fn an_account_that_arrived_and_is_gone_forbids_an_abort() {
    let [source, destination] = pair();
    let signer = SigningKey::from_bytes(Curve::P256, &[9; 32]).unwrap();
    // The source as it was before it heard of the arrival.
    let disk = Disk::new();
    let source_of = OnceLock::new();
    let seen = |_: u64| {
        source_of.get_or_init(|| {
            carrack::parts::redb::backup(&source, disk.clone(), Progress::none()).unwrap()
        });
    };
    let options =
        MigrateOptions::new("https://there.example", &signer).progress(Progress::to(&seen));
    migrate(&source, &destination, &did(), &options).unwrap();
    let again = Disk::holding(disk.image());
    let source = crate::common::open_as(1, &disk).unwrap();
    source.confirm_restore(1_000, Rev::from_micros(NOW + 60_000_000, 3).unwrap()).unwrap();
    let state = source.status(&did()).unwrap().state;
    assert!(matches!(state, State::Leaving { .. }), "{state}");
    destination.delete_account(&did()).unwrap();
    destination.create_account(&did(), &signer).unwrap();
    let other = crate::common::open_as(1, &again).unwrap();
    other.confirm_restore(1_000, Rev::from_micros(NOW + 60_000_000, 3).unwrap()).unwrap();
    go(&other, &destination, &signer).unwrap();
    let state = other.status(&did()).unwrap().state;
    assert!(matches!(state, State::Moved { .. }), "{state}");
    destination.delete_account(&did()).unwrap();
    assert!(abort(&source, &destination, &did()).is_err());
}

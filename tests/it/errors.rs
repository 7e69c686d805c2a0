//! Errors hold the values that they are about, so that a server maps them without parsing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::{
    car_input, create_op, did, did_of, engine_with_account, export, import, path, record,
    update_op, with_key, write,
};
use carrack::engine::{Action, Options, State, WriteOptions};
use carrack::error::{Compared, Entity};
use carrack::{Engine, Error};

#[test]
fn what_is_not_there_and_what_is() {
    let engine = engine_with_account();
    let at = path("com.example.post/a");
    let NotFound { entity } = not_found(write(&engine, vec![update_op(at.clone(), record(9, 1))]));
    assert_eq!(entity, Entity::Record(at.clone()));
    write(&engine, vec![create_op(at.clone(), record(9, 1))]).unwrap();
    let again = write(&engine, vec![create_op(at.clone(), record(9, 2))]).unwrap_err();
    assert!(matches!(&again, Error::Exists(Entity::Record(found)) if *found == at), "{again}");
    let twice = engine.create_account(&did(), &crate::common::key()).unwrap_err();
    assert!(matches!(&twice, Error::Exists(Entity::Account(found)) if *found == did()), "{twice}");

    let other = did_of(7);
    assert_eq!(not_found(engine.status(&other)).entity, Entity::Account(other));
    let last = engine.last_seq().unwrap();
    let event = Entity::Event { seq: last + 1, last };
    assert_eq!(not_found(engine.events(last + 1)).entity, event);
    let nowhere = tempfile::tempdir().unwrap().path().join("none.redb");
    let opened = Engine::open_with(&nowhere, &Options::default().create(false));
    assert_eq!(not_found(opened).entity, Entity::Store(nowhere));
}

struct NotFound {
    entity: Entity,
}

#[track_caller]
fn not_found<T>(result: carrack::Result<T>) -> NotFound {
    match result {
        Err(Error::NotFound(entity)) => NotFound { entity },
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was found"),
    }
}

#[test]
fn a_state_says_what_it_does_not_allow() {
    let engine = engine_with_account();
    let car = export(&engine, &did());
    let over = import(&engine, &later(&engine), &with_key()).unwrap_err();
    let held = engine.status(&did()).unwrap().commit.unwrap();
    match &over {
        Error::HeadNotNamed { did: account, state, head } => {
            assert_eq!((account, state, &**head), (&did(), &State::Active, &held));
        }
        error => panic!("{error}"),
    }
    assert!(over.to_string().contains(&held.to_string()), "{over}");
    engine.set_state(&did(), State::Deactivated).unwrap();
    let write = write(&engine, vec![create_op(path("com.example.post/b"), record(9, 1))]);
    assert_refused(&write.unwrap_err(), &State::Deactivated, Action::Write);
    engine.delete_account(&did()).unwrap();
    let read = engine.snapshot(&did()).map(drop).unwrap_err();
    assert_refused(&read, &State::Deleted, Action::Read);
    let diff = engine.apply_diff(&car_input(&car), &with_key()).unwrap_err();
    assert_refused(&diff, &State::Deleted, Action::ApplyDiff);
    assert_refused(&engine.delete_account(&did()).unwrap_err(), &State::Deleted, Action::Delete);
    let switch = engine.set_state(&did(), State::Active).unwrap_err();
    assert_refused(&switch, &State::Deleted, Action::SetState);
}

/// A newer copy of the same account.
fn later(engine: &Engine) -> Vec<u8> {
    let copy = crate::common::engine();
    import(&copy, &export(engine, &did()), &with_key()).unwrap();
    write(&copy, vec![create_op(path("com.example.post/a"), record(9, 1))]).unwrap();
    export(&copy, &did())
}

#[track_caller]
fn assert_refused(error: &Error, in_state: &State, of: Action) {
    match error {
        Error::State { did: account, state, action } => {
            assert_eq!((account, state, action), (&did(), in_state, &of));
        }
        error => panic!("{error}"),
    }
}

#[test]
fn a_swap_names_both_sides() {
    let engine = engine_with_account();
    let head = engine.status(&did()).unwrap().commit.unwrap();
    let wrong = carrack::block::Cid::of(carrack::block::Codec::DagCbor, b"another");
    let options = WriteOptions::default().swap(wrong.clone());
    let error = engine.write(&did(), vec![], &options, &crate::common::key()).unwrap_err();
    let Error::Swap { what, expected, found } = error else { panic!("{error}") };
    assert_eq!(what, Compared::Head(did()));
    assert_eq!((expected.as_deref(), found.as_deref()), (Some(&wrong), Some(&head)));
}

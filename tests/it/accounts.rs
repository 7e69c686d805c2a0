//! What each state of an account allows, and how an account comes and goes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::{
    assert_clean, create_op, did, did_of, engine, engine_with_account, export, import, key, path,
    record, update_op, with_key, write,
};
use carrack::engine::{EngineName, Op, State, WriteOptions};
use carrack::{Engine, Error, ErrorKind};

/// State, reads, writes, replacement by an import, deletion, whether it can be left by hand.
fn table() -> Vec<(State, [bool; 5])> {
    vec![
        (State::Active, [true, true, false, true, true]),
        (State::Deactivated, [true, false, true, true, true]),
        (State::Suspended, [true, false, false, true, true]),
        (State::TakenDown, [true, false, false, true, true]),
        (State::Deleted, [false, false, true, false, false]),
    ]
}

fn in_state(state: &State) -> Engine {
    let engine = engine_with_account();
    write(&engine, vec![create_op(path("com.example.post/a"), record(9, 1))]).unwrap();
    match state {
        State::Deleted => engine.delete_account(&did()).unwrap(),
        state => engine.set_state(&did(), state.clone()).unwrap(),
    }
    assert_eq!(engine.status(&did()).unwrap().state, *state);
    engine
}

/// Allowed, or refused because of the state.
#[track_caller]
fn assert_allowed<T: std::fmt::Debug>(result: carrack::Result<T>, allowed: bool, what: &str) {
    match result {
        Ok(_) => assert!(allowed, "{what} is allowed"),
        Err(error) => {
            assert!(!allowed, "{what}: {error}");
            assert_eq!(error.kind(), ErrorKind::Refused, "{what}: {error}");
        }
    }
}

#[test]
fn what_each_state_allows() {
    let newer = {
        let engine = in_state(&State::Active);
        write(&engine, vec![create_op(path("com.example.post/b"), record(9, 2))]).unwrap();
        export(&engine, &did())
    };
    for (state, [reads, writes, replacement, deletion, switch]) in table() {
        assert_eq!(state.allows_reads(), reads);
        assert_eq!(state.allows_writes(), writes);
        assert_eq!(state.allows_replacement(), replacement);
        let engine = in_state(&state);
        let what = |act: &str| format!("{act} while {state}");
        assert_allowed(engine.snapshot(&did()).map(|_| ()), reads, &what("reading"));
        assert_allowed(engine.export(&did(), Vec::new()), reads, &what("an export"));
        assert_allowed(engine.rows_digest(&did()), reads, &what("a digest"));
        let ops = vec![create_op(path("com.example.post/c"), record(9, 3))];
        assert_allowed(write(&in_state(&state), ops), writes, &what("a write"));
        assert_allowed(
            import(&in_state(&state), &newer, &with_key()),
            replacement,
            &what("an import"),
        );
        assert_allowed(in_state(&state).delete_account(&did()), deletion, &what("deletion"));
        for to in [State::Active, State::Deactivated, State::Suspended, State::TakenDown] {
            let engine = in_state(&state);
            assert_allowed(engine.set_state(&did(), to.clone()), switch, &what("a switch"));
            if switch {
                assert_eq!(engine.status(&did()).unwrap().state, to);
            }
        }
        assert_clean(&engine);
    }
}

#[test]
fn what_leaving_and_moved_accounts_allow() {
    let to = || "elsewhere".to_owned();
    let engine: EngineName = "000102030405060708090a0b0c0d0e0f".parse().unwrap();
    let leaving = State::Leaving { to: to(), engine };
    let moved = State::Moved { to: to(), engine };
    for (state, replacement) in [(&leaving, false), (&moved, true)] {
        assert!(state.allows_reads() && !state.allows_writes());
        assert_eq!(state.allows_replacement(), replacement);
        assert!(state.to_string().contains("elsewhere"));
        let error = engine_with_account().set_state(&did(), state.clone()).unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
    }
}

#[test]
fn deleted_is_no_state_to_set() {
    let engine = engine_with_account();
    let error = engine.set_state(&did(), State::Deleted).unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error}");
    assert_eq!(engine.status(&did()).unwrap().state, State::Active);
}

#[test]
fn an_account_that_is_deleted_and_made_again() {
    let engine = engine_with_account();
    let written = write(&engine, vec![create_op(path("com.example.post/a"), record(9, 1))]);
    let last = written.unwrap().rev;
    engine.delete_account(&did()).unwrap();
    let status = engine.status(&did()).unwrap();
    assert_eq!((status.state, status.commit, status.rev), (State::Deleted, None, None));
    assert_eq!((status.records, status.blocks, status.bytes), (0, 0, 0));
    let again = engine.create_account(&did(), &key()).unwrap();
    assert!(again > last, "{again} is not newer than {last}");
    let status = engine.status(&did()).unwrap();
    assert_eq!((status.state, status.records), (State::Active, 0));
    // The records of its former life are not there.
    let snapshot = engine.snapshot(&did()).unwrap();
    assert_eq!(snapshot.record(&path("com.example.post/a")).unwrap(), None);
    write(&engine, vec![create_op(path("com.example.post/a"), record(9, 1))]).unwrap();
    assert_clean(&engine);
}

#[test]
fn an_account_exists_once() {
    let engine = engine_with_account();
    for state in [State::Active, State::Deactivated, State::TakenDown] {
        engine.set_state(&did(), state).unwrap();
        let error = engine.create_account(&did(), &key()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }
}

#[test]
fn an_account_that_was_never_here() {
    let engine = engine();
    let not_found = |error: Error| assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    not_found(engine.status(&did()).unwrap_err());
    not_found(engine.snapshot(&did()).err().unwrap());
    not_found(engine.export(&did(), Vec::new()).unwrap_err());
    not_found(engine.rows_digest(&did()).unwrap_err());
    not_found(engine.set_state(&did(), State::Active).unwrap_err());
    not_found(engine.delete_account(&did()).unwrap_err());
    not_found(write(&engine, vec![]).unwrap_err());
    assert!(engine.accounts().unwrap().is_empty());
}

#[test]
fn accounts_are_listed_in_order_and_do_not_mix() {
    let engine = engine();
    for number in [3, 1, 2, 0, 4] {
        engine.create_account(&did_of(number), &key()).unwrap();
        let ops = (0..number).map(|n| {
            create_op(path(&format!("com.example.post/{number}-{n}")), record(40, n.into()))
        });
        engine.write(&did_of(number), ops.collect(), &WriteOptions::default(), &key()).unwrap();
    }
    engine.delete_account(&did_of(2)).unwrap();
    let all = engine.accounts().unwrap();
    let dids: Vec<_> = all.iter().map(|status| status.did.clone()).collect();
    let mut sorted = dids.clone();
    sorted.sort();
    assert_eq!((dids.len(), &dids), (5, &sorted));
    for number in [0_u32, 1, 3, 4] {
        assert_eq!(engine.status(&did_of(number)).unwrap().records, u64::from(number));
        assert_eq!(crate::common::records(&engine, &did_of(number)).len(), number as usize);
    }
    assert_clean(&engine);
}

/// Blobs that records need are counted once, and follow the records.
#[test]
fn needed_blobs_are_known() {
    use carrack::block::{Cid, Codec, json};
    let engine = engine_with_account();
    let blob = |name: &str| Cid::of(Codec::Raw, name.as_bytes());
    let picture = |name: &str, text: &str| {
        let link = blob(name).to_string();
        json::from_json(&serde_json::json!({
            "$type": "com.example.post", "text": text,
            "picture": { "$type": "blob", "ref": { "$link": link }, "mimeType": "image/png", "size": 1 },
        }))
        .unwrap()
    };
    let needed = || engine.snapshot(&did()).unwrap().blobs_needed().unwrap();
    let at = |name: &str| path(&format!("com.example.post/{name}"));
    let ops = [("a", "one"), ("b", "one"), ("c", "two")];
    let ops = ops.map(|(at_, name)| create_op(at(at_), picture(name, at_)));
    write(&engine, ops.to_vec()).unwrap();
    let mut both = vec![blob("one"), blob("two")];
    both.sort();
    assert_eq!(needed(), both);
    write(&engine, vec![Op::delete(at("a"))]).unwrap();
    assert_eq!(needed(), both);
    write(&engine, vec![update_op(at("b"), picture("two", "b"))]).unwrap();
    assert_eq!(needed(), [blob("two")]);
    assert_clean(&engine);
    let other = crate::common::engine();
    let imported = import(&other, &export(&engine, &did()), &with_key());
    assert_eq!(imported.unwrap().blobs_needed, 1);
    assert_eq!(other.status(&did()).unwrap().blobs_missing, 1);
    write(&engine, vec![update_op(at("b"), record(9, 1)), Op::delete(at("c"))]).unwrap();
    assert!(needed().is_empty());
    assert_clean(&engine);
}

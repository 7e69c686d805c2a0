//! A move between two engines: what arrives, who takes writes, and what a repetition does.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests")]

use crate::common::create_op;
use carrack::engine::{Engine, List, Op, Options, State, WriteOptions};
use carrack::env::ManualClock;
use carrack::ident::Did;
use carrack::key::{Curve, SigningKey};
use carrack::migrate::{MigrateOptions, abort, migrate};
use carrack::{Error, ErrorKind, Progress};
use std::sync::Arc;

const THERE: &str = "https://there.example";
const HERE: &str = "https://here.example";

struct Fleet {
    source: Engine,
    destination: Engine,
    did: Did,
    old_key: SigningKey,
    new_key: SigningKey,
}

fn fleet(records: usize) -> Fleet {
    let clock = Arc::new(ManualClock::new(1_760_000_000_000_000));
    let engine = || {
        let options = Options::default().clock(clock.clone());
        Engine::in_memory_with(&options).unwrap()
    };
    let (source, destination) = (engine(), engine());
    let old_key = SigningKey::from_bytes(Curve::K256, &[3; 32]).unwrap();
    let new_key = SigningKey::from_bytes(Curve::P256, &[4; 32]).unwrap();
    let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
    source.create_account(&did, &old_key).unwrap();
    for batch in (0..records).collect::<Vec<_>>().chunks(150) {
        let ops = batch.iter().map(|n| post(*n)).collect();
        source.write(&did, ops, &WriteOptions::default(), &old_key).unwrap();
    }
    Fleet { source, destination, did, old_key, new_key }
}

fn post(n: usize) -> Op {
    let text = serde_json::json!({ "$type": "app.bsky.feed.post", "text": format!("post {n}") });
    let record = carrack::block::json::from_json(&text).unwrap();
    create_op(format!("app.bsky.feed.post/{n:08}").parse().unwrap(), record)
}

fn listing(engine: &Engine, did: &Did) -> Vec<(String, String)> {
    let snapshot = engine.snapshot(did).unwrap();
    let entries = snapshot.entries(&List::default()).unwrap();
    entries.map(|e| e.map(|(path, cid)| (path.to_string(), cid.to_string())).unwrap()).collect()
}

impl Fleet {
    fn options<'a>(&'a self, to: &'a str) -> MigrateOptions<'a> {
        MigrateOptions::new(to, &self.new_key)
    }
}

#[test]
fn everything_arrives_under_a_new_commit_and_the_source_names_where() {
    let fleet = fleet(700);
    let Fleet { source, destination, did, old_key, new_key } = &fleet;
    let before = listing(source, did);
    let data = source.status(did).unwrap().data;
    let moved = migrate(source, destination, did, &fleet.options(THERE)).unwrap();
    assert_eq!(moved.records, 700);
    assert!(moved.rev > moved.source_rev);
    let status = destination.status(did).unwrap();
    assert_eq!(status.state, State::Active);
    assert_eq!((status.data.clone(), Some(moved.data)), (data, status.data));
    assert_eq!(listing(destination, did), before);
    for engine in [source, destination] {
        let report = engine.scrub(Progress::none()).unwrap();
        assert!(report.is_valid(), "{:?}", report.problems.listed());
    }
    let refused =
        source.write(did, vec![post(9000)], &WriteOptions::default(), old_key).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.to_string().contains(THERE), "{refused}");
    destination.write(did, vec![post(9000)], &WriteOptions::default(), new_key).unwrap();
}

#[test]
fn a_repetition_changes_nothing() {
    let fleet = fleet(30);
    let Fleet { source, destination, did, .. } = &fleet;
    let first = migrate(source, destination, did, &fleet.options(THERE)).unwrap();
    let states = [source.status(did).unwrap(), destination.status(did).unwrap()];
    let again = migrate(source, destination, did, &fleet.options(THERE)).unwrap();
    assert_eq!((first.rev, first.data), (again.rev, again.data));
    assert_eq!(states, [source.status(did).unwrap(), destination.status(did).unwrap()]);
    let elsewhere = migrate(source, destination, did, &fleet.options(HERE)).unwrap_err();
    assert!(matches!(elsewhere, Error::State { .. }), "{elsewhere}");
    assert!(abort(source, destination, did).is_err());
}

#[test]
fn a_move_back_raises_the_revision_again() {
    let fleet = fleet(30);
    let Fleet { source, destination, did, new_key, .. } = &fleet;
    let there = migrate(source, destination, did, &fleet.options(THERE)).unwrap();
    destination.write(did, vec![post(31)], &WriteOptions::default(), new_key).unwrap();
    let back = migrate(destination, source, did, &fleet.options(HERE)).unwrap();
    assert!(back.rev > there.rev);
    assert_eq!(back.records, 31);
    assert_eq!(listing(source, did), listing(destination, did));
    assert_eq!(source.status(did).unwrap().state, State::Active);
    assert!(destination.scrub(Progress::none()).unwrap().is_valid());
    assert!(source.scrub(Progress::none()).unwrap().is_valid());
}

#[test]
fn an_account_that_is_active_at_the_destination_is_not_overrun() {
    let fleet = fleet(5);
    let Fleet { source, destination, did, old_key, new_key } = &fleet;
    destination.create_account(did, new_key).unwrap();
    let refused = migrate(source, destination, did, &fleet.options(THERE)).unwrap_err();
    assert!(matches!(refused, Error::State { .. }), "{refused}");
    assert_eq!(source.status(did).unwrap().state, State::Active);
    source.write(did, vec![post(6)], &WriteOptions::default(), old_key).unwrap();
}

#[test]
fn an_account_to_itself_is_refused() {
    let fleet = fleet(1);
    let Fleet { source, did, .. } = &fleet;
    let refused = migrate(source, source, did, &fleet.options(THERE)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

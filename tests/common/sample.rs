//! A sample account, the same each time: its repository, and the log of its identity. Nothing of
//! it is on any server.

use carrack::engine::{Engine, Op, Options, Record, WriteOptions};
use carrack::env::{Clock, ManualClock, SeededRandom};
use carrack::ident::{Did, Rev};
use carrack::identity::plc::{Operation, PlcLog, PlcState};
use carrack::key::{Curve, SigningKey};
use serde_json::{Value, json};
use std::sync::Arc;

/// When the account is created, in microseconds since 1970: 2026-01-05 08:00 UTC.
const START: u64 = 1_767_600_000_000_000;
/// The time between two of its records, in microseconds.
const PAUSE: u64 = 7 * 3_600_000_000;
const HANDLE: &str = "mariner.example";

/// What a user can download of an account.
pub struct Sample {
    pub did: Did,
    /// The repository.
    pub car: Vec<u8>,
    /// The audit log of the identity.
    pub log: String,
}

/// Makes the account.
pub fn sample() -> Sample {
    let random = Arc::new(SeededRandom::new(1));
    let clock = Arc::new(ManualClock::new(START));
    let key = SigningKey::generate(Curve::K256, &*random).unwrap();
    let log = identity(&key, &SigningKey::generate(Curve::K256, &*random).unwrap(), &clock);
    let did = log.did().clone();
    let options = Options::default().clock(clock.clone()).random(random);
    let engine = Engine::in_memory_with(&options).unwrap();
    engine.create_account(&did, &key).unwrap();
    for (collection, record) in records() {
        clock.advance(PAUSE);
        let rkey = match collection {
            "app.bsky.actor.profile" => "self".to_owned(),
            _ => Rev::from_micros(clock.now_micros(), 0).unwrap().to_string(),
        };
        let path = format!("{collection}/{rkey}").parse().unwrap();
        let op = Op::create(path, Record::from_json(&record).unwrap());
        engine.write(&did, vec![op], &WriteOptions::default(), &key).unwrap();
    }
    let mut car = Vec::new();
    engine.export(&did, &mut car).unwrap();
    Sample { did, car, log: log.to_json() }
}

fn identity(key: &SigningKey, rotation: &SigningKey, clock: &ManualClock) -> PlcLog {
    let genesis = Operation::genesis(PlcState::default())
        .rotation_keys(&[rotation.verifying_key()])
        .signing_key(&key.verifying_key())
        .handles(&[HANDLE])
        .pds("https://pds.example")
        .sign(rotation)
        .unwrap();
    PlcLog::begin(genesis, clock.now_micros()).unwrap()
}

fn records() -> Vec<(&'static str, Value)> {
    let at = |day: u32| format!("2026-01-{day:02}T12:00:00.000Z");
    let image = json!({
        "$type": "blob",
        "ref": {"$link": "bafkreibjfgx2gprinfvicegelk5kosd6y2frmqpqzwqkg7usac74l3t2v4"},
        "mimeType": "image/jpeg",
        "size": 48_213,
    });
    let post = |text: &str, day: u32| json!({"$type": "app.bsky.feed.post", "text": text, "createdAt": at(day)});
    let mut pictured = post("The harbour at dawn", 6);
    pictured["embed"] = json!({
        "$type": "app.bsky.embed.images",
        "images": [{"alt": "Boats in the mist", "image": image}],
    });
    let profile = json!({"$type": "app.bsky.actor.profile", "displayName": "Mariner"});
    let follow = json!({
        "$type": "app.bsky.graph.follow",
        "subject": "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
        "createdAt": at(7),
    });
    vec![
        ("app.bsky.actor.profile", profile),
        ("app.bsky.feed.post", post("Ahoy", 5)),
        ("app.bsky.feed.post", pictured),
        ("app.bsky.graph.follow", follow),
    ]
}

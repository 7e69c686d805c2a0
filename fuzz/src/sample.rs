//! Small repositories that are the same on every machine.

use carrack::block::json;
use carrack::engine::{Engine, Op, Options, Record, WriteOptions, Written};
use carrack::env::{ManualClock, SeededRandom};
use carrack::ident::{Did, RepoPath};
use carrack::key::{Curve, SigningKey};
use serde_json::{Value, json};
use std::sync::Arc;

/// The time at which everything here happens.
pub const NOW_MICROS: u64 = 1_767_225_600_000_000;

/// A clock that stands at that time, a day later.
pub fn clock() -> ManualClock {
    ManualClock::new(NOW_MICROS + 24 * 3_600_000_000)
}

pub fn did() -> Did {
    "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap()
}

pub fn key() -> SigningKey {
    SigningKey::from_bytes(Curve::K256, &[0x21; 32]).unwrap()
}

/// An engine in memory, with a time and randomness of its own.
pub fn engine() -> Engine {
    engine_with_clock(ManualClock::new(NOW_MICROS))
}

/// An engine in memory with this clock.
pub fn engine_with_clock(clock: ManualClock) -> Engine {
    let options = Options::default()
        .clock(Arc::new(clock))
        .random(Arc::new(SeededRandom::new(1)))
        .cache_bytes(1 << 20);
    Engine::in_memory_with(&options).unwrap()
}

/// Path number `n`, in one of three collections.
pub fn path(n: u32) -> RepoPath {
    let collection = ["app.bsky.feed.like", "app.bsky.feed.post", "app.bsky.graph.follow"];
    let scrambled = n.wrapping_mul(0x9e37_79b9);
    format!("{}/3k{scrambled:08x}", collection[n as usize % 3]).parse().unwrap()
}

/// The record of path number `n`, `salt` telling its versions apart.
pub fn record(n: u32, salt: u32) -> Vec<u8> {
    json::from_json(&record_json(n, salt)).unwrap()
}

fn record_json(n: u32, salt: u32) -> Value {
    match n % 3 {
        0 => json!({ "$type": "app.bsky.feed.like", "n": n, "salt": salt }),
        1 => json!({ "$type": "app.bsky.feed.post", "text": "ahoy ".repeat(n as usize % 7),
            "salt": salt, "langs": ["en", null, true, -7] }),
        _ => json!({ "$type": "app.bsky.graph.follow", "salt": salt,
            "raw": { "$bytes": "AQIDBA" },
            "avatar": { "$type": "blob", "mimeType": "image/png", "size": 9, "ref":
                { "$link": "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq" } } }),
    }
}

/// An engine with an account of `records` records, written in commits of 20.
pub fn engine_with(records: u32) -> Engine {
    let engine = engine();
    engine.create_account(&did(), &key()).unwrap();
    for start in (0..records).step_by(20) {
        let ops = (start..records.min(start + 20)).map(|n| create(path(n), record(n, 0)));
        engine.write(&did(), ops.collect(), &WriteOptions::default(), &key()).unwrap();
    }
    engine
}

/// The op that creates a record of these bytes.
pub fn create(path: RepoPath, bytes: Vec<u8>) -> Op {
    Op::create(path, Record::from_dag_cbor(bytes).unwrap())
}

/// The op that makes a record these bytes.
pub fn update(path: RepoPath, bytes: Vec<u8>) -> Op {
    Op::update(path, Record::from_dag_cbor(bytes).unwrap())
}

/// A write whose outcome is asked for.
pub fn write(engine: &Engine, ops: Vec<Op>) -> Written {
    engine.write(&did(), ops, &WriteOptions::default(), &key()).unwrap()
}

pub fn export(engine: &Engine) -> Vec<u8> {
    let mut out = Vec::new();
    engine.export(&did(), &mut out).unwrap();
    out
}

//! The event log is kept for as long and as large as its retention says.
#![allow(clippy::unwrap_used, reason = "tests")]

use carrack::engine::{Engine, Options, Retention, WriteOptions};
use carrack::env::ManualClock;
use carrack::ident::Did;
use carrack::key::{Curve, SigningKey};
use std::sync::Arc;

const START: u64 = 1_760_000_000_000_000;
const HOUR: u64 = 3_600_000_000;

#[test]
fn old_events_and_too_many_bytes_of_them_go() {
    let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
    let key = SigningKey::from_bytes(Curve::K256, &[5; 32]).unwrap();
    let clock = Arc::new(ManualClock::new(START));
    let retention = Retention::default().age_micros(72 * HOUR).bytes(100_000);
    let options = Options::default().clock(clock.clone()).retention(retention);
    let engine = Engine::in_memory_with(&options).unwrap();
    engine.create_account(&did, &key).unwrap();
    let sign = |times: usize| {
        for _ in 0..times {
            engine.write(&did, vec![], &WriteOptions::default(), &key).unwrap();
        }
    };
    sign(600);
    let mut events = engine.events(0).unwrap();
    let mut bytes = 0;
    while let Some(event) = events.next().unwrap() {
        bytes += event.frame().len();
    }
    // The writer looks every 256 turns, so up to as many events more than allowed are there.
    assert!(engine.oldest_seq().unwrap().unwrap() > 1, "nothing was trimmed");
    assert!(bytes < 100_000 + 256 * 700, "{bytes} bytes are held");
    clock.advance(73 * HOUR);
    sign(300);
    let oldest = engine.events(0).unwrap().next().unwrap().unwrap();
    assert!(oldest.micros() > START + 72 * HOUR, "old events are held");
    assert_eq!(engine.last_seq().unwrap(), 3 + 900);
}

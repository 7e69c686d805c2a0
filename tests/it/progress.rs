//! What long calls tell of how far they have come.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common::handmade::repository;
use crate::common::{NOW, did_of, engine, import, key, with_key};
use carrack::Progress;
use carrack::ident::Rev;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A scrub tells every thousandth record, and goes on counting with the next account.
#[test]
fn a_scrub_counts_the_records_of_all_accounts() {
    let records: BTreeMap<_, _> =
        (0..1_001).map(|n| (format!("com.example.post/{n:04}"), vec![0xa0])).collect();
    let engine = engine();
    for number in [1, 2] {
        let rev = Rev::from_micros(NOW, 0).unwrap();
        let car = repository(&records, &did_of(number), rev, &key());
        import(&engine, &car, &with_key()).unwrap();
    }
    let told = Mutex::new(Vec::new());
    let tell = |records| told.lock().unwrap().push(records);
    assert!(engine.scrub(Progress::to(&tell)).unwrap().is_valid());
    assert_eq!(told.into_inner().unwrap(), [1_000, 2_001]);
}

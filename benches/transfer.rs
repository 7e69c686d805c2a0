//! Verify, import and export, per repository.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench may stop")]

mod common;

use carrack::engine::{Engine, ImportOptions};
use carrack::env::SystemClock;
use carrack::verify::{Discard, ExpectedHead, Input, verify};
use common::{Order, car_in, did, signing_key};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const RECORDS: u64 = 10_000;

fn expect() -> ExpectedHead {
    ExpectedHead::signed_by([signing_key().verifying_key()]).did(did())
}

fn transfer(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("transfer");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(10);
    for (name, order) in [("streaming", Order::Streaming), ("shuffled", Order::Shuffled)] {
        let input = Input::open(car_in(folder.path(), RECORDS, order)).unwrap();
        group.bench_function(format!("verify {name}"), |bench| {
            bench.iter(|| {
                let report = verify(&input, &expect(), &SystemClock, &mut Discard).unwrap();
                assert!(report.is_valid());
            });
        });
        let mut number = 0;
        group.bench_function(format!("import {name}"), |bench| {
            bench.iter_batched(
                || {
                    number += 1;
                    Engine::open(folder.path().join(format!("{name}-{number}.redb"))).unwrap()
                },
                |engine| {
                    let options = ImportOptions::default().head(expect());
                    assert_eq!(engine.import(&input, &options).unwrap().records, RECORDS);
                },
                BatchSize::PerIteration,
            );
        });
    }
    let engine = Engine::open(folder.path().join("export.redb")).unwrap();
    let input = Input::open(car_in(folder.path(), RECORDS, Order::Streaming)).unwrap();
    let options = ImportOptions::default().head(expect());
    engine.import(&input, &options).unwrap();
    group.bench_function("export", |bench| {
        bench.iter(|| engine.export(&did(), std::io::sink()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, transfer);
criterion_main!(benches);

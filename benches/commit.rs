//! One durable commit of one record, on a small repository and on a large one.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench may stop")]

mod common;

use carrack::engine::{Engine, ImportOptions, Op, Record, WriteOptions};
use carrack::verify::{ExpectedHead, Input};
use common::{Order, car_in, did, record, signing_key};
use criterion::{Criterion, criterion_group, criterion_main};

fn commit(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(20);
    for records in [1_000, 50_000] {
        let engine = Engine::open(folder.path().join(format!("{records}.redb"))).unwrap();
        let input = Input::open(car_in(folder.path(), records, Order::Streaming)).unwrap();
        let expect = ExpectedHead::signed_by([signing_key().verifying_key()]).did(did());
        let options = ImportOptions::default().head(expect);
        engine.import(&input, &options).unwrap();
        let mut next = records;
        group.bench_function(format!("one record on {records}"), |bench| {
            bench.iter(|| {
                next += 1;
                let (path, bytes) = record(next);
                let ops =
                    vec![Op::create(path.parse().unwrap(), Record::from_dag_cbor(bytes).unwrap())];
                engine.write(&did(), ops, &WriteOptions::default(), &signing_key()).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, commit);
criterion_main!(benches);

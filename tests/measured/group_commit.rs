//! Many threads write at once: nothing is lost, nothing is numbered twice, and they share flushes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::{Disk, assert_clean, create_op, did_of, key, open, path, record, records};
use carrack::Engine;
use carrack::engine::WriteOptions;
use carrack::ident::Did;
use std::collections::BTreeSet;
use std::sync::Barrier;
use std::time::Duration;

const THREADS: u64 = 32;
const WRITES: u64 = 20;

/// All threads write to the accounts that `account` gives them; the numbers of their events.
fn write_at_once(engine: &Engine, account: impl Fn(u64) -> Did + Sync) -> Vec<u64> {
    let start = Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (account, start) = (&account, &start);
                scope.spawn(move || {
                    start.wait();
                    let write = |n| {
                        let at = path(&format!("com.example.post/{thread:02}-{n:02}"));
                        let ops = vec![create_op(at, record(60, thread * 100 + n))];
                        let options = WriteOptions::default();
                        engine.write(&account(thread), ops, &options, &key()).unwrap().seq.unwrap()
                    };
                    (0..WRITES).map(write).collect::<Vec<u64>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| {
                let numbers = thread.join().unwrap();
                assert!(numbers.is_sorted(), "a later write has an earlier number");
                numbers
            })
            .collect()
    })
}

#[track_caller]
fn assert_dense(numbers: &[u64]) {
    let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!(distinct.len(), (THREADS * WRITES) as usize, "a number occurs twice");
    let (first, last) = (distinct.first().unwrap(), distinct.last().unwrap());
    assert_eq!(last - first + 1, THREADS * WRITES, "a number is missing");
}

fn check(disk: &Disk, accounts: u32) {
    // What was confirmed is there after the next open, too.
    let engine =
        open(&Disk::holding(disk.after(crate::common::disk::Loss::Everything).image())).unwrap();
    let mut found = 0;
    for number in 0..accounts {
        for (at, content) in records(&engine, &did_of(number)) {
            let (thread, n) = at.rsplit_once('/').unwrap().1.split_once('-').unwrap();
            let number = thread.parse::<u64>().unwrap() * 100 + n.parse::<u64>().unwrap();
            assert_eq!(content, record(60, number));
            found += 1;
        }
    }
    assert_eq!(found, THREADS * WRITES);
    assert_clean(&engine);
}

#[test]
fn on_different_accounts() {
    let _turn = crate::alone();
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    for number in 0..THREADS as u32 {
        engine.create_account(&did_of(number), &key()).unwrap();
    }
    disk.sync_takes(Duration::from_millis(2));
    let before = disk.syncs();
    let numbers = write_at_once(&engine, |thread| did_of(thread as u32));
    assert_dense(&numbers);
    let flushes = (disk.syncs() - before) / 2;
    assert!(flushes < THREADS * WRITES / 4, "{flushes} flushes for {} writes", numbers.len());
    check(&disk, THREADS as u32);
}

#[test]
fn on_the_same_account() {
    let _turn = crate::alone();
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    engine.create_account(&did_of(0), &key()).unwrap();
    assert_dense(&write_at_once(&engine, |_| did_of(0)));
    check(&disk, 1);
}

#[test]
fn on_a_few_accounts() {
    let _turn = crate::alone();
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    for number in 0..5 {
        engine.create_account(&did_of(number), &key()).unwrap();
    }
    assert_dense(&write_at_once(&engine, |thread| did_of(thread as u32 % 5)));
    check(&disk, 5);
}

/// The disk fails under everybody: nobody hangs, everybody is told, and what was confirmed holds.
#[test]
fn a_disk_that_fails_under_all() {
    let _turn = crate::alone();
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    for number in 0..THREADS as u32 {
        engine.create_account(&did_of(number), &key()).unwrap();
    }
    disk.sync_takes(Duration::from_millis(1));
    disk.fail_at_sync(disk.syncs() + 20);
    let confirmed: Vec<(u32, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS as u32)
            .map(|thread| {
                let engine = &engine;
                scope.spawn(move || {
                    let write = |n: &u64| {
                        let at = path(&format!("com.example.post/{n}"));
                        let ops = vec![create_op(at, record(60, *n))];
                        engine.write(&did_of(thread), ops, &WriteOptions::default(), &key())
                    };
                    let done: Vec<u64> = (0..1000).take_while(|n| write(n).is_ok()).collect();
                    assert!(write(&2000).is_err(), "a write after the failure");
                    done.into_iter().map(|n| (thread, n)).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(confirmed.len() >= THREADS as usize, "{} writes", confirmed.len());
    drop(engine);
    let engine = open(&disk.after(crate::common::disk::Loss::Pages(1))).unwrap();
    for (thread, n) in confirmed {
        let snapshot = engine.snapshot(&did_of(thread)).unwrap();
        let at = path(&format!("com.example.post/{n}"));
        assert!(snapshot.record(&at).unwrap().is_some(), "{thread} {n} was confirmed");
    }
    assert_clean(&engine);
}

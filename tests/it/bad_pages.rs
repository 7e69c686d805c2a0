//! One page of the file that cannot be read costs what is on it, and nothing else: other accounts
//! are written and read, the store is closed and opens again.
//!
//! Holds guarantee G30.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::pages::{with_text, zeroed};
use crate::common::{Disk, clock, create_op, did_of, key, open, options, path, record, records};
use carrack::engine::{HealthState, Op, Retention, WriteOptions};
use carrack::env::Clock;
use carrack::ident::Did;
use carrack::{Engine, Error, ErrorKind, Progress};
use std::ops::Range;
use std::time::{Duration, Instant};

/// What is in the records of an account, and nowhere else.
fn mark(number: u32) -> Vec<u8> {
    format!("the records of account {number}").into_bytes()
}

fn post(number: u32, n: u64) -> Op {
    let mut text = mark(number);
    text.extend(record(400, n));
    let bytes = [&[0xa1, 0x61, b'd', 0x59][..], &(text.len() as u16).to_be_bytes(), &text].concat();
    create_op(path(&format!("com.example.post/3ke6kg3wk{n:04}")), bytes)
}

fn write(engine: &Engine, number: u32, n: u64) -> carrack::Result<carrack::engine::Written> {
    engine.write(&did_of(number), vec![post(number, n)], &WriteOptions::default(), &key())
}

/// The pages with records of an account.
fn pages_of_records(disk: &Disk, number: u32) -> Vec<Range<usize>> {
    with_text(disk, "rows", &mark(number))
}

/// Accounts with this many records each, in a store that was closed.
fn filled(accounts: u32, posts: u64) -> Disk {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    for number in 0..accounts {
        engine.create_account(&did_of(number), &key()).unwrap();
    }
    for n in 0..posts {
        for number in 0..accounts {
            write(&engine, number, n).unwrap();
        }
    }
    disk
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "not {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Writes to the last account go on, and after closing and opening all of it is there.
fn goes_on(disk: &Disk, engine: Engine, last: u32, from: u64) {
    for n in from..from + 40 {
        write(&engine, last, n).unwrap();
    }
    let held = records(&engine, &did_of(last));
    assert!(held.len() as u64 >= 40);
    drop(engine);
    let engine = open(disk).unwrap();
    assert_eq!(records(&engine, &did_of(last)), held);
    write(&engine, last, from + 40).unwrap();
}

#[test]
fn a_tree_that_cannot_be_removed() {
    // Their rows are neighbours: what is on one page with those of account 0 is of account 1.
    let disk = filled(3, 60);
    let pages = pages_of_records(&disk, 0);
    assert!(pages.len() > 8, "{} pages", pages.len());
    // Each in its turn: a page in the middle, and the first and the last.
    for page in [&pages[pages.len() / 2], &pages[0], pages.last().unwrap()] {
        let disk = zeroed(&disk, std::slice::from_ref(page));
        let engine = open(&disk).unwrap();
        engine.delete_account(&did_of(0)).unwrap();
        for n in 100..120 {
            write(&engine, 2, n).unwrap();
        }
        assert_eq!(engine.health().state, HealthState::Open);
        goes_on(&disk, engine, 2, 200);
    }
    // All of them: the removal is reported, once.
    let disk = zeroed(&disk, &pages);
    let engine = open(&disk).unwrap();
    engine.delete_account(&did_of(0)).unwrap();
    eventually("reported", || !engine.health().unreadable.is_empty());
    for n in 100..400 {
        write(&engine, 2, n).unwrap();
    }
    let health = engine.health();
    assert_eq!(health.state, HealthState::Open);
    assert!(health.unreadable.len() <= 2, "{health:?}");
    assert!(health.unreadable[0].doing.contains("tree"), "{health:?}");
    goes_on(&disk, engine, 2, 500);
}

#[test]
fn an_event_log_that_cannot_be_trimmed() {
    let disk = filled(2, 60);
    let mut pages = with_text(&disk, "events", b"#commit");
    // To the page of the last event nothing could be appended.
    let last = open(&Disk::holding(disk.image())).unwrap().last_seq().unwrap().to_le_bytes();
    pages.retain(|page| memchr::memmem::find(&disk.image()[page.clone()], &last).is_none());
    assert!(pages.len() > 20, "{} pages", pages.len());
    let retention = Retention::default().age_micros(1).bytes(1);
    for page in pages.iter().step_by(pages.len() / 12) {
        let disk = zeroed(&disk, std::slice::from_ref(page));
        let later = clock();
        later.advance(60_000_000);
        let options = options(&later).retention(retention);
        let engine = carrack::parts::redb::open(disk.clone(), &options).unwrap();
        for n in 100..120 {
            write(&engine, 1, n).unwrap();
        }
        assert_eq!(engine.health().state, HealthState::Open, "page {page:?}");
        assert!(later.now_micros() > crate::common::NOW);
        goes_on(&disk, engine, 1, 200);
    }
}

/// Readers of the log get what is before a damaged page, are told which numbers are missing, and get
/// what is behind.
#[test]
fn a_log_is_read_past_what_is_damaged() {
    let disk = filled(2, 60);
    let whole = numbers(&open(&Disk::holding(disk.image())).unwrap());
    assert!(whole.1.is_empty());
    let pages = with_text(&disk, "events", b"#commit");
    let mut noticed = 0;
    for page in pages.iter().step_by(pages.len() / 15) {
        let disk = zeroed(&disk, std::slice::from_ref(page));
        let engine = open(&disk).unwrap();
        let (read, missing) = numbers(&engine);
        noticed += usize::from(!missing.is_empty());
        let told = missing.iter().flat_map(|(first, last)| *first..=*last);
        let mut all: Vec<u64> = read.iter().copied().chain(told).collect();
        all.sort_unstable();
        assert_eq!(all, whole.0, "page {page:?}: {missing:?}");
        // A page holds some ten of them.
        assert!(read.len() + 80 > whole.0.len(), "page {page:?}: {missing:?}");
    }
    assert!(noticed > 4, "{noticed}");
}

/// The numbers of the events that can be read, and the stretches that cannot.
fn numbers(engine: &Engine) -> (Vec<u64>, Vec<(u64, u64)>) {
    let mut events = engine.events(0).unwrap();
    let (mut read, mut missing) = (Vec::new(), Vec::new());
    loop {
        match events.next() {
            Ok(None) => return (read, missing),
            Ok(Some(event)) => read.push(event.seq),
            Err(Error::UnreadableEvents { first, last, .. }) => missing.push((first, last)),
            Err(error) => panic!("{error}"),
        }
    }
}

/// The job of one caller meets a bad page; those of others in the same transaction are carried out.
#[test]
fn a_job_that_meets_a_bad_page_fails_alone() {
    let accounts = 40;
    let disk = filled(accounts, 12);
    let name = did_of(7);
    let pages = with_text(&disk, "revs", name.as_str().as_bytes());
    assert!(!pages.is_empty());
    let disk = zeroed(&disk, &pages);
    let engine = open(&disk).unwrap();
    let failed = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..accounts)
            .map(|number| {
                let engine = &engine;
                scope.spawn(move || (100..110).find_map(|n| write(engine, number, n).err()))
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    let error = failed[7].as_ref().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    // Neighbours share its pages, and most do not.
    let fine = failed.iter().filter(|error| error.is_none()).count();
    assert!(fine >= 20, "{fine}: {failed:?}");
    assert_eq!(engine.health().state, HealthState::Open);
    for (number, error) in (0..accounts).zip(&failed) {
        assert!(error.as_ref().is_none_or(|error| error.kind() == ErrorKind::Corrupt), "{error:?}");
        let held = records(&engine, &did_of(number)).len();
        assert_eq!(held, if error.is_none() { 22 } else { 12 }, "account {number}");
    }
}

/// A scrub names the account whose page is bad, and looks at the others.
#[test]
fn a_scrub_goes_past_a_bad_page() {
    let disk = filled(3, 60);
    let pages = pages_of_records(&disk, 1);
    let disk = zeroed(&disk, &pages[pages.len() / 2..=pages.len() / 2]);
    let engine = open(&disk).unwrap();
    let report = engine.scrub(Progress::none()).unwrap();
    assert_eq!(report.accounts, 3);
    let problems = report.problems.listed();
    assert!(!problems.is_empty());
    for problem in problems {
        let others = [0, 2].map(|number| did_of(number).to_string());
        assert!(!others.iter().any(|other| problem.message.contains(other)), "{problem}");
    }
    let named: Did = did_of(1);
    assert!(problems.iter().any(|problem| problem.message.contains(named.as_str())));
}

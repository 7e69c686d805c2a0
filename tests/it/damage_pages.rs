//! Bits that change in the pages of a store, keys and what leads to them included: every answer is
//! right, or an error that says that the store is damaged. Holds guarantee G24.
//!
//! `CARRACK_DAMAGE` says how many changes to try in each table, `CARRACK_SEED` which.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::pages::{Pages, pages};
use crate::common::{Disk, Rng, create_op, did_of, key, open, path, record, update_op};
use carrack::block::Cid;
use carrack::engine::{List, Op, WriteOptions};
use carrack::ident::{Did, RepoPath, Rev};
use carrack::{Engine, Error, ErrorKind, Progress};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The accounts that are there.
const ACCOUNTS: u32 = 6;
/// Of these all is asked.
const ASKED: [u32; 2] = [3, 4];

/// A record that needs a blob.
fn with_blob(number: u8) -> Vec<u8> {
    let blob = Cid::of(carrack::block::Codec::Raw, &[number]);
    let value = serde_json::json!({
        "$type": "com.example.post", "n": number,
        "blob": {
            "$type": "blob", "ref": {"$link": blob.to_string()}, "mimeType": "a/b", "size": 1,
        },
    });
    carrack::block::json::from_json(&value).unwrap()
}

fn plain_path(number: u32) -> RepoPath {
    path(&format!("com.example.c{}/{number:05}", number % 3))
}

/// The image of a store with some history, and revisions of the accounts that are asked.
struct Store {
    image: Vec<u8>,
    revs: Vec<(Did, Rev)>,
}

static STORE: LazyLock<Store> = LazyLock::new(|| {
    let disk = Disk::new();
    let engine = open(&disk).unwrap();
    let mut revs = Vec::new();
    for number in 0..ACCOUNTS {
        let did = did_of(number);
        engine.create_account(&did, &key()).unwrap();
        let mut write = |ops: Vec<Op>| {
            let written = engine.write(&did, ops, &WriteOptions::default(), &key()).unwrap();
            revs.push((did.clone(), written.rev));
        };
        let mined = MINED[0][..12].iter().chain(&MINED[1][..4]).chain(&MINED[2][..2]);
        let mined = mined.chain(&MINED[3][..1]).zip(0_u64..);
        write(
            mined
                .map(|(path, n)| {
                    create_op(
                        path.clone(),
                        record(if n == 3 { 40_000 } else { 60 + n as usize }, n),
                    )
                })
                .collect(),
        );
        write((0..100).map(|n| create_op(plain_path(n), record(80, n.into()))).collect());
        write((0..20).map(|n| update_op(plain_path(n * 5), with_blob(n as u8))).collect());
        write((0..20).map(|n| Op::delete(plain_path(n * 5 + 1))).collect());
    }
    drop(engine);
    revs.retain(|(did, _)| ASKED.iter().any(|number| did_of(*number) == *did));
    Store { image: disk.image(), revs }
});

type Answer = Result<Vec<u8>, ErrorKind>;

/// Asks for everything.
fn answers(engine: &Engine) -> Vec<(String, Answer)> {
    let mut found: Vec<(String, Answer)> = Vec::new();
    let mut note = |question: String, answer: carrack::Result<Vec<u8>>| {
        found.push((question, answer.map_err(|error: Error| error.kind())));
    };
    note("accounts".to_owned(), engine.accounts().map(|all| format!("{all:?}").into_bytes()));
    note("pages of accounts".to_owned(), pages_of_accounts(engine));
    note("events".to_owned(), events(engine));
    for number in 0..ACCOUNTS + 6 {
        let status = engine.status(&did_of(number));
        note(format!("status {number}"), status.map(|status| format!("{status:?}").into_bytes()));
    }
    for number in ASKED {
        let did = did_of(number);
        for (question, answer) in of_account(engine, &did) {
            note(format!("{question} of {number}"), answer);
        }
    }
    for (did, rev) in &STORE.revs {
        for rev in [*rev, Rev::from_u64(rev.as_u64() + 1).unwrap()] {
            let mut car = Vec::new();
            let exported = engine.export_since(did, rev, &mut car).map(|_| car);
            note(format!("{did} since {rev}"), exported);
        }
    }
    found
}

fn pages_of_accounts(engine: &Engine) -> carrack::Result<Vec<u8>> {
    let mut found = Vec::new();
    for limit in [1, 7] {
        let mut after = None;
        loop {
            let page = engine.accounts_after(after.as_ref(), limit)?;
            found.extend_from_slice(format!("{page:?}").as_bytes());
            match page.last() {
                Some(last) if page.len() == limit => after = Some(last.did.clone()),
                _ => break,
            }
        }
    }
    Ok(found)
}

fn events(engine: &Engine) -> carrack::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut events = engine.events(0)?;
    while let Some(event) = events.next()? {
        all.extend_from_slice(&event.frame());
    }
    Ok(all)
}

fn of_account(engine: &Engine, did: &Did) -> Vec<(String, carrack::Result<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut car = Vec::new();
    found.push(("export".to_owned(), engine.export(did, &mut car).map(|_| car)));
    let snapshot = match engine.snapshot(did) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            found.push(("snapshot".to_owned(), Err(error)));
            return found;
        }
    };
    found.push(("snapshot".to_owned(), Ok(Vec::new())));
    let mined = MINED.iter().take(5).flat_map(|paths| paths.iter().take(6).cloned());
    let paths: Vec<RepoPath> = (0..110).step_by(2).map(plain_path).chain(mined).collect();
    for path in &paths {
        let record = snapshot.record(path);
        let bytes = record.map(|record| match record {
            Some(record) => [record.rev.to_string().as_bytes(), record.block.bytes()].concat(),
            None => b"absent".to_vec(),
        });
        found.push((path.to_string(), bytes));
    }
    for path in paths.iter().step_by(9) {
        let mut car = Vec::new();
        found.push((format!("proof of {path}"), snapshot.proof(path, &mut car).map(|_| car)));
    }
    for reverse in [false, true] {
        for collection in [None, Some("com.example.c1".parse().unwrap())] {
            for cursor in [None, Some(plain_path(40))] {
                let list =
                    List::default().collection(collection.clone()).cursor(cursor).reverse(reverse);
                let listed = snapshot.list(&list).and_then(|records| {
                    records
                        .map(|record| record.map(|r| [r.path.as_bytes(), r.block.bytes()].concat()))
                        .collect::<carrack::Result<Vec<_>>>()
                });
                found.push((format!("{list:?}"), listed.map(|all| all.concat())));
                let entries = snapshot.entries(&list).and_then(|entries| {
                    entries
                        .map(|entry| {
                            entry.map(|(path, cid)| [path.as_bytes(), &cid.to_bytes()].concat())
                        })
                        .collect::<carrack::Result<Vec<_>>>()
                });
                found.push((format!("entries {list:?}"), entries.map(|all| all.concat())));
            }
        }
    }
    let collections = snapshot.collections().map(|all| format!("{all:?}").into_bytes());
    found.push(("collections".to_owned(), collections));
    let blobs = snapshot.blobs_needed().map(|all| format!("{all:?}").into_bytes());
    found.push(("blobs".to_owned(), blobs));
    let mut cids: Vec<Cid> = vec![snapshot.data().clone(), snapshot.commit().clone()];
    cids.extend((0..5).map(|n| Cid::of(carrack::block::Codec::DagCbor, &record(80, n))));
    let blocks = snapshot.blocks(&cids).map(|blocks| {
        let blocks_found: Vec<_> = blocks.blocks.iter().map(carrack::block::Block::cid).collect();
        format!("{blocks_found:?} {} {}", blocks.missing.len(), blocks.is_complete).into_bytes()
    });
    found.push(("blocks".to_owned(), blocks));
    let mut car = Vec::new();
    let proof = snapshot.prove_collection(&"com.example.c1".parse().unwrap(), &mut car);
    found.push(("proof of a collection".to_owned(), proof.map(|_| car)));
    found
}

fn is_damage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Corrupt | ErrorKind::Reopen)
}

/// Whether a change was noticed; a wrong answer is noted.
fn is_noticed(
    image: Vec<u8>,
    truth: &[(String, Answer)],
    what: &str,
    wrong: &mut Vec<String>,
) -> bool {
    let Ok(engine) = open(&Disk::holding(image)) else { return true };
    let mut noticed = false;
    let found: BTreeMap<String, Answer> = answers(&engine).into_iter().collect();
    for (question, right) in truth {
        match found.get(question) {
            Some(answer) if answer == right => {}
            Some(Err(kind)) if is_damage(*kind) => noticed = true,
            // There is no snapshot to ask.
            None => noticed = true,
            Some(answer) => {
                let answer = answer.as_ref().map(Vec::len);
                wrong.push(format!(
                    "{what}: {question}: {answer:?}, not {:?}",
                    right.as_ref().map(Vec::len)
                ));
            }
        }
    }
    if noticed && engine.scrub(Progress::none()).is_ok_and(|report| report.is_valid()) {
        wrong.push(format!("{what}: noticed, but not by the scrub"));
    }
    noticed
}

/// Whether the table's values have no checksum: account rows of form 1.
fn is_open(table: &str, pages: &Pages) -> bool {
    table == "accounts" && pages.first_byte == 0x89
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn single_bits_in_the_pages_of_every_table() {
    let image = &STORE.image;
    let truth = answers(&open(&Disk::holding(image.clone())).unwrap());
    let mut rng = Rng::new(number("CARRACK_SEED", 1));
    let tries = number("CARRACK_DAMAGE", 12);
    let (mut wrong, mut noticed) = (Vec::new(), BTreeMap::new());
    for (table, pages) in pages(image).into_iter().filter(|(table, pages)| !is_open(table, pages)) {
        assert!(!pages.used.is_empty(), "{table} has no entries");
        let mut seen = 0;
        for _ in 0..tries {
            let range = &pages.used[rng.below(pages.used.len() as u64) as usize];
            let offset = range.start + rng.below(range.len() as u64) as usize;
            let bit = rng.below(8);
            let mut damaged = image.clone();
            damaged[offset] ^= 1 << bit;
            let what = format!("{table}, bit {bit} of byte {offset}");
            seen += u64::from(is_noticed(damaged, &truth, &what, &mut wrong));
        }
        noticed.insert(table, seen);
    }
    eprintln!("noticed of {tries} each: {noticed:?}");
    assert!(
        wrong.is_empty(),
        "{} wrong answers: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(40)]
    );
    for (table, seen) in noticed {
        let least = tries / 6;
        assert!(seen >= least, "{table}: {seen} of {tries} noticed, {least} at least");
    }
}

#[test]
fn zeroed_pages_of_every_table() {
    let image = &STORE.image;
    let truth = answers(&open(&Disk::holding(image.clone())).unwrap());
    let mut rng = Rng::new(number("CARRACK_SEED", 1));
    let mut wrong = Vec::new();
    for (table, pages) in pages(image) {
        for _ in 0..(number("CARRACK_DAMAGE", 12) / 6).min(pages.ranges.len() as u64) {
            let range = pages.ranges[rng.below(pages.ranges.len() as u64) as usize].clone();
            let mut damaged = image.clone();
            damaged[range.clone()].fill(0);
            let what = format!("{table}, zeros at {}", range.start);
            let seen = is_noticed(damaged, &truth, &what, &mut wrong);
            // A page of rows, revisions or references may be another account's.
            let is_others = matches!(table, "rows" | "revs" | "blobs");
            assert!(seen || is_others, "{what}: not noticed");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

//! What is got out of a damaged store is true, and what is missing is said.
//!
//! Holds guarantee G44. `CARRACK_DAMAGE` says how many changes to try in each table, `CARRACK_SEED`
//! which.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::common::mined::MINED;
use crate::common::pages::{pages, with_text};
use crate::common::raw::rows;
use crate::common::{
    Disk, Rng, assert_clean, create_op, did_of, export, import, key, open, path, record, records,
    with_key,
};
use carrack::engine::{Loss, Op, PartialBackup, Salvaged, SalvagedExport, WriteOptions};
use carrack::env::SystemClock;
use carrack::ident::Did;
use carrack::verify::{Discard, ExpectedHead, Input, verify};
use carrack::{Code, Engine, Error, ErrorKind, Progress};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

type Held = BTreeMap<String, Vec<u8>>;

/// The accounts that are there.
const ACCOUNTS: u32 = 4;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn fill(engine: &Engine, number: u32) {
    let did = did_of(number);
    engine.create_account(&did, &key()).unwrap();
    let write = |ops: Vec<Op>| {
        engine.write(&did, ops, &WriteOptions::default(), &key()).unwrap();
    };
    let mined = MINED[0][..12].iter().chain(&MINED[1][..4]).chain(&MINED[2][..2]);
    let mined = mined.chain(&MINED[3][..1]).zip(0_u64..);
    let length = |n: u64| if n == 3 { 40_000 } else { 60 + n as usize };
    write(mined.map(|(path, n)| create_op(path.clone(), record(length(n), n))).collect());
    let plain = |n: u64| path(&format!("com.example.c{}/{n:05}", n % 3));
    write((0..100).map(|n| create_op(plain(n), record(80, n))).collect());
    write((0..20).map(|n| Op::delete(plain(n * 5 + 1))).collect());
}

/// A store with some history, what is in it, and the exports of its accounts.
struct Store {
    image: Vec<u8>,
    held: Vec<(Did, Held, Vec<u8>)>,
    frames: BTreeMap<u64, Vec<u8>>,
}

/// Accounts that were imported: their log has no records.
static STORE: LazyLock<Store> = LazyLock::new(|| {
    let (source, disk) = (crate::common::engine(), Disk::new());
    let engine = open(&disk).unwrap();
    for number in 0..ACCOUNTS {
        fill(&source, number);
        import(&engine, &export(&source, &did_of(number)), &with_key()).unwrap();
    }
    for number in 0..40 {
        let handle = format!("handle-{number}.example.com");
        engine.announce_identity(&did_of(number % ACCOUNTS), Some(&handle)).unwrap();
    }
    let dids = (0..ACCOUNTS).map(did_of);
    let held = dids.map(|did| (did.clone(), records(&engine, &did), export(&engine, &did)));
    let held = held.collect();
    let frames = frames(&engine);
    drop(engine);
    Store { image: disk.image(), held, frames }
});

/// Changes bytes of a store, wherever it has them: old pages have them too.
fn change(image: &mut [u8], bytes: &[u8], change: impl Fn(&mut [u8])) {
    let places: Vec<usize> = memchr::memmem::find_iter(image, bytes).collect();
    assert!(!places.is_empty());
    for at in places {
        change(&mut image[at..at + bytes.len()]);
    }
}

fn frames(engine: &Engine) -> BTreeMap<u64, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut events = engine.events(0).unwrap();
    while let Some(event) = events.next().unwrap() {
        found.insert(event.seq, event.frame());
    }
    found
}

/// What an export has, what it says of it, and what is lost.
struct Got {
    car: Vec<u8>,
    said: SalvagedExport,
    losses: Vec<Loss>,
}

fn salvage(engine: &Engine, did: &Did) -> carrack::Result<Got> {
    let (mut car, mut losses) = (Vec::new(), Vec::new());
    let said = engine.export_salvaged(did, &mut car, &mut |loss| losses.push(loss))?;
    Ok(Got { car, said, losses })
}

fn cid_of(loss: &Loss) -> String {
    match loss {
        Loss::Commit { cid, .. } | Loss::Range { cid, .. } | Loss::Record { cid, .. } => {
            cid.to_string()
        }
        other => panic!("{other:?}"),
    }
}

fn is_said(losses: &[Loss], path: &str) -> bool {
    losses.iter().any(|loss| match loss {
        Loss::Record { path: lost, .. } => lost == path,
        Loss::Range { after, before, .. } => {
            path > after.as_str() && before.as_ref().is_none_or(|before| path < before.as_str())
        }
        _ => false,
    })
}

/// Whether anything was lost. All that was got is true, and all that is missing is said; the CAR's
/// verification finds just that.
fn judge(engine: &Engine, did: &Did, held: &Held, what: &str) -> bool {
    let got = match salvage(engine, did) {
        Ok(got) => got,
        // Without the account's row nothing is proved.
        Err(error) => {
            let is_damage = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Reopen);
            assert!(is_damage, "{what}: {error}");
            return true;
        }
    };
    let mut read = Held::new();
    for step in engine.salvage(did).unwrap() {
        if let Salvaged::Record { path, block } = step.unwrap() {
            assert_eq!(held.get(path.as_str()).map(|r| &r[..]), Some(block.bytes()), "{what}");
            read.insert(path.to_string(), block.bytes().to_vec());
        }
    }
    for path in held.keys().filter(|path| !read.contains_key(*path)) {
        assert!(is_said(&got.losses, path), "{what}: {path} is missing: {:?}", got.losses);
    }
    let said = &got.said;
    assert_eq!(said.records, read.len() as u64, "{what}");
    assert_eq!(said.records + said.records_lost, held.len() as u64, "{what}");
    assert_eq!((said.losses, said.bytes), (got.losses.len() as u64, got.car.len() as u64));
    assert_eq!(said.is_whole(), got.losses.is_empty(), "{what}");
    check_car(&got, did, what);
    !said.is_whole()
}

fn check_car(got: &Got, did: &Did, what: &str) {
    let expect = ExpectedHead::signed_by([key().verifying_key()]).did(did.clone());
    let report =
        verify(&Input::from(got.car.clone()), &expect, &SystemClock, &mut Discard).unwrap();
    let found = report.problems.listed();
    let codes = [Code::MissingNode, Code::MissingRecord, Code::MissingCommit];
    assert!(found.iter().all(|problem| codes.contains(&problem.code)), "{what}: {found:?}");
    let lost: BTreeSet<String> = got.losses.iter().map(cid_of).collect();
    if got.losses.iter().any(|loss| matches!(loss, Loss::Commit { .. })) {
        assert_eq!(found[0].code, Code::MissingCommit, "{what}");
        return;
    }
    let found: BTreeSet<String> =
        found.iter().map(|problem| problem.cid.as_ref().unwrap().to_string()).collect();
    assert_eq!(found, lost, "{what}");
}

#[test]
fn of_a_whole_store_all_is_got() {
    let engine = open(&Disk::holding(STORE.image.clone())).unwrap();
    for (did, held, whole) in &STORE.held {
        assert!(!judge(&engine, did, held, "whole"));
        assert_eq!(salvage(&engine, did).unwrap().car, *whole);
    }
    let (done, disk) = backup(&engine).unwrap();
    assert!(done.is_whole(), "{done:?}");
    let copy = open(&disk).unwrap();
    assert_eq!(copy.accounts().unwrap(), engine.accounts().unwrap());
    assert_eq!(frames(&copy), STORE.frames);
    // The revisions that were held, too: a diff is one.
    let written = records(&engine, &did_of(1));
    assert_eq!(records(&copy, &did_of(1)), written);
    assert_clean(&copy);
}

/// Every byte of every row, in turn. Nodes that are lost are made anew from what hangs on them, unless
/// their records are in the same row.
#[test]
fn one_damaged_row_costs_what_is_in_it() {
    let (did, held, whole) = &STORE.held[0];
    let all = rows(&Disk::holding(STORE.image.clone()));
    let first = all[0].0[..8].to_vec();
    let (mut nodes, mut records, mut runs) = (0, 0, 0);
    for (key, value) in all.iter().filter(|(key, _)| key[..8] == first) {
        let is_record = key.ends_with(&[0, 0]) || key[key.len() - 3..key.len() - 1] == [0, 0];
        let is_run = key.ends_with(&[0, 129]) && !is_record;
        let step = (value.len() / 12).max(1);
        let flips = (0..24.min(value.len())).chain((24..value.len()).step_by(step));
        for place in flips.map(Some).chain([None]) {
            let mut image = STORE.image.clone();
            change(&mut image, value, |bytes| match place {
                Some(at) => bytes[at] ^= 0x11,
                None => bytes[value.len() / 2..].fill(0),
            });
            let engine = open(&Disk::holding(image)).unwrap();
            let what = format!("row {}", String::from_utf8_lossy(&key[8..]));
            let is_lost = judge(&engine, did, held, &what);
            let got = salvage(&engine, did).unwrap();
            if !is_lost {
                assert_eq!(got.car, *whole, "{what}");
            }
            match (is_record, is_run) {
                (true, _) => {
                    assert!(got.said.losses <= 1, "{what}: {:?}", got.losses);
                    records += got.said.records_lost;
                }
                (false, true) => runs += got.said.records_lost,
                (false, false) => {
                    assert!(!is_lost, "{what}: {:?}", got.losses);
                    nodes += 1;
                }
            }
        }
    }
    assert!(nodes > 50 && records > 10 && runs > 10, "{nodes} nodes, {records}, {runs} in runs");
}

/// The signature is in the commit's row and in the log.
#[test]
fn a_lost_commit_is_found_in_the_log() {
    for (did, held, whole) in &STORE.held {
        let mut image = STORE.image.clone();
        let all = rows(&Disk::holding(image.clone()));
        let head = export(&open(&Disk::holding(image.clone())).unwrap(), did);
        let row = all.iter().find(|(key, value)| {
            // Behind form, checksum, counts and revision is the section.
            key[8..] == [0, 0] && memchr::memmem::find(&head, &value[15..]).is_some()
        });
        let row = &row.unwrap().1;
        change(&mut image, row, |bytes| bytes.fill(0));
        assert_eq!(
            salvage(&open(&Disk::holding(image.clone())).unwrap(), did).unwrap().car,
            *whole
        );
        change(&mut image, &row[15..], |bytes| bytes.fill(0));
        let engine = open(&Disk::holding(image)).unwrap();
        assert!(judge(&engine, did, held, "no commit"));
        let got = salvage(&engine, did).unwrap();
        assert!(matches!(got.losses[..], [Loss::Commit { .. }]), "{:?}", got.losses);
        assert_eq!(got.said.records_lost, 0);
    }
}

/// Several rows at once, also neighbours and parents of each other.
#[test]
fn several_damaged_rows_cost_what_is_in_them() {
    let mut rng = Rng::new(number("CARRACK_SEED", 1));
    let all = rows(&Disk::holding(STORE.image.clone()));
    let (mut whole, mut parts) = (0, 0);
    for round in 0..number("CARRACK_DAMAGE", 12) * 5 {
        let mut image = STORE.image.clone();
        for _ in 0..=rng.below(8) {
            let (_, value) = &all[rng.below(all.len() as u64) as usize];
            // It may be changed already.
            if memchr::memmem::find(&image, value).is_none() {
                continue;
            }
            let (at, bit) = (rng.below(value.len() as u64) as usize, rng.below(8));
            let kind = rng.below(3);
            change(&mut image, value, |bytes| match kind {
                0 => bytes.fill(0),
                1 => bytes[at] ^= 1 << bit,
                _ => bytes[at..].fill(0xff),
            });
        }
        let engine = open(&Disk::holding(image)).unwrap();
        let mut lost = BTreeSet::new();
        for (did, held, _) in &STORE.held {
            if judge(&engine, did, held, &format!("round {round}")) {
                lost.insert(did.clone());
            }
        }
        whole += usize::from(lost.is_empty());
        parts += lost.len();
        judge_backup(&engine, &format!("round {round}"));
    }
    assert!(parts > 20, "{parts} accounts lost something, {whole} stores nothing");
}

fn backup(engine: &Engine) -> carrack::Result<(PartialBackup, Disk)> {
    let disk = Disk::new();
    let done = carrack::parts::redb::backup_intact(engine, disk.clone(), Progress::none())?;
    Ok((done, disk))
}

/// Every account is in the copy as it was, or is said to be left out; the copy has no fault, and its
/// log shows where it begins.
fn judge_backup(engine: &Engine, what: &str) -> Option<PartialBackup> {
    let (done, disk) = match backup(engine) {
        Ok(done) => done,
        Err(error) => {
            let is_damage = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Reopen);
            assert!(is_damage, "{what}: {error}");
            return None;
        }
    };
    let copy = open(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
    let report = copy.scrub(Progress::none()).unwrap();
    assert!(report.is_valid(), "{what}: {:?}", report.problems.listed());
    let truth = open(&Disk::holding(STORE.image.clone())).unwrap();
    for (did, held, whole) in &STORE.held {
        let is_left_out = done.left_out.iter().any(|lost| lost.did.as_ref() == Some(did));
        match copy.status(did) {
            Ok(status) => {
                assert!(!is_left_out, "{what}: {did} is in the copy");
                assert_eq!(status, truth.status(did).unwrap(), "{what}");
                assert_eq!((&records(&copy, did), &export(&copy, did)), (held, whole), "{what}");
            }
            Err(Error::NotFound(_)) => {
                // A row whose name is damaged is said by the name that it has now.
                let is_known = |did: &Did| STORE.held.iter().any(|(known, ..)| known == did);
                let is_unnamed = |did: &Option<Did>| did.as_ref().is_none_or(|did| !is_known(did));
                let is_unnamed = done.left_out.iter().any(|lost| is_unnamed(&lost.did));
                assert!(is_left_out || is_unnamed, "{what}: {did} is not in the copy");
            }
            Err(error) => panic!("{what}: {error}"),
        }
    }
    // An event is in the copy as it was, or before its beginning.
    let until = done.events_left_out.as_ref().map_or(0, |events| events.until);
    let expected: BTreeMap<_, _> =
        STORE.frames.range(until + 1..).map(|(seq, frame)| (*seq, frame.clone())).collect();
    assert_eq!(frames(&copy), expected, "{what}");
    assert_eq!(copy.oldest_seq().unwrap(), expected.keys().next().copied(), "{what}");
    assert_eq!(copy.last_seq().unwrap(), truth.last_seq().unwrap(), "{what}");
    Some(done)
}

#[test]
fn damaged_pages_of_every_table_cost_what_is_on_them() {
    let image = &STORE.image;
    let mut rng = Rng::new(number("CARRACK_SEED", 1));
    let mut left_out = BTreeMap::new();
    for (table, mut pages) in pages(image) {
        pages.used.retain(|range| !range.is_empty());
        if pages.used.is_empty() {
            continue;
        }
        for round in 0..number("CARRACK_DAMAGE", 12) {
            let mut damaged = image.clone();
            let what = if round % 3 == 0 {
                let range = pages.ranges[rng.below(pages.ranges.len() as u64) as usize].clone();
                damaged[range.clone()].fill(0);
                format!("{table}, zeros at {}", range.start)
            } else {
                let range = &pages.used[rng.below(pages.used.len() as u64) as usize];
                let offset = range.start + rng.below(range.len() as u64) as usize;
                let bit = rng.below(8);
                damaged[offset] ^= 1 << bit;
                format!("{table}, bit {bit} of byte {offset}")
            };
            let Ok(engine) = open(&Disk::holding(damaged)) else { continue };
            for (did, held, _) in &STORE.held {
                judge(&engine, did, held, &what);
            }
            let done = judge_backup(&engine, &what);
            *left_out.entry(table).or_insert(0) += u64::from(done.is_some_and(|d| !d.is_whole()));
        }
    }
    eprintln!("left something out: {left_out:?}");
    for table in ["rows", "accounts", "events"] {
        assert!(left_out[table] > 0, "{left_out:?}");
    }
}

/// The gap is seen by readers of the copy after its restore is confirmed, too.
#[test]
fn a_damaged_log_begins_behind_the_damage() {
    let disk = Disk::holding(STORE.image.clone());
    let log = with_text(&disk, "events", b"#identity");
    let engine = open(&crate::common::pages::zeroed(&disk, &log[..1])).unwrap();
    let done = judge_backup(&engine, "a page of events").unwrap();
    assert!(done.left_out.is_empty() && !done.is_whole());
    let until = done.events_left_out.unwrap().until;
    assert!(until > 1 && until < engine.last_seq().unwrap(), "{until}");
    let (_, disk) = backup(&engine).unwrap();
    let copy = open(&disk).unwrap();
    let restored = copy.unconfirmed_restore().unwrap().unwrap();
    copy.confirm_restore(restored.last_seq + 50, restored.last_rev.unwrap()).unwrap();
    assert_eq!(copy.oldest_seq().unwrap(), Some(until + 1));
    copy.create_account(&did_of(90), &key()).unwrap();
    assert_clean(&copy);
}

/// What the command does with a store in which no record is found by its key, and 300 are.
#[cfg(feature = "cli")]
#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn the_commands_keep_going() {
    use std::process::Command;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let packed = crate::common::material::fixtures().join("field/damaged-ls-empty.redb.gz");
    let unpacked = Command::new("gzip").arg("-dc").arg(packed).output().unwrap();
    std::fs::write(at.join("a.redb"), unpacked.stdout).unwrap();
    let run = |code: i32, args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
        let out = command.args(args).current_dir(at).output().unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        (String::from_utf8_lossy(&out.stdout).into_owned(), said)
    };
    let accounts: serde_json::Value =
        serde_json::from_str(&run(0, &["accounts", "a.redb", "--json"]).0).unwrap();
    let did = accounts["accounts"][0]["did"].as_str().unwrap();
    run(2, &["export", "a.redb", did, "-o", "whole.car"]);
    assert!(!at.join("whole.car").exists());
    let keep_going = ["export", "a.redb", did, "--keep-going", "-o", "part.car", "--json"];
    let exported: serde_json::Value = serde_json::from_str(&run(0, &keep_going).0).unwrap();
    assert_eq!((&exported["records"], &exported["records_lost"]), (&300.into(), &0.into()));
    assert_eq!(run(0, &["dump", "a.redb", did, "--keep-going"]).0.lines().count(), 300);
    let key_name = "did:key:zQ3shVNcwuoTaPz29UkkNxN8Aa4JZcEDNaUyf3rE2uaKQ6APD";
    let verified = run(0, &["verify", "part.car", "--key", key_name, "--did", did, "--json"]).0;
    let verified: serde_json::Value = serde_json::from_str(&verified).unwrap();
    assert_eq!(verified["records"], 300);
    let (_, said) = run(1, &["backup", "a.redb", "b.redb", "--keep-going"]);
    assert!(said.contains(did) && said.contains("export --keep-going"), "{said}");
    run(0, &["scrub", "b.redb"]);
    run(2, &["export", "a.redb", did, "--keep-going", "--since", "3jzfcijpj2z2a"]);
    // Nothing is lost of a store that is whole.
    run(0, &["key", "new", "k"]);
    let other = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
    run(0, &["create", "c.redb", other, "--key-file", "k"]);
    run(0, &["export", "c.redb", other, "--keep-going", "-o", "c.car"]);
    run(0, &["backup", "c.redb", "d.redb", "--keep-going"]);
    run(0, &["verify", "c.car"]);
    // Of one whose bytes are gone, the path is told, and the rest is written.
    let note = |n: u8| create_op(path(&format!("com.example.note/{n}")), record(50, n.into()));
    let engine = Engine::open(at.join("e.redb")).unwrap();
    let source = crate::common::engine_with_account();
    source.write(&did_of(0), vec![note(1), note(2)], &WriteOptions::default(), &key()).unwrap();
    import(&engine, &export(&source, &did_of(0)), &with_key()).unwrap();
    drop(engine);
    let mut image = std::fs::read(at.join("e.redb")).unwrap();
    change(&mut image, &record(50, 2), |bytes| bytes[20..].fill(0));
    std::fs::write(at.join("e.redb"), image).unwrap();
    let did = did_of(0).to_string();
    let (_, said) = run(1, &["export", "e.redb", &did, "--keep-going", "-o", "e.car"]);
    assert!(said.contains("lost: \"com.example.note/2\""), "{said}");
    assert!(said.contains("1 of 2 records cannot be proved"), "{said}");
    let (out, _) = run(1, &["verify", "e.car", "--json"]);
    let verified: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(verified["problems"][0]["code"], "MissingRecord");
    let (out, _) = run(1, &["backup", "e.redb", "f.redb", "--keep-going", "--json"]);
    let copied: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&copied["accounts"], &copied["left_out"][0]["did"]), (&0.into(), &did.into()));
}

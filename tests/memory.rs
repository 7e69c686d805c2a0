//! Memory does not grow with the repository, nor with the number of sections that are not of it.
//! Holds guarantees G13, G35 and G42.
//!
//! Each job runs in a process of its own, which tells the most memory that it ever had resident.
//! `CARRACK_MEMORY_RECORDS` sets the size; 1,000,000 is what the guarantee speaks of.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../benches/common/mod.rs"]
mod common;

use carrack::block::{Cid, Codec};
use carrack::engine::{Engine, ImportOptions, Options};
use carrack::env::SystemClock;
use carrack::key::{Curve, SigningKey};
use carrack::migrate::{MigrateOptions, migrate};
use carrack::verify::{Discard, ExpectedHead, Input, verify};
use common::{Order, did, signing_key, write_car};
use std::path::Path;
use std::process::Command;

const LIMIT_KIB: u64 = 200 * 1024;
const JOB: &str = "CARRACK_MEMORY_JOB";
const FOLDER: &str = "CARRACK_MEMORY_FOLDER";

#[test]
fn no_job_takes_more_than_200_mib() {
    let records = std::env::var("CARRACK_MEMORY_RECORDS");
    let records = records.map_or(60_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    for (name, order) in [("streaming", Order::Streaming), ("shuffled", Order::Shuffled)] {
        write_car(&folder.path().join(format!("{name}.car")), records, order);
    }
    let jobs = [
        "verify streaming",
        "verify shuffled",
        "import streaming",
        "import shuffled",
        "export streaming",
        "migrate streaming",
    ];
    for job in jobs {
        let most = peak_of(job, folder.path());
        println!("{job}: {} MiB at {records} records", most / 1024);
        assert!(most < LIMIT_KIB, "{job} took {most} KiB at {records} records");
    }
}

/// What a verification takes that indexes nothing, and sixteen to twenty bytes for each of a million
/// sections.
const FIXED_KIB: u64 = 24 * 1024;
const MILLION_KIB: u64 = 20 * 1_000_000 / 1024;

#[test]
fn no_number_of_sections_takes_memory() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.car");
    write_car(&whole, 500, Order::Streaming);
    let whole = std::fs::read(&whole).unwrap();
    // A blob of no bytes, its CID carrying them, and a block of no bytes.
    let blob = [4, 1, 0x55, 0, 0];
    let cid = Cid::of(Codec::DagCbor, b"").to_bytes();
    let block = [&[36], &cid[..]].concat();
    let behind = |section: &[u8], count| [whole.clone(), section.repeat(count)].concat();
    for (name, car, limit) in [
        ("blobs", behind(&blob, 2_000_000), FIXED_KIB),
        ("spare blocks", behind(&block, 990_000), FIXED_KIB + MILLION_KIB),
        ("blocks", behind(&block, 2_500_000), FIXED_KIB + MILLION_KIB),
    ] {
        std::fs::write(folder.path().join(format!("{name}.car")), car).unwrap();
        for job in ["inspect", "refuse"] {
            let most = peak_of(&format!("{job} {name}"), folder.path());
            println!("{job} {name}: {} MiB", most / 1024);
            assert!(most < limit, "{job} {name} took {most} KiB");
        }
    }
}

/// Runs a job in another process and gives its peak in KiB.
fn peak_of(job: &str, folder: &Path) -> u64 {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "job_of_a_child", "--nocapture"])
        .env(JOB, job)
        .env(FOLDER, folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{job}: {text} {}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.split("peak KiB: ").nth(1)).unwrap();
    line.trim().parse().unwrap()
}

/// What the other tests start in a process of its own. Without a job it looks whether the peak of a
/// process is what they take it for.
#[test]
fn job_of_a_child() {
    let Ok(job) = std::env::var(JOB) else {
        let before = peak_kib();
        let filled = vec![1_u8; usize::try_from(before).unwrap() * 2048];
        let used = u64::try_from(std::hint::black_box(&filled).len()).unwrap() / 1024;
        assert!(peak_kib() >= used, "{used} KiB were in use");
        return;
    };
    let folder = std::env::var_os(FOLDER).unwrap();
    let folder = Path::new(&folder);
    let (what, order) = job.split_once(' ').unwrap();
    let input = Input::open(folder.join(format!("{order}.car"))).unwrap();
    let expect = ExpectedHead::signed_by([signing_key().verifying_key()]).did(did());
    let options = ImportOptions::default().head(expect.clone());
    let store = folder.join(format!("{order}.redb"));
    match what {
        "verify" => {
            assert!(verify(&input, &expect, &SystemClock, &mut Discard).unwrap().is_valid());
        }
        "import" => {
            Engine::open(store).unwrap().import(&input, &options).unwrap();
        }
        "inspect" => {
            let report = verify(&input, &expect, &SystemClock, &mut Discard).unwrap();
            assert_eq!((report.records, report.is_valid()), (Some(500), order != "blocks"));
        }
        "refuse" => {
            // With a cache as small as that, what is left is the reading.
            let options = Options::default().cache_bytes(1 << 20);
            let engine = Engine::open_with(store, &options).unwrap();
            let unverified = ImportOptions::default().unverified();
            assert_eq!(engine.import(&input, &unverified).is_ok(), order != "blocks");
        }
        "export" => {
            Engine::open(store).unwrap().export(&did(), std::io::sink()).unwrap();
        }
        "migrate" => {
            let source = Engine::open(store).unwrap();
            let destination = Engine::open(folder.join("destination.redb")).unwrap();
            let key = SigningKey::from_bytes(Curve::P256, &[8; 32]).unwrap();
            let options = MigrateOptions::new("there", &key);
            migrate(&source, &destination, &did(), &options).unwrap();
        }
        _ => panic!("no job {what}"),
    }
    println!("peak KiB: {}", peak_kib());
}

fn peak_kib() -> u64 {
    peak_in(&std::fs::read_to_string("/proc/self/status").unwrap()).unwrap()
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Pages of the store's file in the cache (64 MiB and an eighth), and what the command itself takes.
#[cfg(feature = "cli")]
const ACCOUNTS_KIB: u64 = 90 * 1024;

/// Holds guarantee G42. `CARRACK_MEMORY_ACCOUNTS` sets how many there are.
#[test]
#[cfg(feature = "cli")]
fn accounts_are_listed_in_bounded_memory() {
    let accounts = std::env::var("CARRACK_MEMORY_ACCOUNTS");
    let accounts = accounts.map_or(100_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store.redb");
    let engine = Engine::open(&store).unwrap();
    engine.create_account(&did(), &signing_key()).unwrap();
    drop(engine);
    multiply(&store, accounts - 1);
    for (options, one) in [(&[][..], &b"  active  "[..]), (&["--json"], b"\"state\":\"active\"")] {
        let (most, listed) = listed(&store, options, one);
        println!("accounts {options:?}: {} MiB at {accounts} accounts", most / 1024);
        assert_eq!(listed, accounts, "{options:?}");
        assert!(most < ACCOUNTS_KIB, "{options:?} took {most} KiB at {accounts} accounts");
    }
}

/// Gives a store of one account many others that are like it.
#[cfg(feature = "cli")]
fn multiply(store: &Path, accounts: u64) {
    use redb::ReadableTable;
    let rows: redb::TableDefinition<&[u8], &[u8]> =
        redb::TableDefinition::new("carrack.accounts.1");
    let database = redb::Database::open(store).unwrap();
    let txn = database.begin_write().unwrap();
    {
        let mut table = txn.open_table(rows).unwrap();
        let row = table.first().unwrap().unwrap().1.value().to_vec();
        let payload = &row[..row.len() - 8];
        for number in 0..accounts {
            let letters: String = format!("{number:024}")
                .bytes()
                .map(|digit| char::from(b'a' + digit - b'0'))
                .collect();
            let did = format!("did:plc:{letters}");
            let sum = blake3::hash(&[did.as_bytes(), &[0], payload].concat());
            table.insert(did.as_bytes(), &[payload, &sum.as_bytes()[..8]].concat()[..]).unwrap();
        }
    }
    txn.commit().unwrap();
}

/// Runs `carrack accounts`: its peak in KiB, and how often its output has a text.
#[cfg(feature = "cli")]
fn listed(store: &Path, options: &[&str], text: &[u8]) -> (u64, u64) {
    use std::io::Read;
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrack"));
    command.arg("accounts").arg(store).args(options).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut output = child.stdout.take().unwrap();
    let (mut most, mut found, mut kept, mut part) = (0, 0, Vec::new(), vec![0; 1 << 16]);
    loop {
        let length = output.read(&mut part).unwrap();
        if length == 0 {
            break;
        }
        kept.extend_from_slice(&part[..length]);
        found += memchr::memmem::find_iter(&kept, text).count() as u64;
        // A text may be in two parts.
        kept.drain(..kept.len().saturating_sub(text.len() - 1));
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        most = most.max(peak_in(&status).unwrap_or(0));
    }
    assert!(child.wait().unwrap().success());
    (most, found)
}

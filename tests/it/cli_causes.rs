//! The command line names the cause first, and says what its lists leave out. Holds guarantee G38.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::bench_common::{Order, did, signing_key, write_car};
use carrack::block::Cid;
use carrack::car::{Reader, Writer};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const RECORDS: u64 = 3000;

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_carrack")).args(args).current_dir(folder).output().unwrap()
}

/// What a command that is refused prints, and what it says.
#[track_caller]
fn refused(folder: &Path, args: &[&str]) -> (String, String) {
    let out = run(folder, args);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{args:?}: {said}");
    (String::from_utf8(out.stdout).unwrap(), said)
}

#[track_caller]
fn refused_json(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&refused(folder, args).0).unwrap()
}

/// A download that ended early: with few records missing, with more than are listed, without its
/// commit.
fn cut_downloads(folder: &Path) -> [(&'static str, u64); 3] {
    let path = folder.join("whole.car");
    write_car(&path, RECORDS, Order::Streaming);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(folder.join("few.car"), &whole[..whole.len() - 2000]).unwrap();
    write_car(&path, RECORDS, Order::Shuffled);
    let mut reader = Reader::new(&whole[..]).unwrap();
    let root = reader.roots()[0].clone();
    let mut nodes: Vec<(Cid, Vec<u8>)> = Vec::new();
    let mut records = Vec::new();
    while let Some(section) = reader.next_section().unwrap() {
        let is_node = carrack::tree::Node::decode(section.bytes()).is_ok() || section.cid == root;
        let list = if is_node { &mut nodes } else { &mut records };
        list.push((section.cid.clone(), section.bytes().to_vec()));
    }
    // The tree is whole, so that each of the records is missed by itself.
    let sections = |of: &[(Cid, Vec<u8>)]| {
        let mut writer = Writer::new(Vec::new(), std::slice::from_ref(&root)).unwrap();
        for (cid, bytes) in of {
            writer.write(cid, bytes).unwrap();
        }
        writer.finish().unwrap()
    };
    let many = sections(&[&nodes[..], &records[..100]].concat());
    std::fs::write(folder.join("many.car"), &many[..many.len() - 10]).unwrap();
    // In random order, without what happened to come last.
    let late: Vec<_> = nodes[1..].iter().chain(&records).chain(&nodes[..1]).cloned().collect();
    let headless = sections(&late);
    std::fs::write(folder.join("headless.car"), &headless[..headless.len() - 10]).unwrap();
    [("few.car", 1), ("many.car", RECORDS - 99), ("headless.car", 1)]
}

#[test]
fn a_cut_download_is_cut_off_before_anything_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (name, missing) in cut_downloads(at) {
        let report = refused_json(at, &["verify", "--json", name]);
        let problems = report["problems"].as_array().unwrap();
        let omitted = report["problems_omitted"].as_u64().unwrap();
        assert_eq!(problems[0]["code"], "Truncated", "{name}");
        assert_eq!(report["warnings_omitted"], 0);
        let all = problems.len() as u64 + omitted;
        assert!(all > missing && (problems.len() == 1000) == (omitted > 0), "{name}: {all}");
        if missing > 1 {
            assert_eq!(all, 1 + missing, "{name}");
        }

        let (_, said) = refused(at, &["verify", name]);
        assert!(said.contains("first Truncated: "), "{said}");
        let (_, said) = refused(at, &["ls", name]);
        assert!(said.lines().next().unwrap().contains("Truncated"), "{said}");

        let refusal = refused_json(at, &["import", "--json", "--no-key", "s.redb", name]);
        assert_eq!(refusal["problems"], report["problems"], "{name}");
        assert_eq!(refusal["problems_omitted"], omitted);
        let (_, said) = refused(at, &["import", "--no-key", "s.redb", name]);
        assert!(said.starts_with("error: refused: Truncated: "), "{said}");
        if all > 20 {
            let more = format!("  and {} more\n", with_commas(all - 20));
            assert!(said.ends_with(&more), "{more}{said}");
        }
    }
}

fn with_commas(number: u64) -> String {
    match (number / 1000, number % 1000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

#[test]
fn a_cut_diff_and_a_wrong_key_are_named_first() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let [_, (many, _), _] = cut_downloads(at);
    let key = signing_key().verifying_key().to_string();
    let whole = ["import", "s.redb", "whole.car", "--key", &key];
    assert_eq!(run(at, &whole).status.code(), Some(0));
    let refusal = refused_json(at, &["apply", "--json", "s.redb", many]);
    assert_eq!(refusal["problems"][0]["code"], "Truncated");
    // Another key than the one that signed.
    let other = "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF";
    let report = refused_json(at, &["verify", "--json", "--key", other, many]);
    let codes: Vec<_> = report["problems"].as_array().unwrap().iter().map(|p| &p["code"]).collect();
    assert_eq!(codes[..3], ["Truncated", "BadSignature", "MissingRecord"]);
    // The account of an input comes before all else.
    let args = ["verify", "--json", "--did", "did:web:other.example", many];
    let report = refused_json(at, &args);
    assert_eq!(report["problems"][0]["code"], "DidMismatch");
    assert_eq!(report["problems"][1]["code"], "Truncated");
    assert_ne!(report["did"], "did:web:other.example");
    assert_eq!(report["did"], did().as_str());
}

/// A refusal that is none of the bytes is no verdict on them.
#[test]
fn a_missing_key_is_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_car(&at.join("whole.car"), 10, Order::Streaming);
    let import = ["import", "--json", "s.redb", "whole.car"];
    let key = signing_key().verifying_key().to_string();
    let did = did();
    let trust = ["trust", "--json", "s.redb", did.as_str()];
    for args in [&import[..], &trust[..]] {
        let refusal = refused_json(at, args);
        let fields: Vec<_> = refusal.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["error"], "{args:?}");
        assert!(refusal["error"].as_str().unwrap().contains("--key"), "{refusal}");
    }
    let done = run(at, &[&import[..], &["--key", &key]].concat());
    assert_eq!(done.status.code(), Some(0));
}

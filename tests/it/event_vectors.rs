//! Frames of the network, of the reference server, and frames made wrong on purpose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::common::material::{fixtures, json_of};
use carrack::Code;
use carrack::block::Cid;
use carrack::car::{Reader, Writer};
use carrack::commit::Commit;
use carrack::env::ManualClock;
use carrack::event::{
    Event, EventReport, Frame, SyncEvent, Timestamp, Verdict, decode_frame, verify_frame,
};
use carrack::ident::Did;
use carrack::key::{SignatureStatus, VerifyingKey};
use carrack::tree::Node;
use carrack::verify::ExpectedHead;
use data_encoding::BASE64_NOPAD;
use serde_json::{Value, json};
use std::path::Path;

/// Late in 2026, behind all captures.
const NOW: u64 = 1_798_000_000_000_000;

fn json_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn expect(key: &Value) -> ExpectedHead {
    let keys = key.as_str().map(|key| key.parse::<VerifyingKey>().unwrap());
    keys.map_or_else(ExpectedHead::unchecked, |key| ExpectedHead::signed_by([key]))
}

fn verify(frame: &[u8], expect: &ExpectedHead) -> EventReport {
    verify_frame(frame, expect, &ManualClock::new(NOW))
}

fn codes(report: &EventReport) -> Vec<Code> {
    report.problems.listed().iter().map(|problem| problem.code).collect()
}

/// The frames of the capture with what is known of each.
fn firehose(root: &Path) -> Vec<(Vec<u8>, Value)> {
    let blob = std::fs::read(root.join("firehose/frames.bin")).unwrap();
    let mut rest = &blob[..];
    let mut frames = Vec::new();
    for facts in json_lines(&root.join("firehose/expected.jsonl")) {
        let (length, after) = rest.split_first_chunk::<4>().unwrap();
        let (frame, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        rest = after;
        frames.push((frame.to_vec(), facts));
    }
    assert!(rest.is_empty());
    frames
}

fn event(frame: &[u8]) -> Event {
    match decode_frame(frame).unwrap() {
        Frame::Event(event) => event,
        Frame::Unknown(why) => panic!("{why:?}"),
    }
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn frames_of_the_network() {
    let root = fixtures();
    let frames = firehose(&root);
    assert!(frames.len() >= 60);
    for (frame, facts) in frames {
        let report = verify(&frame, &expect(&facts["signing_key"]));
        assert_eq!(report.verdict, Verdict::Valid);
        assert_eq!(report.kind.as_deref(), facts["t"].as_str());
        assert_eq!(report.seq, facts["seq"].as_u64());
        let text = |name: &str| facts.get(name).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(report.did.map(|did| did.to_string()), text("did"));
        assert_eq!(report.rev.map(|rev| rev.to_string()), text("rev"));
        let signature = report.signature.map(SignatureStatus::as_str);
        assert_eq!(signature.map(str::to_owned), text("signature"));
        assert!(report.problems.is_empty());

        let event = event(&frame);
        assert_eq!(event.encode(), frame);
        let Event::Commit(commit) = event else { continue };
        let text = |cid: Option<&Cid>| cid.map(Cid::to_string);
        let ops = commit.ops.iter().map(|op| {
            let [cid, prev] = [op.cid(), op.prev()].map(text);
            json!({ "action": op.action(), "path": op.path().as_str(), "cid": cid, "prev": prev })
        });
        assert_eq!(Value::Array(ops.collect()), facts["ops"]);
        assert_eq!(json!(text(commit.prev_data.as_ref())), facts["prevData"]);
        assert_eq!(json!(commit.since.map(|since| since.to_string())), facts["since"]);
        // Another key.
        let other = "did:key:zQ3shqwJEJyMBsBXCWyCBpUBMqxcon9oHB7mCvx4sSpMdLJwc";
        let report = verify(&frame, &expect(&other.into()));
        let codes = codes(&report);
        assert_eq!(codes, [Code::BadSignature]);
    }
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn crafted_frames() {
    let root = fixtures();
    for vector in json_lines(&root.join("crafted-frames/frames.jsonl")) {
        let text = vector["frame_b64"].as_str().unwrap().trim_end_matches('=');
        let report =
            verify(&BASE64_NOPAD.decode(text.as_bytes()).unwrap(), &expect(&vector["signing_key"]));
        let verdicts = match vector["expect"].as_str().unwrap() {
            "accept" => &[Verdict::Valid][..],
            "reject" => &[Verdict::Invalid],
            "ignored" => &[Verdict::Ignored],
            _ => &[Verdict::Valid, Verdict::Invalid, Verdict::Ignored],
        };
        let name = &vector["name"];
        assert!(verdicts.contains(&report.verdict), "{name}: {report:?}");
        assert_eq!(report.verdict == Verdict::Invalid, !report.problems.is_empty(), "{name}");
    }
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn frames_of_the_reference_server() {
    let root = fixtures();
    let folder = root.join("reference-pds");
    let manifest = json_of(folder.join("manifest.json"));
    let frames = json_of(folder.join("frames.json"));
    for facts in frames.as_array().unwrap() {
        let file = facts["file"].as_str().unwrap();
        let frame = std::fs::read(folder.join(file)).unwrap();
        let is_main = [&facts["did"], &facts["repo"]].contains(&&manifest["did"]);
        let key = if is_main { &manifest["signingKey"] } else { &Value::Null };
        let report = verify(&frame, &expect(key));
        if matches!(file, "frames/0085.bin" | "frames/0086.bin") {
            let codes = codes(&report);
            assert!(codes.contains(&Code::OpMismatch), "{file}: {codes:?}");
            continue;
        }
        assert_eq!(report.verdict, Verdict::Valid, "{file}: {report:?}");
        assert_eq!(json!(report.seq), facts["seq"]);
        assert_eq!(json!(report.kind), facts["header"]["t"]);
        let event = event(&frame);
        assert_eq!(event.time().as_str(), facts["time"].as_str().unwrap());
        assert_eq!(event.encode(), frame, "{file}");
        let other: Did = "did:web:other.example".parse().unwrap();
        let report = verify(&frame, &ExpectedHead::unchecked().did(other));
        assert_eq!(report.problems.listed()[0].code, Code::DidMismatch);
    }
}

/// The frame that the relay tests write down as JSON.
fn relay_frame(frame: &Value) -> Vec<u8> {
    // Their byte strings have no padding, as the data model's JSON form asks.
    [&frame["header"], &frame["body"]]
        .map(|half| carrack::block::json::from_json(half).unwrap())
        .concat()
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn relay_scenarios_frame_by_frame() {
    let root = fixtures();
    let folder = root.join("indigo/cmd/relay/testing/testdata");
    for file in ["account_lifecycle.json", "post_lifecycle.json", "legacy.json"] {
        let scenario = json_of(folder.join(file));
        let key = &scenario["accounts"][0]["identity"]["keys"]["atproto"]["publicKeyMultibase"];
        let key = json!(format!("did:key:{}", key.as_str().unwrap()));
        for message in scenario["messages"].as_array().unwrap() {
            let frame = relay_frame(&message["frame"]);
            let report = verify(&frame, &expect(&key));
            // Commits without prevData are of before sync 1.1.
            let is_old =
                scenario["lenient"] == true && message["frame"]["header"]["t"] == "#commit";
            let codes = codes(&report);
            let expected = if is_old { vec![Code::InversionFailed] } else { Vec::new() };
            assert_eq!(codes, expected, "{file}: {report:?}");
        }
    }
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn a_commit_of_before_sync_1_1() {
    let root = fixtures();
    let body = json_of(root.join("indigo/atproto/repo/testdata/firehose_commit_4623075231.json"));
    let frame = relay_frame(&json!({ "header": { "op": 1, "t": "#commit" }, "body": body }));
    let Event::Commit(commit) = event(&frame) else { panic!("no commit") };
    assert_eq!((commit.seq, commit.ops.len(), commit.prev_data), (4_623_075_231, 1, None));
    let report = verify(&frame, &ExpectedHead::unchecked());
    let codes = codes(&report);
    assert_eq!(codes, [Code::InversionFailed]);
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn a_sync_with_a_malleable_signature() {
    let root = fixtures();
    let facts = json_of(root.join("crafted/crafted.json"));
    let vectors = facts["vectors"].as_array().unwrap();
    let named = |vector: &&Value| vector["file"].as_str().unwrap().contains("r31-sig-high-s");
    let vector = vectors.iter().find(named).unwrap();
    let file = std::fs::read(root.join("crafted/r31-sig-high-s.car")).unwrap();
    let mut reader = Reader::new(&file[..]).unwrap();
    let head = reader.roots()[0].clone();
    let block = loop {
        let frame = reader.next_section().unwrap().unwrap();
        if frame.cid == head {
            break frame.into_block().unwrap();
        }
    };
    let commit = Commit::decode(&block).unwrap();
    let mut writer = Writer::new(Vec::new(), &[head]).unwrap();
    writer.write(block.cid(), block.bytes()).unwrap();
    let event = Event::Sync(SyncEvent {
        seq: 1,
        did: commit.did().clone(),
        time: Timestamp::from_micros(NOW),
        rev: commit.rev().unwrap(),
        blocks: writer.finish().unwrap().into(),
    });
    let report = verify(&event.encode(), &expect(&vector["signing_key"]));
    assert_eq!(report.signature, Some(SignatureStatus::HighS));
    assert_eq!(codes(&report), [Code::HighS]);
}

/// A frame of the same event with one block left out of its slice.
fn without_block(event: &Event, dropped: usize) -> Option<(Vec<u8>, Cid, Vec<u8>)> {
    let Event::Commit(mut commit) = event.clone() else { return None };
    let mut reader = Reader::new(&commit.blocks[..]).unwrap();
    let mut writer = Writer::new(Vec::new(), reader.roots()).unwrap();
    let mut gone = None;
    let mut number = 0;
    while let Some(frame) = reader.next_section().unwrap() {
        if number == dropped {
            gone = Some((frame.cid.clone(), frame.bytes().to_vec()));
        } else {
            writer.write(&frame.cid, frame.bytes()).unwrap();
        }
        number += 1;
    }
    let (cid, bytes) = gone?;
    commit.blocks = writer.finish().unwrap().into();
    Some((Event::Commit(commit).encode(), cid, bytes))
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn a_missing_block_is_noticed_or_not_needed() {
    let root = fixtures();
    let (mut refused, mut unneeded) = (0, 0);
    for (frame, facts) in firehose(&root) {
        let event = event(&frame);
        let mut dropped = 0;
        while let Some((less, cid, bytes)) = without_block(&event, dropped) {
            let report = verify(&less, &expect(&facts["signing_key"]));
            dropped += 1;
            if report.verdict == Verdict::Valid {
                // Only a node can be more than what is needed: the commit and the new records
                // are asked for by name.
                let Event::Commit(commit) = &event else { panic!("no commit") };
                assert!(Node::decode(&bytes).is_ok(), "{cid}");
                assert!(commit.ops.iter().all(|op| op.cid() != Some(&cid)));
                unneeded += 1;
            } else {
                refused += 1;
            }
        }
        assert_eq!(json!(dropped), facts["blocks"]);
    }
    assert!(refused > 300, "{refused} of {}", refused + unneeded);
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn a_changed_bit_is_noticed_or_says_nothing_about_the_repository() {
    let root = fixtures();
    let frames = firehose(&root);
    let (frame, facts) = frames.iter().min_by_key(|(frame, _)| frame.len()).unwrap();
    let Event::Commit(original) = event(frame) else { panic!("no commit") };
    let expect = expect(&facts["signing_key"]);
    let mut valid = 0;
    for bit in 0..8 * frame.len() {
        let mut changed = frame.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if verify(&changed, &expect).verdict != Verdict::Valid {
            continue;
        }
        let Event::Commit(mut commit) = event(&changed) else { panic!("bit {bit}") };
        // A consumer compares `since` with the revision that it holds.
        commit.since = original.since;
        commit.time = original.time.clone();
        commit.seq = original.seq;
        assert_eq!(commit, original, "bit {bit}");
        valid += 1;
    }
    // The bits of the number alone are 36 or more.
    assert!(valid > 36, "{valid}");
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn a_frame_ends_where_it_ends() {
    let root = fixtures();
    let frames = firehose(&root);
    let (frame, _) = frames.iter().min_by_key(|(frame, _)| frame.len()).unwrap();
    for length in 0..frame.len() {
        assert_eq!(decode_frame(&frame[..length]).unwrap_err().code, Code::BadFrame, "{length}");
    }
    let longer = [&frame[..], &[0xf6]].concat();
    assert_eq!(decode_frame(&longer).unwrap_err().code, Code::BadFrame);
}

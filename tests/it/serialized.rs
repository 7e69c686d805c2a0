//! The feature `serde`: results serialize with the fields and words that the command line prints.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use carrack::engine::{Engine, Op, Record, State, Trust, TrustKey, WriteOptions};
use carrack::env::SystemClock;
use carrack::event::{HostingStatus, Verdict};
use carrack::follow::{Followed, Ignored};
use carrack::ident::Did;
use carrack::key::{Curve, SignatureStatus, SigningKey};
use carrack::verify::{Discard, ExpectedHead, Input, Order, verify};
use carrack::{Code, Problem, Problems, Progress};
use serde::Serialize;
use serde_json::{Value, json};

fn to_json(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn did() -> Did {
    "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap()
}

#[test]
fn what_an_engine_returns() {
    let engine = Engine::in_memory().unwrap();
    let key = SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
    let since = engine.create_account(&did(), &key).unwrap();
    let op = Op::create(
        "com.example.a/1".parse().unwrap(),
        Record::from_dag_cbor(&b"\xa1\x61a\x01"[..]).unwrap(),
    );
    let written = engine.write(&did(), vec![op], &WriteOptions::default(), &key).unwrap();
    let status = engine.status(&did()).unwrap();
    let cid = written.ops[0].cid().unwrap().to_string();
    let op = json!({ "action": "create", "path": "com.example.a/1", "cid": cid, "prev": null });
    let expected = json!({
        "commit": written.commit.to_string(), "rev": written.rev.to_string(),
        "since": since.to_string(), "data": written.data.to_string(),
        "prev_data": written.prev_data.to_string(), "ops": [op], "seq": written.seq,
    });
    assert_eq!(to_json(&written), expected);
    let mut expected = json!({
        "did": did().as_str(), "state": "active", "trust": "verified", "trust_key": null,
        "key": key.verifying_key().to_did_key(), "commit": written.commit.to_string(),
        "rev": written.rev.to_string(), "data": written.data.to_string(), "records": 1,
        "blocks": status.blocks, "bytes": status.bytes, "blobs_needed": 0, "blobs_missing": 0,
    });
    assert_eq!(to_json(&status), expected);
    let engine_name = "00112233445566778899aabbccddeeff".parse().unwrap();
    let mut moved = status;
    moved.state = State::Moved { to: "there".to_owned(), engine: engine_name };
    (expected["state"], expected["to"]) = (json!("moved"), json!("there"));
    assert_eq!(to_json(&moved), expected);

    let exported = engine.export(&did(), std::io::sink()).unwrap();
    let expected = json!({
        "commit": written.commit.to_string(), "rev": written.rev.to_string(),
        "blocks": exported.blocks, "bytes": exported.bytes, "extent": "full",
    });
    assert_eq!(to_json(&exported), expected);
    let exported = engine.export_since(&did(), since, std::io::sink()).unwrap();
    assert_eq!(to_json(exported)["extent"], json!({ "since": since.to_string() }));
    let scrubbed = engine.scrub(Progress::none()).unwrap();
    let expected = json!({
        "verdict": "valid", "accounts": 1, "rows": scrubbed.rows, "records": 1, "problems": [],
        "problems_omitted": 0,
    });
    assert_eq!(to_json(scrubbed), expected);
    let restored = engine.mark_restored().unwrap();
    let expected = json!({
        "micros": restored.micros, "last_seq": restored.last_seq,
        "last_rev": written.rev.to_string(),
    });
    assert_eq!(to_json(restored), expected);
    assert_eq!(to_json(engine.health()), json!({ "state": "open", "unreadable": [] }));
    engine.close();
    assert_eq!(to_json(engine.health()), json!({ "state": "closed", "unreadable": [] }));
}

#[test]
fn what_a_verification_returns() {
    let input = Input::spill(&b""[..], "a test").unwrap();
    let expect = ExpectedHead::unchecked();
    let mut report = verify(&input, &expect, &SystemClock, &mut Discard).unwrap();
    let found = to_json(&report);
    assert_eq!((&found["verdict"], &found["problems_omitted"]), (&json!("invalid"), &json!(0)));
    assert_eq!(found["problems"].as_array().unwrap().len(), 1);
    report.problems = Problems::default();
    report.order = Some(Order::Other);
    report.signature = Some(SignatureStatus::HighS);
    let cid = "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm";
    let warning = Problem::new(Code::BadRecord, "odd").cid(&cid.parse().unwrap());
    report.warnings.push(warning.path("a/b").offset(7));
    let expected = json!({
        "verdict": "valid", "version": null, "did": null, "rev": null, "commit": null,
        "data": null, "records": null, "nodes": null, "blocks": null, "height": null,
        "unreferenced_blocks": null, "order": "other", "signature": "high-s", "problems": [],
        "problems_omitted": 0, "warnings": [{
            "code": "BadRecord", "message": "odd", "cid": cid, "path": "a/b", "offset": 7,
        }], "warnings_omitted": 0,
    });
    let mut found = to_json(&report);
    found["blocks"] = Value::Null;
    assert_eq!(found, expected);
    let bare = to_json(Problem::new(Code::NoRoot, "none"));
    assert_eq!(bare, json!({ "code": "NoRoot", "message": "none" }));
}

#[test]
fn enums_are_their_words() {
    assert_eq!(to_json(Verdict::Ignored), "ignored");
    assert_eq!(to_json(Trust::Unverified), "unverified");
    assert_eq!(to_json(TrustKey::Historic), "historic");
    assert_eq!(to_json(State::TakenDown), "takendown");
    assert_eq!(to_json(Curve::P256), "p256");
    assert_eq!(to_json(HostingStatus::from("asleep")), "asleep");
    let rev = "3jzfcijpj2z2a".parse().unwrap();
    let applied = json!({ "result": "applied", "rev": "3jzfcijpj2z2a" });
    assert_eq!(to_json(Followed::Applied { rev }), applied);
    let ignored = json!({ "result": "ignored", "why": "old-rev" });
    assert_eq!(to_json(Followed::Ignored(Ignored::OldRev)), ignored);
    let account = Followed::Account { state: State::Suspended };
    assert_eq!(to_json(account), json!({ "result": "account", "state": "suspended" }));
}

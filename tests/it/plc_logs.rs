//! did:plc logs: the directory's own fixtures, logs made here, and logs that were tampered with.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::material::{fixtures, json_of};
use carrack::Code;
use carrack::env::{ManualClock, SeededRandom};
use carrack::identity::plc::{Operation, OperationLog, PlcLog, PlcState};
use carrack::key::{Curve, SigningKey};
use serde_json::{Value, json};

const HOUR: u64 = 3_600_000_000;
const START: u64 = 1_700_000_000_000_000;

fn key(seed: u64) -> SigningKey {
    let curve = if seed.is_multiple_of(2) { Curve::K256 } else { Curve::P256 };
    SigningKey::generate(curve, &SeededRandom::new(seed)).unwrap()
}

/// A log of one operation with the rotation keys 0, 1 and 2.
fn new_log() -> PlcLog {
    let genesis = Operation::genesis(PlcState::default())
        .rotation_keys(&[0, 1, 2].map(|seed| key(seed).verifying_key()))
        .signing_key(&key(10).verifying_key())
        .handles(&["a.example"])
        .pds("https://one.example")
        .sign(&key(2))
        .unwrap();
    PlcLog::begin(genesis, START).unwrap()
}

fn reread(log: &PlcLog) -> PlcLog {
    let again = PlcLog::verify(log.to_json().as_bytes()).unwrap();
    assert_eq!(&again, log);
    again
}

fn refusal(log: &Value) -> String {
    let problem = PlcLog::verify(log.to_string().as_bytes()).unwrap_err();
    assert_eq!(problem.code, Code::BadLog);
    problem.message
}

/// Name, log and expectation of each of the directory's logs.
fn directorys() -> Vec<(String, Vec<u8>, Value)> {
    let root = fixtures();
    let expected = json_of(root.join("expected.json"));
    let logs = expected["plc"].as_object().unwrap();
    assert!(logs.len() >= 13, "all fixtures are expected");
    let folder = root.join("plc/go-didplc/testdata");
    logs.iter()
        .map(|(name, expected)| {
            (name.clone(), std::fs::read(folder.join(name)).unwrap(), expected.clone())
        })
        .collect()
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn the_directorys_logs_get_the_directorys_verdict() {
    for (name, json, expected) in directorys() {
        let log = PlcLog::verify(&json);
        if expected["upstream_verdict"] == "invalid" {
            let problem = log.expect_err(&name);
            assert_eq!(problem.code, Code::BadLog, "{name}");
            eprintln!("{name}: {problem}");
            continue;
        }
        let log = log.expect(&name);
        assert_eq!(log.did().as_str(), expected["did"]);
        assert_eq!(
            json!(log.chain().map(ToString::to_string).collect::<Vec<_>>()),
            expected["chain"]
        );
        assert_eq!(json!(log.nullified()), expected["nullified"], "{name}");
        assert_eq!(json!(log.tombstoned()), expected["tombstoned"], "{name}");
        let state = log.state().map_or(Value::Null, |state| {
            let services = state.services.iter().map(|(id, service)| {
                (id.clone(), json!({"type": service.kind, "endpoint": service.endpoint}))
            });
            json!({
                "rotationKeys": state.rotation_keys,
                "verificationMethods": state.verification_methods,
                "alsoKnownAs": state.also_known_as,
                "services": services.collect::<serde_json::Map<_, _>>(),
            })
        });
        assert_eq!(state, expected["state"], "{name}");
        reread(&log);
    }
}

#[test]
#[ignore = "needs CARRACK_FIXTURES"]
fn every_change_to_a_log_of_the_directory_is_noticed() {
    for (name, json, expected) in directorys() {
        if expected["upstream_verdict"] == "invalid" {
            continue;
        }
        let log: Value = serde_json::from_slice(&json).unwrap();
        let count = log.as_array().unwrap().len();
        for place in 0..count {
            for path in leaves(&log[place]) {
                if path == "/createdAt" {
                    continue;
                }
                let mut changed = log.clone();
                let leaf = changed[place].pointer_mut(&path).unwrap();
                *leaf = match leaf {
                    Value::Bool(flag) => json!(!*flag),
                    Value::String(text) => json!(format!("{text}x")),
                    Value::Null => json!("x"),
                    other => panic!("{other} in a log"),
                };
                let message = refusal(&changed);
                assert!(message.starts_with("operation "), "{name} {path}: {message}");
            }
            let mut more = log.clone();
            more[place]["operation"]["more"] = json!("field");
            refusal(&more);
            let mut doubled = log.clone();
            doubled.as_array_mut().unwrap().insert(place, log[place].clone());
            refusal(&doubled);
            // The end of a log is what its keeper can hide; anything before it is missed.
            let mut shorter = log.clone();
            shorter.as_array_mut().unwrap().remove(place);
            let undone = expected["nullified"][place] == true;
            if place + 1 < count && !undone {
                refusal(&shorter);
            }
        }
    }
}

/// Pointers to all values that are neither lists nor objects.
fn leaves(value: &Value) -> Vec<String> {
    let below = |name: &str, value: &Value| {
        leaves(value).into_iter().map(|rest| format!("/{name}{rest}")).collect::<Vec<_>>()
    };
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, value)| below(name, value)).collect()
        }
        Value::Array(list) => {
            let items = list.iter().enumerate();
            items.flat_map(|(place, value)| below(&place.to_string(), value)).collect()
        }
        _ => vec![String::new()],
    }
}

#[test]
fn updates_are_built_signed_and_read_again() {
    let mut log = new_log();
    let moved = Operation::update(&log)
        .unwrap()
        .signing_key(&key(11).verifying_key())
        .pds("https://two.example")
        .handles(&["b.example", "a.example"])
        .sign(&key(2))
        .unwrap();
    log.append(moved, START + HOUR).unwrap();
    let keys = Operation::update(&log).unwrap().rotation_keys(&[key(3).verifying_key()]);
    log.append(keys.sign(&key(1)).unwrap(), START + 2 * HOUR).unwrap();
    let back = Operation::update(&log).unwrap().signing_key(&key(10).verifying_key());
    log.append(back.sign(&key(3)).unwrap(), START + 3 * HOUR).unwrap();

    let log = reread(&log);
    let state = log.state().unwrap();
    assert_eq!(state.pds(), Some("https://two.example"));
    assert_eq!(state.handles().collect::<Vec<_>>(), ["b.example", "a.example"]);
    assert_eq!(log.signing_key(), Some(key(10).verifying_key()));
    assert_eq!(state.rotation_keys, [key(3).verifying_key().to_did_key()]);

    let periods = log.signing_keys_at_any_time();
    let found: Vec<_> = periods
        .iter()
        .map(|period| (period.value.clone(), period.from_micros, period.until_micros))
        .collect();
    let [ten, eleven] = [10, 11].map(|seed| key(seed).verifying_key());
    let expected = [
        (ten.clone(), START, Some(START + HOUR)),
        (eleven, START + HOUR, Some(START + 3 * HOUR)),
        (ten, START + 3 * HOUR, None),
    ];
    assert_eq!(found, expected);
    let hosts = log.pds_at_any_time();
    assert_eq!((hosts.len(), hosts[1].value.as_str()), (2, "https://two.example"));
    let handles = log.handles_at_any_time();
    let names: Vec<_> = handles.iter().map(|p| (p.value.as_str(), p.from_micros)).collect();
    assert_eq!(names, [("a.example", START), ("b.example", START + HOUR)]);
}

#[test]
fn only_keys_in_force_sign() {
    let mut log = new_log();
    let draft = || Operation::update(&log).unwrap().rotation_keys(&[key(3).verifying_key()]);
    assert!(draft().sign(&key(3)).is_err(), "a key that comes into force by this operation");
    assert!(draft().sign(&key(10)).is_err(), "the signing key is no rotation key");
    log.append(draft().sign(&key(0)).unwrap(), START + 1).unwrap();
    // A genuine signature of a key that is no longer in force.
    let mut other = new_log();
    let stale = Operation::update(&log).unwrap().pds("https://evil.example");
    assert!(stale.sign(&key(0)).is_err());
    let parallel = Operation::update(&other).unwrap().pds("https://p.example").sign(&key(0));
    other.append(parallel.unwrap(), START + 1).unwrap();
    let foreign = Operation::update(&other).unwrap().sign(&key(0)).unwrap();
    let problem = log.append(foreign, START + 2).unwrap_err();
    assert!(problem.message.contains("not in the log"), "{problem}");
}

#[test]
fn an_operation_that_no_key_in_force_signed() {
    let mut log = new_log();
    let signed = Operation::update(&log).unwrap().pds("https://two.example").sign(&key(0)).unwrap();
    let before = log.clone();
    log.append(signed, START + 1).unwrap();
    // The same with another server, under the signature that was for the first one.
    let mut claims: Value = serde_json::from_str(&log.to_json()).unwrap();
    let operation = &mut claims[1]["operation"];
    operation["services"]["atproto_pds"]["endpoint"] = json!("https://evil.example");
    let altered = Operation::parse(operation.to_string().as_bytes()).unwrap();
    let mut log = before.clone();
    let problem = log.append(altered, START + 1).unwrap_err();
    assert!(problem.message.contains("none of the rotation keys"), "{problem}");
    assert_eq!(log, before);
}

#[test]
fn a_key_does_not_undo_what_it_signed_itself() {
    for seed in [0, 1, 2] {
        let (mut log, mut other) = (new_log(), new_log());
        let update = |log: &PlcLog, pds| Operation::update(log).unwrap().pds(pds).sign(&key(seed));
        log.append(update(&log, "https://two.example").unwrap(), START + 1).unwrap();
        let parallel = update(&other, "https://three.example").unwrap();
        other.append(parallel.clone(), START + 2).unwrap();
        let problem = log.append(parallel, START + 2).unwrap_err();
        assert!(problem.message.contains("no priority"), "{problem}");
    }
}

#[test]
fn each_claim_of_the_directory_is_compared() {
    let mut log = new_log();
    let update = Operation::update(&log).unwrap().pds("https://two.example").sign(&key(0)).unwrap();
    log.append(update, START + 1).unwrap();
    let claims: Value = serde_json::from_str(&log.to_json()).unwrap();
    for (field, wrong, why) in [
        ("cid", claims[0]["cid"].clone(), "its CID"),
        ("cid", json!("?"), "its CID"),
        ("did", json!("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"), "its DID"),
        ("nullified", json!(true), "nullified"),
    ] {
        let mut claims = claims.clone();
        claims[1][field] = wrong;
        let message = refusal(&claims);
        assert!(message.contains(why), "{field}: {message}");
    }
}

#[test]
fn a_key_of_higher_priority_undoes_within_72_hours() {
    let mut log = new_log();
    let genesis = log.chain().next().unwrap().clone();
    let theft = Operation::update(&log)
        .unwrap()
        .rotation_keys(&[key(66).verifying_key()])
        .signing_key(&key(67).verifying_key())
        .sign(&key(1))
        .unwrap();
    log.append(theft, START + HOUR).unwrap();
    let more = Operation::update(&log).unwrap().handles(&["evil.example"]).sign(&key(66)).unwrap();
    log.append(more, START + 2 * HOUR).unwrap();
    let stubborn =
        Operation::update(&log).unwrap().pds("https://e.example").sign(&key(66)).unwrap();

    let at = |micros| Operation::recovery(&log, &genesis, &ManualClock::new(micros));
    assert!(at(START + 73 * HOUR + 1).is_err(), "too late by a microsecond");
    let draft = at(START + 73 * HOUR).unwrap();
    assert!(draft.clone().sign(&key(1)).is_err(), "the same priority");
    assert!(draft.clone().sign(&key(2)).is_err(), "a lower priority");
    let recovery = draft.sign(&key(0)).unwrap();

    let mut late = log.clone();
    let problem = late.append(recovery.clone(), START + 73 * HOUR + 1).unwrap_err();
    assert!(problem.message.contains("72 hours"), "{problem}");
    assert_eq!(late, log, "a refused operation leaves no trace");

    log.append(recovery, START + 73 * HOUR).unwrap();
    let problem = log.append(stubborn, START + 74 * HOUR).unwrap_err();
    assert!(problem.message.contains("is nullified"), "{problem}");
    let log = reread(&log);
    assert_eq!(log.nullified(), [false, true, true, false]);
    assert_eq!(log.chain().count(), 2);
    assert_eq!(log.signing_key(), Some(key(10).verifying_key()));
    assert_eq!(log.signing_keys_at_any_time().len(), 1, "the thief's key never counted");

    let nothing = Operation::recovery(&log, log.chain().last().unwrap(), &ManualClock::new(START));
    assert!(nothing.is_err());
}

#[test]
fn the_highest_key_cannot_be_undone() {
    let mut log = new_log();
    let genesis = log.chain().next().unwrap().clone();
    let update = Operation::update(&log).unwrap().pds("https://two.example").sign(&key(0));
    log.append(update.unwrap(), START + 1).unwrap();
    assert!(Operation::recovery(&log, &genesis, &ManualClock::new(START + 2)).is_err());
}

#[test]
fn a_tombstone_ends_the_identity_unless_undone() {
    let mut log = new_log();
    let genesis = log.chain().next().unwrap().clone();
    let tombstone = Operation::tombstone(&log).unwrap().sign(&key(2)).unwrap();
    log.append(tombstone, START + HOUR).unwrap();
    let mut log = reread(&log);
    assert!(log.tombstoned() && log.state().is_none() && log.signing_key().is_none());
    assert_eq!(log.signing_keys_at_any_time()[0].until_micros, Some(START + HOUR));
    assert!(Operation::update(&log).is_err() && Operation::tombstone(&log).is_err());

    let clock = ManualClock::new(START + 2 * HOUR);
    let recovery = Operation::recovery(&log, &genesis, &clock).unwrap().sign(&key(0)).unwrap();
    log.append(recovery, START + 2 * HOUR).unwrap();
    assert!(!reread(&log).tombstoned());
}

#[test]
fn times_must_ascend() {
    let mut log = new_log();
    let update = Operation::update(&log).unwrap().pds("https://two.example").sign(&key(0)).unwrap();
    for micros in [0, START - 1, START] {
        assert!(log.append(update.clone(), micros).is_err());
    }
    log.append(update, START + 1).unwrap();
}

#[test]
fn signatures_have_one_form_only() {
    let log: Value = serde_json::from_str(&new_log().to_json()).unwrap();
    let signature = log[0]["operation"]["sig"].as_str().unwrap().to_owned();
    assert_eq!(signature.len(), 86);
    let last = if signature.ends_with('A') { 'B' } else { 'R' };
    for wrong in [
        format!("{signature}=="),
        format!("{signature}\n"),
        format!("{}\n{}", &signature[..40], &signature[40..]),
        format!("{}{last}", &signature[..85]),
        signature[..84].to_owned(),
        String::new(),
    ] {
        let mut changed: Value = log[0]["operation"].clone();
        changed["sig"] = json!(wrong);
        let operation = Operation::parse(changed.to_string().as_bytes()).unwrap();
        let problem = PlcLog::begin(operation, START).unwrap_err();
        assert!(problem.message.contains("the signature"), "{wrong:?}: {problem}");
    }
    let mut unsigned = log[0]["operation"].clone();
    unsigned.as_object_mut().unwrap().remove("sig");
    assert!(Operation::parse(unsigned.to_string().as_bytes()).is_err());
}

#[test]
fn drafts_observe_the_directorys_bounds() {
    let log = new_log();
    let long = "a".repeat(300);
    let eleven: Vec<_> = (0..11).map(|seed| key(seed).verifying_key()).collect();
    let names: Vec<_> = (0..11).map(|n| format!("n{n}.example")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let twice = [key(0).verifying_key(), key(0).verifying_key()];
    let draft = || Operation::update(&log).unwrap();
    for (what, draft) in [
        ("no rotation key", draft().rotation_keys(&[])),
        ("eleven rotation keys", draft().rotation_keys(&eleven)),
        ("a rotation key twice", draft().rotation_keys(&twice)),
        ("eleven handles", draft().handles(&names)),
        ("a handle twice", draft().handles(&["a.example", "a.example"])),
        ("a long handle", draft().handles(&[&long])),
        ("a handle with its scheme", draft().handles(&["at://a.example"])),
        ("a long endpoint", draft().pds(&format!("https://{long}"))),
        ("an endpoint that is no URL", draft().pds("two.example")),
    ] {
        assert!(draft.sign(&key(0)).is_err(), "{what}");
    }
    let widest = draft().rotation_keys(&eleven[..10]).handles(&names[..10]);
    assert!(widest.sign(&key(0)).is_ok());
}

/// Without times it cannot be decided whether an operation may undo others, so none does.
#[test]
fn a_log_of_operations_has_one_line() {
    let mut log = new_log();
    let genesis = log.chain().next().unwrap().clone();
    let rekey = Operation::update(&log).unwrap().signing_key(&key(12).verifying_key());
    log.append(rekey.sign(&key(1)).unwrap(), START + HOUR).unwrap();
    let clock = ManualClock::new(START + 2 * HOUR);
    let recovery = Operation::recovery(&log, &genesis, &clock).unwrap().sign(&key(0)).unwrap();
    let entries: Vec<Value> = serde_json::from_str(&log.to_json()).unwrap();
    let mut operations: Vec<&Value> = entries.iter().map(|entry| &entry["operation"]).collect();
    let verify = |list: &[&Value]| OperationLog::verify(json!(list).to_string().as_bytes());

    let found = verify(&operations).unwrap();
    assert_eq!((found.did(), found.state()), (log.did(), log.state()));
    assert!(found.chain().eq(log.chain()));
    assert_eq!(found.signing_key(), Some(key(12).verifying_key()));
    assert_eq!(found.former_signing_keys(), [key(10).verifying_key()]);
    assert!(!found.tombstoned());

    let undoes: Value = serde_json::from_str(&recovery.to_json()).unwrap();
    operations.push(&undoes);
    let problem = verify(&operations).unwrap_err();
    assert_eq!((problem.code, problem.cid.as_ref()), (Code::BadLog, Some(recovery.cid())));
    assert!(problem.message.contains("not the operation before it"), "{problem}");
    // With the genesis alone before it, it stands.
    assert!(verify(&[operations[0], &undoes]).is_ok());
    assert!(verify(&[operations[1], operations[0]]).is_err());
    assert!(verify(&operations[1..]).is_err());
    assert!(verify(&[]).is_err());
}

#[test]
fn whatever_is_no_log_is_refused() {
    let deep = "[".repeat(100_000);
    for text in ["", "{}", "[]", "[{}]", "[1]", "null", "[{\"operation\":{}}]", &deep] {
        assert_eq!(PlcLog::verify(text.as_bytes()).unwrap_err().code, Code::BadLog);
    }
    assert!(PlcLog::verify(&vec![b' '; (4 << 20) + 1]).is_err());
}

#[test]
fn a_flipped_byte_changes_nothing_but_the_time() {
    let mut log = new_log();
    let update = Operation::update(&log).unwrap().pds("https://two.example").sign(&key(1)).unwrap();
    log.append(update, START + HOUR).unwrap();
    let json = log.to_json().into_bytes();
    for at in 0..json.len() {
        for bit in [0x01, 0x20] {
            let mut flipped = json.clone();
            flipped[at] ^= bit;
            let Ok(other) = PlcLog::verify(&flipped) else { continue };
            assert_eq!(other.did(), log.did());
            assert!(other.chain().eq(log.chain()), "byte {at}");
            assert_eq!(other.state(), log.state());
        }
    }
    for length in 0..json.len() {
        assert!(PlcLog::verify(&json[..length]).is_err(), "cut at {length}");
    }
}

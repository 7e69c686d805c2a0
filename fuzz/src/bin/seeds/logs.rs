use super::{Seeds, named};
use carrack::block::{Block, json};
use carrack::env::ManualClock;
use carrack::identity::plc::{Operation, PlcLog, PlcState};
use carrack::key::Signer;
use carrack_fuzz::plc_log::keys;
use carrack_fuzz::sample::NOW_MICROS;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

const HOUR: u64 = 3_600_000_000;

pub fn seeds() -> Seeds {
    let [first, second, third, fourth] = keys();
    let all = [&first, &second, &third, &fourth].map(|key| key.verifying_key());
    let genesis = Operation::genesis(PlcState::default())
        .rotation_keys(&all[..3])
        .signing_key(&all[3])
        .handles(&["alice.example"])
        .pds("https://one.example")
        .sign(&third)
        .unwrap();
    let new = PlcLog::begin(genesis.clone(), NOW_MICROS).unwrap();
    let mut moved = new.clone();
    let update = Operation::update(&moved).unwrap().pds("https://two.example");
    moved.append(update.sign(&third).unwrap(), NOW_MICROS + HOUR).unwrap();
    let mut renamed = moved.clone();
    let update = Operation::update(&renamed).unwrap().handles(&["bob.example", "b.example"]);
    renamed
        .append(update.signing_key(&all[1]).sign(&second).unwrap(), NOW_MICROS + 2 * HOUR)
        .unwrap();
    let clock = ManualClock::new(NOW_MICROS + 9 * HOUR);
    let mut recovered = moved.clone();
    let recovery = Operation::recovery(&recovered, genesis.cid(), &clock).unwrap();
    recovered.append(recovery.sign(&first).unwrap(), NOW_MICROS + 9 * HOUR).unwrap();
    let mut twice = recovered.clone();
    let update = Operation::update(&twice).unwrap().handles(&[]);
    twice.append(update.sign(&second).unwrap(), NOW_MICROS + 10 * HOUR).unwrap();
    let mut ended = renamed.clone();
    let tombstone = Operation::tombstone(&ended).unwrap().sign(&second).unwrap();
    ended.append(tombstone, NOW_MICROS + 3 * HOUR).unwrap();
    let mut revived = ended.clone();
    let before = renamed.chain().last().unwrap().clone();
    let recovery = Operation::recovery(&revived, &before, &clock).unwrap();
    revived.append(recovery.sign(&first).unwrap(), NOW_MICROS + 30 * HOUR).unwrap();
    named(vec![
        ("nothing", Vec::new()),
        ("empty-list", b"[]".to_vec()),
        ("genesis", new.to_json().into_bytes()),
        ("moved", moved.to_json().into_bytes()),
        ("renamed", renamed.to_json().into_bytes()),
        ("recovered", recovered.to_json().into_bytes()),
        ("recovered-and-on", twice.to_json().into_bytes()),
        ("ended", ended.to_json().into_bytes()),
        ("revived", revived.to_json().into_bytes()),
        ("old-form", old_form()),
        ("operation", genesis.to_json().into_bytes()),
        ("no-millis", new.to_json().replace(".000Z", "Z").into_bytes()),
        ("micros", moved.to_json().replace(".000Z", ".000001Z").into_bytes()),
    ])
}

/// A genesis as they were at first.
fn old_form() -> Vec<u8> {
    let [first, second, third, _] = keys();
    let mut operation = json!({
        "type": "create",
        "signingKey": third.verifying_key().to_did_key(),
        "recoveryKey": first.verifying_key().to_did_key(),
        "handle": "alice.example",
        "service": "https://one.example",
        "prev": null,
    });
    let signature = third.sign(&json::from_json(&operation).unwrap()).unwrap();
    operation["sig"] = BASE64URL_NOPAD.encode(&signature).into();
    let parsed = Operation::parse(operation.to_string().as_bytes()).unwrap();
    let log = PlcLog::begin(parsed, NOW_MICROS).unwrap();
    let update = Operation::update(&log).unwrap().signing_key(&second.verifying_key());
    let mut log: PlcLog = log;
    log.append(update.sign(&first).unwrap(), NOW_MICROS + HOUR).unwrap();
    let entries: Value = serde_json::from_str(&log.to_json()).unwrap();
    let cid = Block::dag_cbor(json::from_json(&operation).unwrap()).cid().to_string();
    assert_eq!(entries[0]["cid"], cid);
    log.to_json().into_bytes()
}

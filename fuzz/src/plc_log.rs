//! A log that is found valid says the same after a round trip, was valid at every step on its way,
//! and its parts agree with each other.

use carrack::block::{Block, json};
use carrack::identity::plc::{Operation, PlcLog};
use carrack::key::{Curve, Signer, SigningKey};
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

pub fn check(data: &[u8]) {
    let _ = Operation::parse(data);
    let Ok(log) = PlcLog::verify(data) else { return };
    let written = log.to_json();
    let again = PlcLog::verify(written.as_bytes()).expect("what was valid is valid when written");
    assert_eq!(again.to_json(), written);
    assert_eq!(again, log);
    agrees_with_itself(&log);
    grows_step_by_step(&log, &serde_json::from_slice(data).unwrap());
}

fn agrees_with_itself(log: &PlcLog) {
    let nullified = log.nullified();
    let standing = nullified.iter().filter(|undone| !**undone).count();
    assert_eq!(log.chain().count(), standing);
    assert_eq!((nullified[0], nullified.last()), (false, Some(&false)));
    assert_eq!(log.tombstoned(), log.state().is_none());
    let now = |until: &Option<u64>| until.is_none();
    let keys = log.signing_keys_at_any_time();
    let open: Vec<_> = keys.iter().filter(|period| now(&period.until_micros)).collect();
    assert_eq!(open.first().map(|period| &period.value), log.signing_key().as_ref());
    assert!(open.len() <= 1);
    for period in &keys {
        assert!(period.until_micros.is_none_or(|until| until > period.from_micros));
    }
    let pds = log.pds_at_any_time();
    let open = pds.iter().find(|period| now(&period.until_micros));
    assert_eq!(open.map(|period| period.value.as_str()), log.state().and_then(|state| state.pds()));
    let handles = log.handles_at_any_time();
    let open = handles.iter().filter(|period| now(&period.until_micros)).count();
    let claimed = log
        .state()
        .map_or(0, |state| state.handles().collect::<std::collections::BTreeSet<_>>().len());
    assert_eq!(open, claimed);
}

/// Every beginning of a valid log is one, once it says of each operation what it was worth then.
fn grows_step_by_step(log: &PlcLog, entries: &Value) {
    let entries = entries.as_array().unwrap();
    if entries.len() > 24 {
        return;
    }
    let standing: Vec<bool> = log.nullified().iter().map(|undone| !undone).collect();
    let mut beginning = entries.clone();
    beginning.pop();
    while !beginning.is_empty() {
        let text = |list: &[Value]| serde_json::to_vec(list).unwrap();
        // Which of them stood then: those that lead from the last one back to the first.
        let mut prev = last_cid(&beginning);
        for entry in beginning.iter_mut().rev() {
            let stands = prev.as_deref() == entry["cid"].as_str();
            entry["nullified"] = (!stands).into();
            if stands {
                prev = entry["operation"]["prev"].as_str().map(str::to_owned);
            }
        }
        let shorter = PlcLog::verify(&text(&beginning)).expect("a beginning of a valid log");
        assert_eq!(shorter.did(), log.did());
        for (place, undone) in shorter.nullified().into_iter().enumerate() {
            assert!(!undone || !standing[place], "an operation that was undone stands again");
        }
        beginning.pop();
    }
}

fn last_cid(entries: &[Value]) -> Option<String> {
    entries.last()?["cid"].as_str().map(str::to_owned)
}

/// The keys that seeds use, highest priority first.
pub fn keys() -> [SigningKey; 4] {
    [(Curve::K256, 1), (Curve::P256, 2), (Curve::K256, 3), (Curve::P256, 4)]
        .map(|(curve, byte)| SigningKey::from_bytes(curve, &[byte; 32]).unwrap())
}

/// Signs the operations anew and names their predecessors, if the text is a log at all.
pub fn mutate(data: &mut [u8], size: usize, seed: u32) -> usize {
    if seed.is_multiple_of(3) {
        return size;
    }
    let Some(signed) = sign(&data[..size], seed) else { return size };
    if signed.len() > data.len() {
        return size;
    }
    data[..signed.len()].copy_from_slice(&signed);
    signed.len()
}

fn sign(data: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut log: Value = serde_json::from_slice(data).ok()?;
    let entries = log.as_array_mut().filter(|entries| entries.len() <= 12)?;
    let keys = keys().map(|key| (key.verifying_key().to_did_key(), key));
    let mut renamed: Vec<(String, String, Value)> = Vec::new();
    let mut did = None;
    for (place, entry) in entries.iter_mut().enumerate() {
        let old_cid = entry.get("cid")?.as_str()?.to_owned();
        let operation = entry.get_mut("operation")?.as_object_mut()?;
        let old_prev = operation.get("prev")?.as_str().map(str::to_owned);
        let before = renamed.iter().find(|(old, ..)| Some(old) == old_prev.as_ref());
        let rotation = match before {
            Some((_, new, rotation)) => {
                operation.insert("prev".to_owned(), new.as_str().into());
                rotation.clone()
            }
            None => operation.get("rotationKeys").cloned().unwrap_or_default(),
        };
        operation.remove("sig");
        let message = json::from_json(&Value::Object(operation.clone())).ok()?;
        let allowed: Vec<&SigningKey> = rotation
            .as_array()?
            .iter()
            .filter_map(|did_key| keys.iter().find(|(name, _)| did_key.as_str() == Some(name)))
            .map(|(_, key)| key)
            .collect();
        // Two bits of the seed for each operation, so that priorities differ.
        let pick = (seed >> (2 * (place % 15))) as usize & 3;
        let key = allowed.get(pick % allowed.len().max(1))?;
        let signature = BASE64URL_NOPAD.encode(&key.sign(&message).ok()?);
        operation.insert("sig".to_owned(), signature.into());
        let signed = json::from_json(&Value::Object(operation.clone())).ok()?;
        let cid = Block::dag_cbor(signed).cid().to_string();
        let own = operation.get("rotationKeys").cloned().unwrap_or_default();
        if did.is_none() {
            did = Operation::parse(&serde_json::to_vec(operation).ok()?).ok()?.genesis_did();
        }
        entry["cid"] = cid.as_str().into();
        entry["did"] = did.as_ref()?.to_string().into();
        renamed.push((old_cid, cid, own));
    }
    serde_json::to_vec(&log).ok()
}

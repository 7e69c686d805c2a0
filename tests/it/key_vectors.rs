//! The interop vectors of keys and signatures.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use carrack::key::{Check, Curve, SigningKey, VerifyingKey};
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use serde_json::Value;
use std::path::PathBuf;

/// The cases of a vector file; none without fixtures.
fn cases(file: &str) -> Vec<Value> {
    let Some(root) = std::env::var_os("CARRACK_FIXTURES") else {
        eprintln!("skipped: CARRACK_FIXTURES is not set");
        return Vec::new();
    };
    let path = PathBuf::from(root).join("atproto-interop-tests/crypto").join(file);
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(!cases.is_empty(), "{} has cases", path.display());
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

#[test]
fn signatures() {
    for case in cases("signature-fixtures.json") {
        let key = VerifyingKey::from_did_key(text(&case, "publicKeyDid")).unwrap();
        assert_eq!(key.to_did_key(), text(&case, "publicKeyDid"));
        let curve = if text(&case, "algorithm") == "ES256" { Curve::P256 } else { Curve::K256 };
        assert_eq!(key.curve(), curve);
        let sec1 = bs58::decode(&text(&case, "publicKeyMultibase")[1..]).into_vec().unwrap();
        assert_eq!(VerifyingKey::from_sec1(curve, &sec1).unwrap(), key);

        let [message, signature] = ["messageBase64", "signatureBase64"]
            .map(|field| BASE64_NOPAD.decode(text(&case, field).as_bytes()).unwrap());
        let tags: Vec<_> =
            case["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let expected = match (case["validSignature"].as_bool().unwrap(), &tags[..]) {
            (true, []) => Check::Valid,
            (false, ["high-s"]) => Check::HighS,
            (false, ["der-encoded"]) => Check::Invalid,
            other => panic!("unknown vector {other:?}"),
        };
        assert_eq!(key.verify(&message, &signature), expected, "{}", text(&case, "comment"));
        for at in 0..signature.len() {
            let mut flipped = signature.clone();
            flipped[at] ^= 1;
            assert_eq!(key.verify(&message, &flipped), Check::Invalid);
        }
    }
}

#[test]
fn did_keys() {
    for case in cases("w3c_didkey_K256.json") {
        let bytes = HEXLOWER.decode(text(&case, "privateKeyBytesHex").as_bytes()).unwrap();
        let key = SigningKey::from_bytes(Curve::K256, &bytes).unwrap();
        assert_eq!(key.verifying_key().to_did_key(), text(&case, "publicDidKey"));
        assert_eq!(key.to_bytes()[..], bytes);
    }
    for case in cases("w3c_didkey_P256.json") {
        let bytes = bs58::decode(text(&case, "privateKeyBytesBase58")).into_vec().unwrap();
        let key = SigningKey::from_bytes(Curve::P256, &bytes).unwrap();
        assert_eq!(key.verifying_key().to_did_key(), text(&case, "publicDidKey"));
    }
}

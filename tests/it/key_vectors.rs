//! The interoperability vectors of keys and signatures.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common::material::table;
use carrack::key::{Curve, SignatureStatus, SigningKey, VerifyingKey};
use data_encoding::HEXLOWER;

fn curve(name: &str) -> Curve {
    match name {
        "K256" => Curve::K256,
        "P256" => Curve::P256,
        other => panic!("no curve {other}"),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

#[test]
fn signatures() {
    for row in table("signatures") {
        let [verdict, on, did_key, sec1, message, signature] = row[..] else { panic!("{row:?}") };
        let key = VerifyingKey::from_did_key(did_key).unwrap();
        assert_eq!(key.to_did_key(), did_key);
        assert_eq!(key.curve(), curve(on));
        assert_eq!(VerifyingKey::from_sec1(curve(on), &bytes(sec1)).unwrap(), key);

        let expected = match verdict {
            "valid" => SignatureStatus::Valid,
            "high-s" => SignatureStatus::HighS,
            "der" => SignatureStatus::Invalid,
            other => panic!("unknown vector {other:?}"),
        };
        let [message, signature] = [message, signature].map(bytes);
        assert_eq!(key.verify(&message, &signature), expected, "{row:?}");
        for at in 0..signature.len() {
            let mut flipped = signature.clone();
            flipped[at] ^= 1;
            assert_eq!(key.verify(&message, &flipped), SignatureStatus::Invalid);
        }
    }
}

#[test]
fn did_keys() {
    for row in table("did-keys") {
        let [on, private, public] = row[..] else { panic!("{row:?}") };
        let key = SigningKey::from_bytes(curve(on), &bytes(private)).unwrap();
        assert_eq!(key.verifying_key().to_did_key(), public);
        assert_eq!(key.to_bytes()[..], bytes(private));
    }
}

//! Every signature has a twin, `n - s` for `s`, that can be computed from it without the key. The protocol takes the
//! one with the lower `s` only: the other is named for what it is, and refused everywhere.
//! Holds guarantee G3.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::handmade::{blocks, car};
use crate::common::{
    NOW, create_op, did, engine, engine_with_account, import, path, record, write,
};
use carrack::block::Block;
use carrack::commit::Commit;
use carrack::engine::ImportOptions;
use carrack::env::ManualClock;
use carrack::ident::Rev;
use carrack::identity::plc::{Operation, PlcLog, PlcState};
use carrack::key::{Curve, SignatureStatus, Signer, SigningKey, VerifyingKey};
use carrack::verify::{ExpectedHead, Input, verify_proof};
use carrack::{Code, Error};

const K256_ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn key_of(curve: Curve) -> SigningKey {
    SigningKey::from_bytes(curve, &[7; 32]).unwrap()
}

/// The other signature that is right for the same message.
fn twin(curve: Curve, signature: &[u8]) -> Vec<u8> {
    let order = match curve {
        Curve::K256 => K256_ORDER,
        Curve::P256 => P256_ORDER,
    };
    let order = data_encoding::HEXLOWER.decode(order.as_bytes()).unwrap();
    let (r, s) = signature.split_at(32);
    let mut out = vec![0; 32];
    let mut borrow = 0;
    for place in (0..32).rev() {
        let difference = 0x100 + u16::from(order[place]) - u16::from(s[place]) - borrow;
        borrow = u16::from(difference < 0x100);
        out[place] = difference.to_le_bytes()[0];
    }
    assert_eq!(borrow, 0);
    [r, &out].concat()
}

/// The same commit with the twin of its signature, and so with another CID.
fn with_twin(commit: &Block, key: &VerifyingKey) -> Block {
    let mut bytes = commit.bytes().to_vec();
    let begin = b"csig\x58\x40";
    let at = bytes.windows(begin.len()).position(|some| some == begin).unwrap() + begin.len();
    let twin = twin(key.curve(), &bytes[at..at + 64]);
    bytes[at..at + 64].copy_from_slice(&twin);
    Block::dag_cbor(bytes)
}

#[test]
fn a_key_tells_the_twin_from_the_signature() {
    for curve in [Curve::K256, Curve::P256] {
        let key = key_of(curve);
        for message in [&b"ahoy"[..], b"", &[7; 1000]] {
            let signature = key.sign(message).unwrap();
            let twin = twin(curve, &signature);
            let check = |signature: &[u8]| key.verifying_key().verify(message, signature);
            assert_eq!(
                (check(&signature), check(&twin)),
                (SignatureStatus::Valid, SignatureStatus::HighS)
            );
        }
    }
}

#[test]
fn an_archive_with_the_twin_is_refused() {
    for curve in [Curve::K256, Curve::P256] {
        let key = key_of(curve);
        let records = [("com.example.post/a".to_owned(), record(40, 1))].into();
        let right = blocks(&records, &did(), Rev::from_micros(NOW, 1).unwrap(), &key);
        let mut malleable = right.clone();
        malleable[0] = with_twin(&right[0], &key.verifying_key());
        let commit = Commit::decode(&malleable[0]).unwrap();
        assert_eq!(commit.check(&[key.verifying_key()]), SignatureStatus::HighS);

        let expect = ExpectedHead::signed_by([key.verifying_key()]).did(did());
        let options = ImportOptions::default().head(expect);
        let engine = engine();
        let error = import(&engine, &car(&malleable), &options).unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{error}");
        assert_eq!(error.problems()[0].code, Code::HighS);
        assert!(engine.status(&did()).is_err());
        import(&engine, &car(&right), &options).unwrap();
    }
}

#[test]
fn a_proof_under_the_twin_proves_nothing() {
    let engine = engine_with_account();
    let at = path("com.example.post/a");
    write(&engine, vec![create_op(at.clone(), record(40, 1))]).unwrap();
    let mut proof = Vec::new();
    engine.snapshot(&did()).unwrap().proof(&at, &mut proof).unwrap();
    let mut reader = carrack::car::Reader::new(&proof[..]).unwrap();
    let mut blocks = Vec::new();
    while let Some(frame) = reader.next_section().unwrap() {
        blocks.push(frame.into_block().unwrap());
    }
    let key = crate::common::key().verifying_key();
    let expect = ExpectedHead::signed_by([key.clone()]).did(did());
    let check = |blocks: &[Block]| {
        verify_proof(&Input::from(car(blocks)), &at, &expect, &ManualClock::new(NOW)).unwrap()
    };
    assert_eq!(check(&blocks).present, Some(true));
    blocks[0] = with_twin(&blocks[0], &key);
    let proven = check(&blocks);
    assert_eq!((proven.present, proven.cid), (None, None));
    assert_eq!(proven.report.problems.listed()[0].code, Code::HighS);
}

#[test]
fn an_operation_of_a_log() {
    for curve in [Curve::K256, Curve::P256] {
        let key = key_of(curve);
        let genesis = Operation::genesis(PlcState::default())
            .rotation_keys(&[key.verifying_key()])
            .signing_key(&key.verifying_key())
            .sign(&key)
            .unwrap();
        let log = PlcLog::begin(genesis, NOW).unwrap();
        let mut claims: serde_json::Value = serde_json::from_str(&log.to_json()).unwrap();
        let operation = &mut claims[0]["operation"];
        let text = operation["sig"].as_str().unwrap();
        let base64 = data_encoding::BASE64URL_NOPAD;
        let twin = twin(curve, &base64.decode(text.as_bytes()).unwrap());
        operation["sig"] = base64.encode(&twin).into();
        let operation = Operation::parse(operation.to_string().as_bytes()).unwrap();
        let problem = PlcLog::begin(operation, NOW).unwrap_err();
        assert!(problem.message.contains("high s"), "{problem}");
    }
}

use super::check::Floats;
use super::decoder::Kind;
use super::*;
use crate::block::{Cid, Codec};
use crate::limits::{CBOR_CONTAINER_MAX, CBOR_DEPTH_MAX};
use crate::problem::Code;
use ipld_core::ipld::Ipld;
use std::collections::BTreeMap;

fn kind(bytes: &[u8]) -> FaultKind {
    let fault = check::value(bytes, Floats::Refuse).unwrap_err();
    // Decoder and check must agree, for nodes go through the one and records through the other.
    let mut decoder = Decoder::new(bytes);
    let skipped = decoder.skip().and_then(|()| decoder.end());
    assert_eq!(skipped, Err(fault.clone()));
    fault.kind
}

#[test]
fn a_shape_reads_as_it_was_written() {
    let cid = Cid::of(Codec::DagCbor, b"x");
    let other: Cid = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n".parse().unwrap();
    let mut encoder = Encoder::with_capacity(64);
    encoder.map(2);
    encoder.text("a");
    encoder.array(8);
    encoder.bool(true);
    encoder.null();
    encoder.bytes(&[1; 300]);
    encoder.int(-1_000_000);
    encoder.int(23);
    encoder.link(&cid);
    encoder.nullable_link(Some(&other));
    encoder.nullable_link(None);
    encoder.text("bb");
    encoder.raw(&[0x80]);
    let bytes = encoder.finish();
    check::record(&bytes).unwrap();

    let mut decoder = Decoder::new(&bytes);
    assert_eq!(decoder.peek().unwrap(), Kind::Map);
    assert_eq!(decoder.map().unwrap(), 2);
    decoder.key("a").unwrap();
    assert_eq!(decoder.array().unwrap(), 8);
    assert!(decoder.bool().unwrap());
    assert!(decoder.is_null());
    decoder.null().unwrap();
    assert_eq!(decoder.peek().unwrap(), Kind::Bytes);
    assert_eq!(decoder.bytes().unwrap(), [1; 300]);
    assert_eq!(decoder.peek().unwrap(), Kind::Negative);
    assert_eq!(decoder.int().unwrap(), -1_000_000);
    assert_eq!(decoder.uint().unwrap(), 23);
    assert_eq!(decoder.peek().unwrap(), Kind::Link);
    assert_eq!(decoder.link().unwrap(), cid);
    assert_eq!(decoder.nullable_link().unwrap(), Some(other));
    assert_eq!(decoder.nullable_link().unwrap(), None);
    let position = decoder.position();
    let fault = decoder.clone().key("b").unwrap_err();
    assert_eq!(fault, Fault { offset: position, kind: FaultKind::Key("b".into()) });
    decoder.key("bb").unwrap();
    decoder.skip().unwrap();
    decoder.end().unwrap();
}

#[test]
fn heads_are_the_shortest() {
    for argument in [0, 1, 23, 24, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX]
    {
        let mut encoder = Encoder::new();
        encoder.uint(argument);
        let bytes = encoder.finish();
        assert_eq!(Decoder::new(&bytes).uint().unwrap(), argument);
        let wide = argument.to_be_bytes();
        for (info, width, least) in
            [(24, 1, 24_u64), (25, 2, 1 << 8), (26, 4, 1 << 16), (27, 8, 1 << 32)]
        {
            if argument < least {
                for major in 0..=5_u8 {
                    let padded = [&[major << 5 | info][..], &wide[8 - width..]].concat();
                    assert!(matches!(kind(&padded), FaultKind::NonCanonical(_)), "{padded:x?}");
                }
            }
        }
    }
}

#[test]
fn wrong_types_are_named_at_their_offset() {
    let type_fault = |offset, name| Fault { offset, kind: FaultKind::Type(name) };
    assert_eq!(Decoder::new(&[0xf6]).uint().unwrap_err(), type_fault(0, "an unsigned integer"));
    assert_eq!(Decoder::new(&[0xf5]).null().unwrap_err(), type_fault(0, "null"));
    assert_eq!(Decoder::new(&[0xf6]).bool().unwrap_err(), type_fault(0, "a boolean"));
    assert_eq!(Decoder::new(&[0x01]).bool().unwrap_err(), type_fault(0, "a boolean"));
    assert_eq!(Decoder::new(&[0x20]).uint().unwrap_err(), type_fault(0, "an unsigned integer"));
    assert_eq!(Decoder::new(&[0x41, 0]).link().unwrap_err(), type_fault(0, "a link"));
    assert_eq!(check::record(&[0x80]).unwrap_err(), type_fault(0, "a map"));
    assert_eq!(check::record(&[]).unwrap_err().kind, FaultKind::Truncated);
    assert_eq!(Decoder::new(&[0xa1]).end().unwrap_err().kind, FaultKind::Trailing);
}

#[test]
fn what_the_data_model_forbids_is_refused() {
    for bytes in [
        &[0xf7][..],
        &[0xf8, 0x20],
        &[0xe0],
        &[0xf9, 0, 0],
        &[0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x9f, 0xff],
        &[0xbf, 0xff],
        &[0x5f, 0xff],
        &[0x7f, 0xff],
        &[0xff],
        &[0x1c],
        &[0xc1, 0],
        &[0xd8, 0x2b, 0],
        &[0xa2, 0x61, b'a', 0, 0x61, b'a', 0],
    ] {
        assert!(matches!(kind(bytes), FaultKind::Forbidden(_)), "{bytes:x?}");
    }
    assert!(matches!(kind(b"\xa2\x62aa\x00\x61b\x00"), FaultKind::NonCanonical(_)));
    assert!(matches!(kind(b"\xa2\x61b\x00\x61a\x00"), FaultKind::NonCanonical(_)));
    assert_eq!(kind(&[0xa1, 0, 0]), FaultKind::Type("a text"));
    assert_eq!(kind(&[0x62, 0xc3, 0x28]), FaultKind::Utf8);
    assert_eq!(kind(&[0xd8, 0x2a, 0x41, 0]), FaultKind::Cid);
    assert_eq!(kind(&[0xd8, 0x2a, 0x41, 1]), FaultKind::Cid);
    assert_eq!(kind(&[0, 0]), FaultKind::Trailing);
}

#[test]
fn no_length_is_believed() {
    for head in [0x5b, 0x7b, 0x9b, 0xbb] {
        let huge = [&[head][..], &[0xff; 8]].concat();
        assert!(matches!(kind(&huge), FaultKind::Truncated | FaultKind::Length));
    }
    let over = u32::try_from(CBOR_CONTAINER_MAX + 1).unwrap();
    let mut array = [&[0x9a][..], &over.to_be_bytes()].concat();
    array.resize(5 + CBOR_CONTAINER_MAX + 1, 0);
    assert_eq!(kind(&array), FaultKind::Length);
    array[..5].copy_from_slice(&[&[0x9a][..], &(over - 1).to_be_bytes()].concat());
    check::value(&array[..5 + CBOR_CONTAINER_MAX], Floats::Refuse).unwrap();
    assert_eq!(kind(&[0x9a, 0, 1, 0, 0]), FaultKind::Truncated);
}

#[test]
fn containers_nest_to_the_limit() {
    let nested = |depth: usize| [vec![0x81; depth - 1], vec![0x80]].concat();
    check::value(&nested(CBOR_DEPTH_MAX), Floats::Refuse).unwrap();
    assert_eq!(kind(&nested(CBOR_DEPTH_MAX + 1)), FaultKind::Depth);
    assert_eq!(kind(&vec![0x81; 1_000_000]), FaultKind::Depth);

    let value = |depth| (1..depth).fold(Ipld::List(vec![]), |inner, _| Ipld::List(vec![inner]));
    assert_eq!(encode(&value(CBOR_DEPTH_MAX)).unwrap(), nested(CBOR_DEPTH_MAX));
    assert_eq!(encode(&value(CBOR_DEPTH_MAX + 1)).unwrap_err().code, Code::TooLarge);
}

#[test]
fn every_cut_of_a_record_is_truncated() {
    let mut encoder = Encoder::new();
    encoder.map(2);
    encoder.text("a");
    encoder.link(&Cid::of(Codec::Raw, b""));
    encoder.text("b");
    encoder.array(3);
    encoder.uint(1 << 40);
    encoder.bytes(b"bytes");
    encoder.null();
    let bytes = encoder.finish();
    check::record(&bytes).unwrap();
    for cut in 0..bytes.len() {
        let fault = check::record(&bytes[..cut]).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Truncated, "cut at {cut}");
    }
}

#[test]
fn integers_reach_to_64_bits_and_no_further() {
    for (integer, bytes) in [
        (i128::from(u64::MAX), [0x1b, 255, 255, 255, 255, 255, 255, 255, 255]),
        (-1 - i128::from(u64::MAX), [0x3b, 255, 255, 255, 255, 255, 255, 255, 255]),
        (i128::from(i64::MIN), [0x3b, 127, 255, 255, 255, 255, 255, 255, 255]),
    ] {
        assert_eq!(encode(&Ipld::Integer(integer)).unwrap(), bytes);
        assert_eq!(decode(&bytes).unwrap(), Ipld::Integer(integer));
        assert_eq!(Decoder::new(&bytes).int().unwrap(), integer);
    }
    for integer in [1 << 64, -2 - i128::from(u64::MAX), i128::MAX, i128::MIN] {
        let error = encode(&Ipld::Integer(integer)).unwrap_err();
        assert_eq!(error.code, Code::BadRecord);
    }
    let mut encoder = Encoder::new();
    encoder.int(i64::MIN);
    assert_eq!(decode(&encoder.finish()).unwrap(), Ipld::Integer(i64::MIN.into()));
}

#[test]
fn maps_are_written_by_length_and_then_bytewise() {
    let keys = ["b", "aa", "a", "c", "ab", ""];
    let map = Ipld::Map(keys.map(|key| (key.to_owned(), Ipld::Null)).into());
    let bytes = encode(&map).unwrap();
    assert_eq!(bytes, b"\xa6\x60\xf6\x61a\xf6\x61b\xf6\x61c\xf6\x62aa\xf6\x62ab\xf6");
    assert_eq!(decode(&bytes).unwrap(), map);
    assert!(encode(&Ipld::Float(1.0)).is_err());
}

#[test]
fn links_keep_their_exact_form() {
    let cid: Cid = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n".parse().unwrap();
    let mut encoder = Encoder::new();
    encoder.link(&cid);
    let bytes = encoder.finish();
    let value = decode(&bytes).unwrap();
    assert!(matches!(&value, Ipld::Link(link) if link.to_bytes() == cid.to_bytes()));
    assert_eq!(encode(&value).unwrap(), bytes);
    let map = Ipld::Map(BTreeMap::from([("l".to_owned(), value)]));
    check::record(&encode(&map).unwrap()).unwrap();
}

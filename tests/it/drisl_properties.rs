//! What holds for every value and for any bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use carrack::block::drisl;
use carrack::block::{Cid, Codec, blob_refs, json};
use carrack::car::{Reader, Writer};
use carrack::parts::car::{append_section, header};
use carrack::parts::drisl::{Decoder, Floats, check};
use ipld_core::ipld::Ipld;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn link() -> impl Strategy<Value = Ipld> {
    let blessed = (any::<[u8; 8]>(), any::<bool>()).prop_map(|(bytes, raw)| {
        Cid::of(if raw { Codec::Raw } else { Codec::DagCbor }, &bytes).to_bytes()
    });
    // Version 1 of any codec and hash function, digests of 0 to 64 bytes.
    let other = (1..=0x7f_u8, 1..=0x7f_u8, vec(any::<u8>(), 0..=64)).prop_map(|(a, b, digest)| {
        [&[1, a, b, u8::try_from(digest.len()).unwrap()][..], &digest].concat()
    });
    prop_oneof![blessed, other].prop_map(|bytes| Ipld::Link(bytes[..].try_into().unwrap()))
}

fn value() -> impl Strategy<Value = Ipld> {
    let leaf = prop_oneof![
        Just(Ipld::Null),
        any::<bool>().prop_map(Ipld::Bool),
        (-1 - i128::from(u64::MAX)..=i128::from(u64::MAX)).prop_map(Ipld::Integer),
        (-300..300_i128).prop_map(Ipld::Integer),
        ".{0,30}".prop_map(Ipld::String),
        vec(any::<u8>(), 0..300).prop_map(Ipld::Bytes),
        link(),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Ipld::List),
            btree_map("[a-z]{0,3}|.{0,9}", inner, 0..8).prop_map(Ipld::Map),
        ]
    })
}

/// Runs everything that takes bytes from outside; what is accepted must be consistent.
fn feed(bytes: &[u8]) -> Result<(), TestCaseError> {
    let checked = check::value(bytes, Floats::Refuse);
    let decoded = drisl::decode(bytes);
    prop_assert_eq!(checked.is_ok(), decoded.is_ok());
    if let Ok(value) = decoded {
        prop_assert_eq!(drisl::encode(&value).unwrap(), bytes);
        prop_assert_eq!(check::record(bytes).is_ok(), matches!(value, Ipld::Map(_)));
        prop_assert!(check::value(bytes, Floats::Allow).is_ok());
    } else {
        prop_assert!(check::record(bytes).is_err());
    }
    let mut decoder = Decoder::new(bytes);
    let skipped = decoder.skip().and_then(|()| decoder.end());
    prop_assert_eq!(skipped, checked);
    let _ = (blob_refs(bytes), json::to_json(bytes));
    for read in [
        |decoder: &mut Decoder<'_>| decoder.peek().map(drop),
        |decoder: &mut Decoder<'_>| decoder.nullable_link().map(drop),
        |decoder: &mut Decoder<'_>| decoder.int().map(drop),
        |decoder: &mut Decoder<'_>| decoder.bool().map(drop),
        |decoder: &mut Decoder<'_>| decoder.bytes().map(drop),
        |decoder: &mut Decoder<'_>| decoder.key("key"),
    ] {
        let mut decoder = Decoder::new(bytes);
        if read(&mut decoder).is_ok() {
            prop_assert!(decoder.position() <= bytes.len());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn values_round_trip(value in value()) {
        let bytes = drisl::encode(&value).unwrap();
        check::value(&bytes, Floats::Refuse).unwrap();
        prop_assert_eq!(&drisl::decode(&bytes).unwrap(), &value);
        prop_assert_eq!(serde_ipld_dagcbor::to_vec(&value).unwrap(), bytes.clone());
        feed(&bytes)?;
    }

    #[test]
    fn json_round_trips(value in value()) {
        let bytes = drisl::encode(&Ipld::Map([("v".to_owned(), value)].into())).unwrap();
        if let Ok(json) = json::to_json(&bytes) {
            prop_assert_eq!(json::from_json(&json).unwrap(), bytes.clone());
        }
        prop_assert_eq!(json::from_lossless(&json::to_lossless(&bytes)).unwrap(), bytes);
    }

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..200)) {
        feed(&bytes)?;
    }

    #[test]
    fn changed_values_are_answered(
        value in value(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in 0..3_usize,
    ) {
        let mut bytes = drisl::encode(&value).unwrap();
        let at = at.index(bytes.len());
        match cut {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, byte),
            _ => bytes[at] = byte,
        }
        feed(&bytes)?;
    }

    #[test]
    fn any_archive_is_answered(
        blocks in vec(vec(any::<u8>(), 0..100), 0..5),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        junk in vec(any::<u8>(), 0..30),
    ) {
        let mut writer = Writer::new(Vec::new(), &[]).unwrap();
        for bytes in &blocks {
            writer.write(&Cid::of(Codec::DagCbor, bytes), bytes).unwrap();
        }
        let mut file = writer.finish().unwrap();
        file.extend(junk);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let Ok(mut reader) = Reader::new(&file[..]) else { return Ok(()) };
        let mut again = header(reader.roots());
        let end = loop {
            match reader.next_section() {
                Ok(Some(frame)) => append_section(&mut again, &frame.cid, frame.bytes()),
                Ok(None) => break true,
                Err(error) => {
                    prop_assert!(error.problems()[0].offset.is_some());
                    break false;
                }
            }
        };
        // One file, one form: what is read whole is written the same.
        prop_assert!(!end || again == file);
    }

    #[test]
    fn any_bytes_are_no_archive(bytes in vec(any::<u8>(), 0..100)) {
        if let Ok(mut reader) = Reader::new(&bytes[..]) {
            while let Ok(Some(_)) = reader.next_section() {}
        }
    }
}

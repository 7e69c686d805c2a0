//! One data model: what is written, what is warned of and what is read agree with a checker that is
//! written from the specification (`common::data`), for random records, proper and not; and each can
//! be read without loss. Holds guarantee G39, holds guarantee G40.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use crate::common::data::Data;
use crate::common::{
    NOW, car_input, clock, did, engine, handmade, import, key, path, records, with_key,
};
use carrack::Problem;
use carrack::block::{Cid, Codec, data_model, json};
use carrack::engine::{ImportOptions, Record, State};
use carrack::ident::Rev;
use carrack::verify::{Discard, ExpectedHead, verify, verify_proof};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};

fn link() -> impl Strategy<Value = Vec<u8>> {
    let blessed = (any::<u8>(), any::<bool>()).prop_map(|(byte, raw)| {
        Cid::of(if raw { Codec::Raw } else { Codec::DagCbor }, &[byte]).to_bytes()
    });
    let other = (1..=0x7f_u8, 1..=0x7f_u8, vec(any::<u8>(), 0..=40)).prop_map(|(a, b, digest)| {
        [&[1, a, b, u8::try_from(digest.len()).unwrap()][..], &digest].concat()
    });
    let v0 = any::<[u8; 32]>().prop_map(|digest| [&[0x12, 0x20][..], &digest].concat());
    prop_oneof![6 => blessed, 1 => other, 1 => v0]
}

fn integer() -> impl Strategy<Value = i128> {
    let edge = select(vec![
        0,
        1,
        i128::from(i64::MAX),
        i128::from(i64::MAX) + 1,
        i128::from(i64::MIN),
        i128::from(i64::MIN) - 1,
        i128::from(u64::MAX),
        -1 - i128::from(u64::MAX),
    ]);
    prop_oneof![4 => -300..300_i128, 2 => any::<i64>().prop_map(i128::from), 1 => edge]
}

fn key_of_map() -> impl Strategy<Value = String> {
    let special = select(vec![
        "$type",
        "$link",
        "$bytes",
        "$improper",
        "ref",
        "size",
        "mimeType",
        "cid",
        "$",
    ]);
    prop_oneof![3 => "[a-z]{0,4}", 1 => ".{0,9}", 1 => special.prop_map(str::to_owned)]
}

/// A blob in which some part may be wrong or missing.
fn blob() -> impl Strategy<Value = Data> {
    let typed = (link(), integer(), select(vec!["image/png", ""]), 0..12_usize).prop_map(
        |(cid, size, mime, without)| {
            let mut pairs = vec![
                ("$type".to_owned(), Data::Text("blob".into())),
                ("ref".to_owned(), Data::Link(cid)),
                ("size".to_owned(), Data::Integer(size)),
                ("mimeType".to_owned(), Data::Text(mime.into())),
            ];
            if without < pairs.len() {
                pairs.remove(without);
            }
            Data::Map(pairs)
        },
    );
    let text = link().prop_map(|cid| Cid::from_bytes(&cid).unwrap().to_string());
    let legacy = (prop_oneof![text, "[a-z]{0,5}"], any::<bool>()).prop_map(|(cid, more)| {
        let mut pairs = vec![
            ("cid".to_owned(), Data::Text(cid)),
            ("mimeType".to_owned(), Data::Text("image/png".into())),
        ];
        if more {
            pairs.push(("alt".to_owned(), Data::Null));
        }
        Data::Map(pairs)
    });
    prop_oneof![2 => typed, 1 => legacy]
}

fn map(value: impl Strategy<Value = Data>) -> impl Strategy<Value = Data> {
    vec((key_of_map(), value), 0..6).prop_map(|pairs| {
        let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
        Data::Map(pairs.into_iter().collect())
    })
}

fn value() -> impl Strategy<Value = Data> {
    let leaf = prop_oneof![
        2 => Just(Data::Null),
        2 => any::<bool>().prop_map(Data::Bool),
        4 => integer().prop_map(Data::Integer),
        1 => any::<u64>().prop_map(Data::Float),
        1 => any::<f64>().prop_map(|float| Data::Float(float.to_bits())),
        6 => prop_oneof![".{0,12}", Just("blob".to_owned())].prop_map(Data::Text),
        2 => vec(any::<u8>(), 0..40).prop_map(Data::Bytes),
        2 => link().prop_map(Data::Link),
        2 => blob(),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![vec(inner.clone(), 0..5).prop_map(Data::List), map(inner)]
    })
}

/// A record; about half of them are proper.
fn record() -> impl Strategy<Value = Data> {
    map(value())
}

fn archive(all: &BTreeMap<String, Vec<u8>>, micros: u64) -> Vec<u8> {
    handmade::repository(all, &did(), Rev::from_micros(NOW + micros, 0).unwrap(), &key())
}

fn paths(warnings: &[Problem]) -> BTreeSet<String> {
    assert!(warnings.iter().all(|warning| warning.code == carrack::Code::BadRecord));
    warnings.iter().map(|warning| warning.path.clone().unwrap()).collect()
}

/// Holds what is read of a record against the checker.
fn check_reading(record: &Data) -> Result<(), TestCaseError> {
    let bytes = record.bytes();
    let form = json::to_lossless(&bytes);
    prop_assert_eq!(json::from_lossless(&form).unwrap(), bytes.clone());
    prop_assert_eq!(data_model::check(&bytes).is_ok(), record.is_proper());
    prop_assert_eq!(form.to_string().contains("{\"$improper\":"), !record.is_proper());
    if record.is_proper() {
        prop_assert_eq!(&form, &record.json());
        prop_assert_eq!(json::to_json(&bytes).unwrap(), record.json());
        prop_assert_eq!(json::from_json(&record.json()).unwrap(), bytes);
    } else {
        prop_assert!(json::to_json(&bytes).is_err());
        prop_assert!(json::from_json(&form).is_err());
    }
    Ok(())
}

/// Holds what is written against the checker: as bytes, as JSON, and as JSON text.
fn check_writing(record: &Data) -> Result<(), TestCaseError> {
    let bytes = record.bytes();
    let written = Record::from_dag_cbor(bytes.clone());
    prop_assert_eq!(written.is_ok(), record.is_writable(), "{:?}", written);
    if let Err(error) = &written {
        prop_assert!(error.problems()[0].message.starts_with("record"), "{}", error);
    }
    let Some(value) = record.careless_json() else { return Ok(()) };
    let written = Record::from_json(&value);
    prop_assert_eq!(written.is_ok(), record.is_writable(), "{:?}", written);
    let parsed = json::parse(&value.to_string());
    let written_text = parsed.map(|value| Record::from_json(&value));
    match (&written, &written_text) {
        (Ok(record), Ok(Ok(same))) => {
            prop_assert_eq!(record, same);
            prop_assert_eq!(record.bytes(), bytes);
        }
        (Err(error), Ok(Err(_)) | Err(_)) => {
            prop_assert!(error.problems()[0].message.starts_with("record"), "{}", error);
        }
        _ => prop_assert!(false, "{written:?}, {written_text:?}"),
    }
    Ok(())
}

#[test]
fn reading_and_writing_agree_with_the_specification() {
    proptest!(|(record in record())| {
        check_reading(&record)?;
        check_writing(&record)?;
    });
}

proptest! {
    #[test]
    fn any_bytes_have_a_form_that_loses_nothing(bytes in vec(any::<u8>(), 0..60)) {
        prop_assert_eq!(json::from_lossless(&json::to_lossless(&bytes)).unwrap(), bytes);
    }

    #[test]
    fn damaged_records_have_a_form_that_loses_nothing(
        record in record(), at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0..3,
    ) {
        let mut bytes = record.bytes();
        let at = at.index(bytes.len());
        match how {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, byte),
            _ => bytes[at] = byte,
        }
        let form = json::to_lossless(&bytes);
        let text = serde_json::to_string(&form).unwrap();
        let again = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(json::from_lossless(&again).unwrap(), bytes.clone());
        let is_proper = data_model::check(&bytes).is_ok();
        prop_assert_eq!(text.contains("{\"$improper\":"), !is_proper);
        prop_assert_eq!(json::to_json(&bytes).is_ok(), is_proper);
        prop_assert_eq!(Record::from_dag_cbor(bytes).is_ok(), is_proper
            && data_model::check_new(&json::from_lossless(&form).unwrap()).is_ok());
    }
}

/// `verify`, an import, a diff and a proof warn of the same records, and none is refused.
#[test]
fn warnings_agree_with_the_specification() {
    proptest!(ProptestConfig::with_cases(40), |(all in vec(record(), 1..12))| {
        check_warnings(&all)?;
    });
}

fn check_warnings(all: &[Data]) -> Result<(), TestCaseError> {
    let encoded: BTreeMap<String, Vec<u8>> = all
        .iter()
        .enumerate()
        .map(|(number, record)| (format!("com.example.a/{number}"), record.bytes()))
        .collect();
    let improper: BTreeSet<String> = all
        .iter()
        .enumerate()
        .filter(|(_, record)| !record.is_proper())
        .map(|(number, _)| format!("com.example.a/{number}"))
        .collect();
    let car = archive(&encoded, 0);
    let head = ExpectedHead::signed_by([key().verifying_key()]);
    let report = verify(&car_input(&car), &head, &*clock(), &mut Discard).unwrap();
    prop_assert!(report.problems.is_empty(), "{:?}", report.problems);
    prop_assert_eq!(&paths(report.warnings.listed()), &improper);

    let imported_into = engine();
    let imported = import(&imported_into, &car, &with_key()).unwrap();
    prop_assert_eq!(&paths(imported.report.warnings.listed()), &improper);
    prop_assert_eq!(&records(&imported_into, &did()), &encoded);

    let first = path("com.example.a/0");
    let proof = verify_proof(&car_input(&car), &first, &head, &*clock()).unwrap();
    let expected = improper.iter().filter(|path| *path == first.as_str()).cloned().collect();
    prop_assert_eq!(paths(proof.report.warnings.listed()), expected);

    let copy = engine();
    import(&copy, &archive(&BTreeMap::new(), 0), &with_key()).unwrap();
    copy.set_state(&did(), State::Deactivated).unwrap();
    let diff = archive(&encoded, 1_000);
    let applied = copy.apply_diff(&car_input(&diff), &ImportOptions::default()).unwrap();
    prop_assert_eq!(&paths(applied.warnings.listed()), &improper);
    Ok(())
}

//! The checker takes exactly what another library reads, and writes back to the same bytes, within
//! the bounds of the data model; and what it takes goes through values and JSON unharmed.

use crate::node_decode::canonical;
use carrack::block::drisl;
use carrack::block::{blob_refs, data_model, json};
use carrack::limits::{CBOR_CONTAINER_MAX, CBOR_DEPTH_MAX};
use carrack::parts::drisl::Decoder;
use carrack::parts::drisl::{Floats, check as rules};
use ipld_core::ipld::Ipld;
use serde_json::Value;

pub fn check(data: &[u8]) {
    let taken = rules::value(data, Floats::Allow);
    let expected = canonical(data).filter(|value| bounded(value, CBOR_DEPTH_MAX));
    assert_eq!(taken.is_ok(), expected.is_some(), "{taken:?}, {expected:?}");
    let strict = rules::value(data, Floats::Refuse);
    let floats = expected.as_ref().is_some_and(has_floats);
    assert_eq!(strict.is_ok(), expected.is_some() && !floats, "{strict:?}");
    let is_map = matches!(expected, Some(Ipld::Map(_)));
    assert_eq!(rules::record(data).is_ok(), strict.is_ok() && is_map);

    let mut decoder = Decoder::new(data);
    let skipped = decoder.skip().is_ok() && decoder.position() == data.len();
    assert_eq!(skipped, strict.is_ok());
    let decoded = drisl::decode(data);
    assert_eq!(decoded.is_ok(), strict.is_ok());
    if let Ok(value) = decoded {
        assert_eq!(drisl::encode(&value).unwrap(), data);
    }
    as_json(data);
    let _ = blob_refs(data);
}

/// Every record has a JSON form that loses nothing; only proper ones have the plain form.
fn as_json(data: &[u8]) {
    let form = json::to_lossless(data);
    let text = form.to_string();
    let again: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json::from_lossless(&again).unwrap(), data);
    let plain = json::to_json(data);
    assert_eq!(plain.is_ok(), data_model::check(data).is_ok());
    assert_eq!(plain.is_ok(), !text.contains("{\"$improper\":"));
    if let Ok(value) = plain {
        assert_eq!(value, form);
        assert_eq!(json::from_json(&value).unwrap(), data);
    }
}

fn bounded(value: &Ipld, depth: usize) -> bool {
    match value {
        Ipld::Float(float) => float.is_finite() && !(*float == 0.0 && float.is_sign_negative()),
        Ipld::List(values) => {
            depth > 0
                && values.len() <= CBOR_CONTAINER_MAX
                && values.iter().all(|value| bounded(value, depth - 1))
        }
        Ipld::Map(map) => {
            depth > 0
                && map.len() <= CBOR_CONTAINER_MAX
                && map.values().all(|value| bounded(value, depth - 1))
        }
        _ => true,
    }
}

fn has_floats(value: &Ipld) -> bool {
    match value {
        Ipld::Float(_) => true,
        Ipld::List(values) => values.iter().any(has_floats),
        Ipld::Map(map) => map.values().any(has_floats),
        _ => false,
    }
}

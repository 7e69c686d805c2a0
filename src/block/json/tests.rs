//! Both directions of both forms. Holds guarantee G40.

use super::*;
use crate::block::drisl::encode as drisl;
use crate::block::{Cid, Codec};
use crate::limits::CBOR_DEPTH_MAX;
use crate::problem::Code;
use ipld_core::ipld;
use ipld_core::ipld::Ipld;
use serde_json::{Value, json};

const CID_V0: &str = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n";

fn code(value: &Value) -> Option<Code> {
    from_json(value).err().map(|error| error.code)
}

fn said(value: &Value) -> String {
    from_json(value).unwrap_err().message
}

/// The encoding of a map with this value under `a`.
fn record(value: &[u8]) -> Vec<u8> {
    [b"\xa1\x61a", value].concat()
}

#[test]
fn numbers_are_integers() {
    for (text, expected) in [
        ("123.0", ipld!(123)),
        ("-0", ipld!(0)),
        ("1e3", ipld!(1000)),
        ("-900719925474099.0", ipld!(-900_719_925_474_099_i64)),
        ("9223372036854775807", ipld!(i64::MAX)),
        ("-9223372036854775808", ipld!(i64::MIN)),
    ] {
        let value = serde_json::from_str(&format!("{{\"n\":{text}}}")).unwrap();
        assert_eq!(from_json(&value).unwrap(), drisl(&ipld!({ "n": expected })).unwrap());
    }
    for text in [
        "0.5",
        "1e300",
        "2251799813685248.0",
        "9007199254740991.0",
        "9007199254740993.0",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-1e19",
    ] {
        let value = serde_json::from_str(&format!("{{\"n\":{text}}}")).unwrap();
        assert_eq!(code(&value), Some(Code::BadRecord), "{text}");
    }
}

#[test]
fn base64_comes_padded_or_not() {
    let expected = drisl(&ipld!({ "b": Ipld::Bytes(vec![255]) })).unwrap();
    for text in ["/w", "/w=="] {
        assert_eq!(from_json(&json!({ "b": { "$bytes": text } })).unwrap(), expected);
    }
    for text in ["/w=", "_w", "/", "/x", "/w== "] {
        assert_eq!(code(&json!({ "b": { "$bytes": text } })), Some(Code::BadRecord), "{text}");
    }
    assert_eq!(to_json(&expected).unwrap(), json!({ "b": { "$bytes": "/w" } }));
}

#[test]
fn links_are_blessed_and_in_their_own_form() {
    let cid = Cid::of(Codec::Raw, b"x");
    let value = json!({ "a": { "$link": cid.to_string() } });
    assert_eq!(to_json(&from_json(&value).unwrap()).unwrap(), value);
    let upper = format!("B{}", cid.to_string()[1..].to_uppercase());
    assert!(upper.parse::<Cid>().is_ok());
    for text in [CID_V0, &upper, "bafyb", "", "bafkr\u{0}"] {
        assert_eq!(code(&json!({ "a": { "$link": text } })), Some(Code::BadRecord), "{text}");
    }
    assert_eq!(code(&json!({ "$link": cid.to_string() })), Some(Code::BadRecord));
}

#[test]
fn what_json_cannot_tell_is_refused() {
    for value in [
        ipld!({ "a": { "$link": "x" } }),
        ipld!({ "$bytes": 1 }),
        ipld!({ "$improper": {} }),
        ipld!({ "n": i128::from(i64::MIN) - 1 }),
        ipld!({ "n": i128::from(i64::MAX) + 1 }),
    ] {
        assert!(to_json(&drisl(&value).unwrap()).is_err(), "{value:?}");
    }
    let error = to_json(b"\xa1\x61n\x18\x01").unwrap_err();
    assert_eq!(error.code, Code::NonCanonical);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| (2..depth).fold(json!([]), |inner, _| json!([inner]));
    from_json(&json!({ "a": nested(CBOR_DEPTH_MAX) })).unwrap();
    let error = from_json(&json!({ "a": nested(CBOR_DEPTH_MAX + 1) })).unwrap_err();
    assert_eq!(error.code, Code::TooLarge);
}

#[test]
fn problems_say_where() {
    for (value, start) in [
        (json!([]), "record: "),
        (json!({ "embed": { "images": [{ "alt": 0.5 }] } }), "record.embed.images[0].alt: 0.5"),
        (json!({ "a": [1, [2, { "$type": 3 }]] }), "record.a[1][1]: a $type"),
        (json!({ "a": { "$link": 1 } }), "record.a: a $link"),
        (json!({ "a b\u{202e}": u64::MAX }), r#"record["a b\u{202e}"]: an integer"#),
        (json!({ "x".repeat(100): 0.5 }), &format!("record[\"{}\"…]: ", "x".repeat(40))),
        (json!({ "a": { "$improper": { "float": "00" } } }), "record.a: an $improper value"),
        (json!({ "a": [{ "$improper": { "integer": "5" } }] }), "record.a[0]: an $improper value"),
    ] {
        assert!(said(&value).starts_with(start), "{}", said(&value));
    }
    let deep = (0..30).fold(json!(0.5), |inner, _| json!({ "\u{10ffff}".repeat(90): inner }));
    assert!(said(&deep).len() < 1_500, "{}", said(&deep).len());
}

#[test]
fn improper_values_have_their_forms() {
    let v0 = CID_V0.parse::<Cid>().unwrap();
    let link = [b"\xd8\x2a\x58\x23\0", &v0.to_bytes()[..]].concat();
    for (value, form) in [
        (&b"\xfb\x3f\xe0\0\0\0\0\0\0"[..], json!({ "float": "3fe0000000000000" })),
        (b"\xfb\x7f\xf0\0\0\0\0\0\x01", json!({ "float": "7ff0000000000001" })),
        (b"\xfb\x80\0\0\0\0\0\0\0", json!({ "float": "8000000000000000" })),
        (b"\x1b\x80\0\0\0\0\0\0\0", json!({ "integer": "9223372036854775808" })),
        (b"\x3b\x80\0\0\0\0\0\0\0", json!({ "integer": "-9223372036854775809" })),
        (b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff", json!({ "integer": "-18446744073709551616" })),
        (&link, json!({ "link": CID_V0 })),
        (b"\xa1\x65$link\x61x", json!({ "map": [["$link", "x"]] })),
        (b"\xa1\x65$type\x01", json!({ "map": [["$type", 1]] })),
        (
            b"\xa1\x69$improper\xa1\x66$bytes\x40",
            json!({ "map": [["$improper", { "$improper": { "map": [["$bytes", { "$bytes": "" }]] } }]] }),
        ),
    ] {
        let record = record(value);
        let expected = json!({ "a": { "$improper": form } });
        assert_eq!(to_lossless(&record), expected);
        assert_eq!(from_lossless(&expected).unwrap(), record);
        assert!(to_json(&record).is_err());
        assert_eq!(code(&expected), Some(Code::BadRecord), "the form is never written");
    }
}

#[test]
fn a_record_that_cannot_be_read_by_value_is_its_bytes() {
    let deep = [&b"\xa1\x61a"[..], &[0x81; 32], &[0x80]].concat();
    for bytes in [
        &b""[..],
        b"\x01",
        b"\x80",
        b"\xa1\x61a\x18\x01",
        b"\xa1\x61a\xf9\x3c\0",
        b"\xa2\x61b\0\x61a\0",
        b"\xa2\x61a\0\x61a\0",
        b"\xbf\xff",
        b"\xa1\x61a\xf7",
        b"\xa1\x61a\x62\xc3\x28",
        b"\xa1\x61a\xc1\0",
        b"\xa0\xa0",
        &deep,
    ] {
        let form = to_lossless(bytes);
        assert_eq!(form["$improper"]["dag-cbor"], base64(bytes), "{bytes:02x?}");
        assert_eq!(from_lossless(&form).unwrap(), bytes);
    }
}

fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64_NOPAD.encode(bytes)
}

#[test]
fn a_form_is_no_deeper_than_readers_of_json_go() {
    let nested = |depth: usize| {
        let start = b"\xa2\x65$type\x01\x66nested";
        [start.repeat(depth - 1), b"\xa1\x65$type\x01".to_vec()].concat()
    };
    for depth in 1..=CBOR_DEPTH_MAX {
        let record = nested(depth);
        let form = to_lossless(&record);
        assert_eq!(form["$improper"].get("map").is_some(), depth <= 25, "{depth}");
        let text = json!({ "path": "a/b", "value": form }).to_string();
        let again: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(from_lossless(&again["value"]).unwrap(), record);
    }
}

#[test]
fn only_what_was_written_is_read_back() {
    for form in [
        json!(1),
        json!([]),
        json!({ "$link": Cid::of(Codec::Raw, b"").to_string() }),
        json!({ "$improper": 1 }),
        json!({ "$improper": { "dag-cbor": "YQ==" } }),
        json!({ "$improper": { "dag-cbor": "oA" } }),
        json!({ "$improper": { "dag-cbor": "AA", "x": 1 } }),
        json!({ "$improper": { "dag-cbor": "AA" }, "x": 1 }),
        json!({ "a": { "$improper": { "dag-cbor": "AA" } } }),
        json!({ "a": { "$improper": { "float": "3FE0000000000000" } } }),
        json!({ "a": { "$improper": { "float": "3fe0" } } }),
        json!({ "a": { "$improper": { "integer": "1" } } }),
        json!({ "a": { "$improper": { "integer": "18446744073709551616" } } }),
        json!({ "a": { "$improper": { "integer": "-18446744073709551617" } } }),
        json!({ "a": { "$improper": { "link": Cid::of(Codec::Raw, b"").to_string() } } }),
        json!({ "a": { "$improper": { "map": [["x", 1]] } } }),
        json!({ "a": { "$improper": { "map": [["$type", 1], ["x", 1]] } } }),
        json!({ "a": { "$improper": { "map": [["$type", 1], ["$type", 1]] } } }),
        json!({ "a": { "$improper": { "map": [["$type", 1, 2]] } } }),
        json!({ "a": { "$improper": { "map": { "$type": 1 } } } }),
        json!({ "a": { "$improper": { "map": [["$type", 1]] }, "b": 1 } }),
        json!({ "a": { "$type": 1 } }),
        json!({ "a": { "$bytes": "AQ==" } }),
        json!({ "a": 1.0 }),
        json!({ "a": u64::MAX }),
    ] {
        assert!(from_lossless(&form).is_err(), "{form}");
    }
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(from_lossless(&json!({ "a": deep })).unwrap_err().code, Code::TooLarge);
}

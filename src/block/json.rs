//! The JSON form of the data model.
//!
//! JSON has no links and no bytes: they are `{"$link": "bafy..."}` and `{"$bytes": "base64"}`.
//! Specification: <https://atproto.com/specs/data-model#json-representation>.

use super::Cid;
use super::drisl::{Encoder, decode, within};
use crate::limits::CBOR_DEPTH_MAX;
use crate::problem::{Code, Problem};
use data_encoding::{BASE64, BASE64_NOPAD};
use ipld_core::ipld::Ipld;
use serde_json::{Map, Number, Value};

const LINK: &str = "$link";
const BYTES: &str = "$bytes";
const TYPE: &str = "$type";

/// Writes an object of the JSON form as a DRISL map.
///
/// Numbers must be integers of at most 64 bits; one with a fraction of zero (`1.0`) is taken for
/// the integer if it is at most 2^53, since JavaScript makes no difference. Base64 may be padded.
/// A `$type` must be a text that is not empty, and an object of type `blob` must be one.
///
/// ```
/// use carrack::block::json;
/// use serde_json::json;
/// assert_eq!(json::from_json(&json!({ "b": { "$bytes": "AQI" } }))?, b"\xa1\x61b\x42\x01\x02");
/// assert!(json::from_json(&json!({ "n": 0.5 })).is_err());
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// `BadRecord` for what has no place in the data model; `TooLarge` for more than 32 containers inside
/// each other, or a container of more than 131,072 members.
pub fn from_json(value: &Value) -> Result<Vec<u8>, Problem> {
    let Value::Object(map) = value else { return Err(bad("a record is an object")) };
    if special(map).is_some() {
        return Err(bad("a record is an object, neither a link nor bytes"));
    }
    let mut encoder = Encoder::new();
    write(&mut encoder, value, CBOR_DEPTH_MAX)?;
    Ok(encoder.finish())
}

/// Reads one complete DRISL value into the JSON form.
///
/// ```
/// use carrack::block::json;
/// let value = json::to_json(b"\xa1\x61b\x42\x01\x02")?;
/// assert_eq!(value, serde_json::json!({ "b": { "$bytes": "AQI" } }));
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// `BadRecord` or `NonCanonical` if the bytes are not DRISL, `BadRecord` for what JSON cannot
/// tell: an integer below -2^63, or a map with a key `$link` or `$bytes`.
pub fn to_json(bytes: &[u8]) -> Result<Value, Problem> {
    let value = decode(bytes).map_err(|fault| fault.problem(Code::BadRecord))?;
    read(value)
}

/// Writes a value, which may hold containers in `depth` layers. Recurses no deeper than that.
fn write(encoder: &mut Encoder, value: &Value, depth: usize) -> Result<(), Problem> {
    match value {
        Value::Null => encoder.null(),
        Value::Bool(truth) => encoder.bool(*truth),
        Value::Number(number) => write_number(encoder, number)?,
        Value::String(text) => encoder.text(text),
        Value::Array(values) => {
            let depth = within(values.len(), depth)?;
            encoder.array(values.len());
            for value in values {
                write(encoder, value, depth)?;
            }
        }
        Value::Object(map) => match special(map) {
            Some((LINK, content)) => encoder.link(&parse_link(map, content)?),
            Some((_, content)) => encoder.bytes(&parse_bytes(map, content)?),
            None => write_map(encoder, map, depth)?,
        },
    }
    Ok(())
}

fn write_map(encoder: &mut Encoder, map: &Map<String, Value>, depth: usize) -> Result<(), Problem> {
    let depth = within(map.len(), depth)?;
    check_type(map)?;
    let mut pairs: Vec<_> = map.iter().collect();
    pairs.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    encoder.map(pairs.len());
    for (key, value) in pairs {
        encoder.text(key);
        write(encoder, value, depth)?;
    }
    Ok(())
}

fn write_number(encoder: &mut Encoder, number: &Number) -> Result<(), Problem> {
    if let Some(integer) = number.as_u64() {
        encoder.uint(integer);
    } else if let Some(integer) = number.as_i64().or_else(|| integral(number.as_f64()?)) {
        encoder.int(integer);
    } else {
        return Err(bad(&format!("{number} is not an integer of 64 bits")));
    }
    Ok(())
}

/// The integer that a float stands for, where no float next to it stands for another.
fn integral(float: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation)]
    (float.fract() == 0.0 && float.abs() <= EXACT_MAX).then_some(float as i64)
}

/// The key and content of a link or of bytes.
fn special(map: &Map<String, Value>) -> Option<(&'static str, &Value)> {
    [LINK, BYTES].into_iter().find_map(|key| Some((key, map.get(key)?)))
}

fn parse_link(map: &Map<String, Value>, content: &Value) -> Result<Cid, Problem> {
    let text = content.as_str().filter(|_| map.len() == 1);
    let text = text.ok_or_else(|| bad("a $link holds a text and stands alone"))?;
    match text.parse::<Cid>() {
        Ok(cid) if cid.to_string() == text => Ok(cid),
        _ => Err(bad("a $link that is not a CID in base32")),
    }
}

fn parse_bytes(map: &Map<String, Value>, content: &Value) -> Result<Vec<u8>, Problem> {
    let text = content.as_str().filter(|_| map.len() == 1);
    let text = text.ok_or_else(|| bad("$bytes hold a text and stand alone"))?;
    let base64 = if text.ends_with('=') { BASE64 } else { BASE64_NOPAD };
    base64.decode(text.as_bytes()).map_err(|_| bad("$bytes that are not base64"))
}

/// Holds an object to what its `$type` promises.
fn check_type(map: &Map<String, Value>) -> Result<(), Problem> {
    match map.get(TYPE) {
        None => Ok(()),
        Some(Value::String(name)) if name == "blob" => check_blob(map),
        Some(Value::String(name)) if !name.is_empty() => Ok(()),
        Some(_) => Err(bad("a $type that is not a text, or empty")),
    }
}

fn check_blob(map: &Map<String, Value>) -> Result<(), Problem> {
    let link = map.get("ref").and_then(Value::as_object).is_some_and(|map| map.contains_key(LINK));
    let mime = map.get("mimeType").is_some_and(Value::is_string);
    let size = match map.get("size") {
        Some(Value::Number(size)) => {
            size.is_u64() || size.as_f64().and_then(integral).is_some_and(|size| size >= 0)
        }
        _ => false,
    };
    if link && mime && size { Ok(()) } else { Err(bad("a blob needs ref, mimeType and size")) }
}

/// Recurses as deep as `decode` allows.
fn read(value: Ipld) -> Result<Value, Problem> {
    Ok(match value {
        Ipld::Null => Value::Null,
        Ipld::Bool(truth) => Value::Bool(truth),
        Ipld::Integer(integer) => {
            let number = Number::from_i128(integer).filter(|number| !number.is_f64());
            Value::Number(number.ok_or_else(|| bad("an integer below -2^63"))?)
        }
        Ipld::Float(_) => return Err(bad("floats have no place in the data model")),
        Ipld::String(text) => Value::String(text),
        Ipld::Bytes(bytes) => only(BYTES, BASE64_NOPAD.encode(&bytes)),
        Ipld::Link(cid) => only(LINK, Cid::from_bytes(&cid.to_bytes())?.to_string()),
        Ipld::List(values) => {
            Value::Array(values.into_iter().map(read).collect::<Result<_, Problem>>()?)
        }
        Ipld::Map(map) => {
            if map.contains_key(LINK) || map.contains_key(BYTES) {
                return Err(bad("a map with a key $link or $bytes, which JSON reads otherwise"));
            }
            let pairs = map.into_iter().map(|(key, value)| Ok((key, read(value)?)));
            Value::Object(pairs.collect::<Result<_, Problem>>()?)
        }
    })
}

fn only(key: &str, text: String) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), Value::String(text))]))
}

fn bad(message: &str) -> Problem {
    Problem::new(Code::BadRecord, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::drisl::encode;
    use ipld_core::ipld;
    use serde_json::json;

    fn code(value: &Value) -> Option<Code> {
        from_json(value).err().map(|error| error.code)
    }

    #[test]
    fn numbers_are_integers() {
        for (text, expected) in [
            ("123.0", ipld!(123)),
            ("-0", ipld!(0)),
            ("1e3", ipld!(1000)),
            ("-9007199254740992.0", ipld!(-9_007_199_254_740_992_i64)),
            ("18446744073709551615", ipld!(u64::MAX)),
            ("-9223372036854775808", ipld!(i64::MIN)),
        ] {
            let value = serde_json::from_str(&format!("{{\"n\":{text}}}")).unwrap();
            assert_eq!(from_json(&value).unwrap(), encode(&ipld!({ "n": expected })).unwrap());
        }
        for text in ["0.5", "1e300", "9007199254740994.0", "18446744073709551616", "-1e19"] {
            let value = serde_json::from_str(&format!("{{\"n\":{text}}}")).unwrap();
            assert_eq!(code(&value), Some(Code::BadRecord), "{text}");
        }
    }

    #[test]
    fn base64_comes_padded_or_not() {
        let expected = encode(&ipld!({ "b": Ipld::Bytes(vec![255]) })).unwrap();
        for text in ["/w", "/w=="] {
            assert_eq!(from_json(&json!({ "b": { "$bytes": text } })).unwrap(), expected);
        }
        for text in ["/w=", "_w", "/", "/x", "/w== "] {
            assert_eq!(code(&json!({ "b": { "$bytes": text } })), Some(Code::BadRecord), "{text}");
        }
        assert_eq!(to_json(&expected).unwrap(), json!({ "b": { "$bytes": "/w" } }));
    }

    #[test]
    fn what_json_cannot_tell_is_refused() {
        for value in [
            ipld!({ "a": { "$link": "x" } }),
            ipld!({ "$bytes": 1 }),
            ipld!({ "n": i128::from(i64::MIN) - 1 }),
        ] {
            assert!(to_json(&encode(&value).unwrap()).is_err(), "{value:?}");
        }
        let error = to_json(b"\xa1\x61n\x18\x01").unwrap_err();
        assert_eq!(error.code, Code::NonCanonical);
        assert_eq!(
            code(
                &json!({ "$link": Cid::from_digest(crate::block::Codec::Raw, [0; 32]).to_string() })
            ),
            Some(Code::BadRecord)
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| (2..depth).fold(json!([]), |inner, _| json!([inner]));
        from_json(&json!({ "a": nested(CBOR_DEPTH_MAX) })).unwrap();
        let error = from_json(&json!({ "a": nested(CBOR_DEPTH_MAX + 1) })).unwrap_err();
        assert_eq!(error.code, Code::TooLarge);
    }
}

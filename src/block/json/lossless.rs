use super::IMPROPER;
use super::decode::{form, read};
use super::encode::{Improper, encode_object};
use crate::block::data_model::improper_values;
use crate::problem::{Code, Problem};
use data_encoding::BASE64_NOPAD;
use serde_json::Value;

/// Where the form of a whole record keeps its bytes.
const DAG_CBOR: &str = "dag-cbor";

/// Reads any bytes of a record into a JSON form that loses nothing.
///
/// A proper record has the form that [`to_json`](super::to_json) gives. What is improper is written
/// as [the module](super) describes; a record that cannot be read value by value is written as its
/// bytes. It takes linear time, and the form is nested no deeper than 100 levels.
///
/// ```
/// use carrack::block::json;
/// use serde_json::json;
/// let half = b"\xa1\x61n\xfb\x3f\xe0\0\0\0\0\0\0";
/// let form = json::to_lossless(half);
/// assert_eq!(form, json!({ "n": { "$improper": { "float": "3fe0000000000000" } } }));
/// assert_eq!(json::from_lossless(&form)?, half);
/// assert_eq!(json::to_lossless(b"ahoy"), json!({ "$improper": { "dag-cbor": "YWhveQ" } }));
/// # Ok::<(), carrack::Error>(())
/// ```
pub fn to_lossless(record: &[u8]) -> Value {
    let value = improper_values(record).ok().and_then(|improper| read(record, &improper));
    value.unwrap_or_else(|| form(DAG_CBOR, BASE64_NOPAD.encode(record)))
}

/// Turns what [`to_lossless`] has written back into the same bytes.
///
/// ```
/// use carrack::block::json;
/// use serde_json::json;
/// let form = json!({ "n": { "$improper": { "integer": "18446744073709551615" } } });
/// assert_eq!(json::from_lossless(&form)?, b"\xa1\x61n\x1b\xff\xff\xff\xff\xff\xff\xff\xff");
/// let other = json!({ "n": { "$improper": { "integer": "5" } } });
/// assert!(json::from_lossless(&other).is_err(), "5 is not improper");
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// `BadRecord` or `TooLarge` for anything that [`to_lossless`] would write otherwise, or not at all.
pub fn from_lossless(form: &Value) -> Result<Vec<u8>, Problem> {
    let record = match whole(form) {
        Some(text) => {
            BASE64_NOPAD.decode(text.as_bytes()).map_err(|error| bad(error.to_string()))?
        }
        None => encode_object(form, Improper::Read)?,
    };
    // Of all that could be read as these bytes, one form only is theirs.
    if to_lossless(&record) == *form {
        return Ok(record);
    }
    Err(bad("not the form in which this record would be written"))
}

/// The bytes of a whole record in base64.
fn whole(form: &Value) -> Option<&str> {
    form.as_object()?.get(IMPROPER)?.get(DAG_CBOR)?.as_str()
}

fn bad(message: impl Into<String>) -> Problem {
    Problem::new(Code::BadRecord, message)
}

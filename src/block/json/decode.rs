use super::{BYTES, IMPROPER, LINK};
use crate::block::data_model;
use crate::block::drisl::Decoder;
use crate::block::drisl::decoder::Kind;
use crate::ident::Cid;
use crate::problem::Problem;
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Levels of JSON that a form may have. Readers of JSON take 128; a listing puts the form inside its
/// own objects.
const JSON_DEPTH_MAX: usize = 100;

/// Reads a proper record into the JSON form.
///
/// ```
/// use carrack::block::json;
/// let value = json::to_json(b"\xa1\x61b\x42\x01\x02")?;
/// assert_eq!(value, serde_json::json!({ "b": { "$bytes": "AQI" } }));
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// As [`data_model::check`]: there is no problem if and only if the record is proper.
/// [`to_lossless`](super::to_lossless) reads other records.
pub fn to_json(record: &[u8]) -> Result<Value, Problem> {
    data_model::check(record)?;
    let improper = HashSet::new();
    // What `check` accepts can be read.
    Ok(read(record, &improper).unwrap_or_default())
}

/// Reads one complete value in DRISL, and writes the values at the offsets of `improper` in their
/// form. `None` if the JSON is nested too deeply.
pub(super) fn read(record: &[u8], improper: &HashSet<usize>) -> Option<Value> {
    ValueReader { decoder: Decoder::new(record), improper }.value(JSON_DEPTH_MAX)
}

struct ValueReader<'a> {
    decoder: Decoder<'a>,
    improper: &'a HashSet<usize>,
}

impl ValueReader<'_> {
    /// Reads a value that takes at most `depth` levels of JSON. Recurses no deeper than that.
    fn value(&mut self, depth: usize) -> Option<Value> {
        let is_improper = self.improper.contains(&self.decoder.position());
        let decoder = &mut self.decoder;
        Some(match decoder.peek().ok()? {
            Kind::Null => {
                decoder.null().ok()?;
                Value::Null
            }
            Kind::Bool => Value::Bool(decoder.bool().ok()?),
            Kind::Uint | Kind::Negative => integer(decoder.int().ok()?),
            Kind::Float => form("float", HEXLOWER.encode(&decoder.float().ok()?)),
            Kind::Text => Value::String(decoder.text().ok()?.to_owned()),
            Kind::Bytes => only(BYTES, BASE64_NOPAD.encode(decoder.bytes().ok()?)),
            Kind::Link => link(&decoder.link().ok()?, is_improper),
            Kind::Array => self.array(depth)?,
            Kind::Map if is_improper => self.improper_map(depth)?,
            Kind::Map => self.map(depth)?,
        })
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let values = (0..self.decoder.array().ok()?).map(|_| self.value(depth));
        values.collect::<Option<_>>().map(Value::Array)
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let pairs = (0..self.decoder.map().ok()?).map(|_| {
            let key = self.decoder.text().ok()?.to_owned();
            Some((key, self.value(depth)?))
        });
        pairs.collect::<Option<_>>().map(Value::Object)
    }

    /// A map as pairs, in which no reader of JSON finds a link or bytes.
    fn improper_map(&mut self, depth: usize) -> Option<Value> {
        // Two objects and two lists.
        let depth = depth.checked_sub(4)?;
        let pairs = (0..self.decoder.map().ok()?).map(|_| {
            let key = self.decoder.text().ok()?.to_owned();
            Some(Value::Array(vec![Value::String(key), self.value(depth)?]))
        });
        let pairs = pairs.collect::<Option<_>>()?;
        Some(form("map", Value::Array(pairs)))
    }
}

fn integer(integer: i128) -> Value {
    match i64::try_from(integer) {
        Ok(integer) => Value::from(integer),
        Err(_) => form("integer", integer.to_string()),
    }
}

fn link(cid: &Cid, is_improper: bool) -> Value {
    if is_improper { form("link", cid.to_string()) } else { only(LINK, cid.to_string()) }
}

/// The form of an improper value.
pub(super) fn form(key: &str, content: impl Into<Value>) -> Value {
    only(IMPROPER, only(key, content))
}

fn only(key: &str, content: impl Into<Value>) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), content.into())]))
}

use super::{BYTES, IMPROPER, LINK};
use crate::block::Cid;
use crate::block::data_model::{self, PathFromEnd, Step};
use crate::block::drisl::{Encoder, within};
use crate::limits::CBOR_DEPTH_MAX;
use crate::problem::{Code, Problem};
use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER};
use serde_json::{Map, Number, Value};

/// Writes an object of the JSON form as a DRISL map, and checks that it is a proper record.
///
/// A float without a fraction (`1.0`) is taken for the integer if it is less than 2^51 away from 0,
/// since JavaScript makes no difference. What the text was that a parser made a float or one of two
/// equal keys of, the value does not tell: `json::parse` (feature `serde`) does. Base64 may be padded.
/// The message of a problem begins with the value's path, such as `record.embed.images[0].alt`.
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
    let record = encode(value)?;
    data_model::check(&record)?;
    Ok(record)
}

/// Writes an object of the JSON form as a DRISL map; what a walk over the bytes finds is not checked.
///
/// # Errors
/// For what has no encoding: the same codes.
pub(crate) fn encode(value: &Value) -> Result<Vec<u8>, Problem> {
    encode_object(value, Improper::Refuse)
}

/// Whether the form of improper values is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Improper {
    Refuse,
    Read,
}

/// The encoding of an object, which is neither a link nor bytes.
pub(super) fn encode_object(value: &Value, improper: Improper) -> Result<Vec<u8>, Problem> {
    let refused = |message| Err(Misfit::bad(message).problem());
    let Value::Object(map) = value else { return refused("a record is an object") };
    if map.contains_key(LINK) || map.contains_key(BYTES) {
        return refused("a record is an object, neither a link nor bytes");
    }
    let mut writer = ValueWriter { encoder: Encoder::new(), improper };
    writer.value(value, CBOR_DEPTH_MAX).map_err(Misfit::problem)?;
    Ok(writer.encoder.finish())
}

/// Why a value has no encoding, and where it is.
struct Misfit {
    code: Code,
    message: String,
    path: PathFromEnd,
}

impl Misfit {
    fn bad(message: impl Into<String>) -> Self {
        Self { code: Code::BadRecord, message: message.into(), path: PathFromEnd::default() }
    }

    fn inside(mut self, step: &Step<'_>) -> Self {
        self.path.push(step);
        self
    }

    fn problem(self) -> Problem {
        Problem::new(self.code, format!("{}: {}", self.path, self.message))
    }
}

impl From<Problem> for Misfit {
    fn from(problem: Problem) -> Self {
        let Problem { code, message, .. } = problem;
        Self { code, message, path: PathFromEnd::default() }
    }
}

struct ValueWriter {
    encoder: Encoder,
    improper: Improper,
}

impl ValueWriter {
    /// Writes a value, which may hold containers in `depth` layers. Recurses no deeper than that.
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Misfit> {
        match value {
            Value::Null => self.encoder.null(),
            Value::Bool(truth) => self.encoder.bool(*truth),
            Value::Number(number) => self.number(number)?,
            Value::String(text) => self.encoder.text(text),
            Value::Array(values) => self.array(values, depth)?,
            Value::Object(map) => self.object(map, depth)?,
        }
        Ok(())
    }

    fn array(&mut self, values: &[Value], depth: usize) -> Result<(), Misfit> {
        let depth = within(values.len(), depth)?;
        self.encoder.array(values.len());
        for (index, value) in values.iter().enumerate() {
            self.value(value, depth).map_err(|misfit| misfit.inside(&Step::Index(index)))?;
        }
        Ok(())
    }

    fn object(&mut self, map: &Map<String, Value>, depth: usize) -> Result<(), Misfit> {
        if let Some(content) = map.get(LINK) {
            self.encoder.link(&parse_link(map, content)?);
        } else if let Some(content) = map.get(BYTES) {
            self.encoder.bytes(&parse_bytes(map, content)?);
        } else if let Some(content) = map.get(IMPROPER) {
            if self.improper == Improper::Refuse {
                return Err(Misfit::bad("an $improper value may be read, and is never written"));
            }
            self.improper(content, depth)?;
        } else {
            self.map(map.iter().collect(), depth)?;
        }
        Ok(())
    }

    /// Writes an improper value; `content` is what its object has under `$improper`.
    fn improper(&mut self, content: &Value, depth: usize) -> Result<(), Misfit> {
        let unknown = || Misfit::bad("an $improper value of a kind that is not known");
        match content.as_object().and_then(only).ok_or_else(unknown)? {
            ("float", Value::String(hex)) => {
                let bits =
                    HEXLOWER.decode(hex.as_bytes()).ok().and_then(|bits| bits.try_into().ok());
                let not_8_bytes = || Misfit::bad("a float that is not 8 bytes in hexadecimal");
                self.encoder.float(bits.ok_or_else(not_8_bytes)?);
            }
            ("integer", Value::String(decimal)) => self.improper_integer(decimal)?,
            ("link", Value::String(text)) => {
                let cid = text.parse::<Cid>();
                self.encoder.link(&cid.map_err(|error| Misfit::bad(error.to_string()))?);
            }
            ("map", Value::Array(list)) => {
                let pairs = list.iter().map(pair).collect::<Option<_>>();
                let not_pairs = || Misfit::bad("a map that is not a list of keys and values");
                self.map(pairs.ok_or_else(not_pairs)?, depth)?;
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn improper_integer(&mut self, decimal: &str) -> Result<(), Misfit> {
        let integer = decimal.parse::<i128>().ok();
        match integer.map(|integer| (u64::try_from(integer), u64::try_from(-1 - integer.min(0)))) {
            Some((Ok(integer), _)) => self.encoder.uint(integer),
            Some((_, Ok(argument))) => self.encoder.negative(argument),
            _ => return Err(Misfit::bad("an integer that is not from -2^64 to 2^64 - 1")),
        }
        Ok(())
    }

    /// Writes the pairs in canonical order.
    fn map(&mut self, mut pairs: Vec<(&String, &Value)>, depth: usize) -> Result<(), Misfit> {
        let depth = within(pairs.len(), depth)?;
        pairs.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        self.encoder.map(pairs.len());
        for (key, value) in pairs {
            self.encoder.text(key);
            self.value(value, depth).map_err(|misfit| misfit.inside(&Step::Key(key)))?;
        }
        Ok(())
    }

    fn number(&mut self, number: &Number) -> Result<(), Misfit> {
        if let Some(integer) = number.as_u64() {
            self.encoder.uint(integer);
        } else if let Some(integer) = number.as_i64().or_else(|| integral(number.as_f64()?)) {
            self.encoder.int(integer);
        } else {
            return Err(not_an_integer(number));
        }
        Ok(())
    }
}

fn only(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut pairs = map.iter();
    let (key, value) = pairs.next()?;
    pairs.next().is_none().then_some((key.as_str(), value))
}

fn pair(value: &Value) -> Option<(&String, &Value)> {
    match value.as_array()?.as_slice() {
        [Value::String(key), value] => Some((key, value)),
        _ => None,
    }
}

fn not_an_integer(number: &Number) -> Misfit {
    Misfit::bad(format!("{number} is not an integer, or not one that JSON readers keep exactly"))
}

/// The integer that a float stands for. From 2^51 on, it may be what the text of another integer was
/// rounded to: parsers of JSON are off by some units in the last place.
fn integral(float: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 2_251_799_813_685_248.0;
    #[allow(clippy::cast_possible_truncation)]
    (float.fract() == 0.0 && float.abs() < EXACT_MAX).then_some(float as i64)
}

fn parse_link(map: &Map<String, Value>, content: &Value) -> Result<Cid, Misfit> {
    let text = content.as_str().filter(|_| map.len() == 1);
    let text = text.ok_or_else(|| Misfit::bad("a $link holds a text and stands alone"))?;
    match text.parse::<Cid>() {
        Ok(cid) if cid.to_string() == text => Ok(cid),
        _ => Err(Misfit::bad("a $link that is not a CID in base32")),
    }
}

fn parse_bytes(map: &Map<String, Value>, content: &Value) -> Result<Vec<u8>, Misfit> {
    let text = content.as_str().filter(|_| map.len() == 1);
    let text = text.ok_or_else(|| Misfit::bad("$bytes hold a text and stand alone"))?;
    let base64 = if text.ends_with('=') { BASE64 } else { BASE64_NOPAD };
    base64.decode(text.as_bytes()).map_err(|_| Misfit::bad("$bytes that are not base64"))
}

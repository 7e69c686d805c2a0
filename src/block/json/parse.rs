use super::encode::integral;
use crate::block::data_model::{PathFromEnd, Step};
use crate::problem::{Code, Problem};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Reads JSON text that loses nothing on its way into a record: what other readers drop or round is
/// an error.
///
/// A key that occurs twice in an object is refused, and so is a number that is not an integer, or
/// that is written with a fraction or exponent and is 2^53 or more away from 0. `1.0` and `1e3` are
/// the integers 1 and 1000, `-0` is 0. Available with the feature `serde`.
///
/// ```
/// use carrack::block::json;
/// assert_eq!(json::parse(r#"{"n": 1e3}"#)?, serde_json::json!({ "n": 1000 }));
/// assert!(json::parse(r#"{"n": 1, "n": 2}"#).is_err());
/// assert!(json::parse(r#"{"n": 0.99999999999999999999}"#).is_err());
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// `BadRecord`; the message begins with the value's path, such as `record.embed.images[0].alt`, and
/// ends with its column.
pub fn parse(text: &str) -> Result<Value, Problem> {
    let mut state = State { numbers: Numbers { rest: text.as_bytes() }, path: Default::default() };
    let mut json = serde_json::Deserializer::from_str(text);
    let value = ValueSeed(&mut state).deserialize(&mut json);
    let value = value.and_then(|value| json.end().map(|()| value));
    value.map_err(|error| {
        Problem::new(Code::BadRecord, format!("{}: {}", state.path, reason(&error)))
    })
}

/// The reason and the place of an error in JSON.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = text.strip_suffix(&place).unwrap_or(&text);
    match error.line() {
        0 => reason.to_owned(),
        1 => format!("{reason} (column {})", error.column()),
        line => format!("{reason} (line {line}, column {})", error.column()),
    }
}

struct State<'t> {
    numbers: Numbers<'t>,
    /// The path of the value that an error is about.
    path: PathFromEnd,
}

/// The numbers of a JSON text as they are written. The parser tells floats only as they are rounded.
struct Numbers<'t> {
    rest: &'t [u8],
}

impl<'t> Iterator for Numbers<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        loop {
            let start = self.rest.iter().position(|byte| matches!(byte, b'"' | b'-' | b'0'..=b'9'));
            let (first, rest) = self.rest.get(start?..)?.split_first()?;
            if *first == b'"' {
                self.rest = after_string(rest);
                continue;
            }
            let is_inside =
                |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
            let length = 1 + rest.iter().take_while(|byte| is_inside(byte)).count();
            let (number, rest) = self.rest.get(start?..)?.split_at_checked(length)?;
            self.rest = rest;
            return std::str::from_utf8(number).ok();
        }
    }
}

/// What follows the string whose content begins here.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let is_end = rest.get(at) == Some(&b'"');
        rest = rest.get(at + if is_end { 1 } else { 2 }..).unwrap_or_default();
        if is_end {
            return rest;
        }
    }
    &[]
}

/// Whether a number of JSON is an integer, of any length.
fn is_integer(number: &str) -> bool {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let significant = whole.trim_end_matches('0');
    if fraction.is_empty() && significant.trim_start_matches('-').is_empty() {
        return true;
    }
    // How many places the point has to move to the right at least.
    let places = match fraction.len() {
        0 => -i128::try_from(whole.len() - significant.len()).unwrap_or(0),
        places => i128::try_from(places).unwrap_or(i128::MAX),
    };
    exponent.parse::<i128>().is_ok_and(|exponent| exponent >= places)
}

/// Reads one value.
struct ValueSeed<'s, 't>(&'s mut State<'t>);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Value, E> {
        self.0.numbers.next();
        Ok(Value::from(integer))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Value, E> {
        self.0.numbers.next();
        Ok(Value::from(integer))
    }

    fn visit_f64<E: serde::de::Error>(self, float: f64) -> Result<Value, E> {
        let number = self.0.numbers.next().unwrap_or_default();
        let integer = integral(float).filter(|_| is_integer(number));
        integer.map(Value::from).ok_or_else(|| {
            let shown = number.get(..40).map_or(number.to_owned(), |start| format!("{start}…"));
            E::custom(format_args!(
                "{shown} is not an integer, or not one that JSON readers keep exactly"
            ))
        })
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut json: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            match json.next_element_seed(ValueSeed(self.0)) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Value::Array(values)),
                Err(error) => {
                    self.0.path.push(&Step::Index(values.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut json: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = json.next_key::<String>()? {
            let value = match json.next_value_seed(ValueSeed(self.0)) {
                Ok(_) if map.contains_key(&key) => Err(A::Error::custom("the key occurs twice")),
                value => value,
            };
            let value = value.inspect_err(|_| self.0.path.push(&Step::Key(&key)))?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

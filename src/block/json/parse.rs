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
/// the offset is in bytes of the text.
pub fn parse(text: &str) -> Result<Value, Problem> {
    let numbers = Numbers { rest: text.as_bytes() };
    let mut state = State { numbers, path: PathFromEnd::default() };
    let mut json = serde_json::Deserializer::from_str(text);
    let value = ValueSeed(&mut state).deserialize(&mut json);
    let value = value.and_then(|value| json.end().map(|()| value));
    value.map_err(|error| {
        let message = format!("{}: {}", state.path, reason(&error));
        Problem::new(Code::BadRecord, message).offset(offset(&error, text))
    })
}

/// What an error in JSON says, without its place.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// The place of an error in JSON, in bytes.
fn offset(error: &serde_json::Error, text: &str) -> u64 {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(str::len).sum();
    (before + error.column().saturating_sub(1)) as u64
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

/// The integer that a number of JSON with a fraction or exponent is, if readers that know floats only
/// have the same: less than 2^53 away from 0. The parser's own float may be off by some units.
fn exact_integer(number: &str) -> Option<i64> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0').len();
    if digits.trim_matches(['-', '0']).is_empty() {
        return Some(0);
    }
    let places = exponent.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    match usize::try_from(places) {
        Ok(zeros @ 0..=16) => digits.push_str(&"0".repeat(zeros)),
        Ok(_) => return None,
        Err(_) => {
            let dropped = usize::try_from(places.unsigned_abs()).ok()?;
            let kept = digits.len().checked_sub(dropped).filter(|kept| *kept >= significant)?;
            digits.truncate(kept);
        }
    }
    digits.parse().ok().filter(|integer: &i64| integer.unsigned_abs() < 1 << 53)
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

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        let number = self.0.numbers.next().unwrap_or_default();
        exact_integer(number).map(Value::from).ok_or_else(|| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_exactly_integers() {
        for (text, integer) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0e-99999999999999999999", 0),
            ("1.0", 1),
            ("1e3", 1000),
            ("1.250E+2", 125),
            ("-120e-1", -12),
            ("1000e-3", 1),
            ("9007199254740991.0", 9_007_199_254_740_991),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse(text).unwrap(), json!(integer), "{text}");
        }
        assert_eq!(parse("18446744073709551615").unwrap(), json!(u64::MAX));
        for text in [
            "0.5",
            "1e-1",
            "1e-99999999999999999999999999999999999999999",
            "0.99999999999999999999",
            "1.00000000000000000001",
            "9007199254740991.4",
            "9007199254740992.0",
            "9007199254740993.0",
            "18446744073709551616",
            "-9223372036854775809",
            "1e300",
            "1e999",
        ] {
            let error = parse(&format!("{{\"a\": [7, {text}]}}")).unwrap_err();
            assert!(error.message.starts_with("record.a"), "{text}: {error}");
        }
    }

    /// A float is compared with its own text, whatever strings and numbers are before it.
    #[test]
    fn each_number_is_told_from_the_others() {
        let text = r#"{"1.5": "2.5\"3.5", "\\": -4, "x": [5, "6\\", 7.0, -8], "y": 0.1e1}"#;
        let expected = json!({ "1.5": "2.5\"3.5", "\\": -4, "x": [5, "6\\", 7, -8], "y": 1 });
        assert_eq!(parse(text).unwrap(), expected);
        let text = r#"{"x": [1, 2.0, 3, 1.00000000000000000001, 5]}"#;
        let error = parse(text).unwrap_err();
        assert!(error.message.starts_with("record.x[3]: 1.00000000000000000001 "), "{error}");
    }

    #[test]
    fn what_readers_drop_is_refused() {
        for (text, start, offset) in [
            (r#"{"a":{"b":[{"c":1,"c":1}]}}"#, "record.a.b[0].c: the key occurs twice", 23),
            ("{\n\"a\":1,\n\"\\u0061\":2}", "record.a: the key occurs twice", 19),
            (r#"{"a":"\ud800"}"#, "record.a: unexpected end of hex", 12),
            (r#"{"a":1} {}"#, "record: trailing", 8),
            (r#"{"a":NaN}"#, "record.a: expected", 5),
            ("", "record: EOF", 0),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message.starts_with(start), "{text}: {error}");
            // The parser looks one byte ahead.
            assert!(error.offset.unwrap().abs_diff(offset) <= 1, "{text}: {error}");
        }
        assert!(parse(&"[".repeat(100_000)).unwrap_err().message.contains("recursion"));
    }

    /// What `serde_json` reads is read the same, if nothing is lost.
    #[test]
    fn it_reads_what_others_read() {
        for text in [
            r#"{"a":[null,true,false,"\u0000é\ud83d\ude00",{}],"b":{"c":[]},"-1":-1}"#,
            " [ 1 , 2 ] ",
            "\"x\"",
        ] {
            assert_eq!(parse(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        }
    }
}

//! Values of records, their encoding, their JSON, and whether they are proper: written from the
//! specification, without the code under test.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use carrack::block::Cid;
use data_encoding::BASE64_NOPAD;
use serde_json::{Map, Value, json};

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Null,
    Bool(bool),
    /// From -2^64 to 2^64 - 1.
    Integer(i128),
    Float(u64),
    Text(String),
    Bytes(Vec<u8>),
    /// The bytes of a CID.
    Link(Vec<u8>),
    List(Vec<Data>),
    /// Each key once.
    Map(Vec<(String, Data)>),
}

use Data::{Bool, Bytes, Float, Integer, Link, List, Map as Object, Null, Text};

impl Data {
    /// The canonical encoding.
    pub fn encode(&self, to: &mut Vec<u8>) {
        match self {
            Null => to.push(0xf6),
            Bool(truth) => to.push(if *truth { 0xf5 } else { 0xf4 }),
            Integer(integer) if *integer < 0 => head(to, 1, u64::try_from(-1 - integer).unwrap()),
            Integer(integer) => head(to, 0, u64::try_from(*integer).unwrap()),
            Float(bits) => {
                to.push(0xfb);
                to.extend(bits.to_be_bytes());
            }
            Text(text) => string(to, 3, text.as_bytes()),
            Bytes(bytes) => string(to, 2, bytes),
            Link(cid) => {
                to.extend([0xd8, 42]);
                string(to, 2, &[&[0], &cid[..]].concat());
            }
            List(values) => {
                head(to, 4, values.len() as u64);
                for value in values {
                    value.encode(to);
                }
            }
            Object(pairs) => {
                let mut pairs: Vec<_> = pairs.iter().collect();
                pairs.sort_by_key(|(key, _)| (key.len(), key.as_bytes()));
                head(to, 5, pairs.len() as u64);
                for (key, value) in pairs {
                    string(to, 3, key.as_bytes());
                    value.encode(to);
                }
            }
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut to = Vec::new();
        self.encode(&mut to);
        to
    }

    /// Whether it is proper as a value inside a record.
    pub fn is_proper(&self) -> bool {
        match self {
            Null | Bool(_) | Text(_) | Bytes(_) => true,
            Integer(integer) => i64::try_from(*integer).is_ok(),
            Float(_) => false,
            Link(cid) => is_blessed(cid, &[0x55, 0x71]),
            List(values) => values.iter().all(Self::is_proper),
            Object(pairs) => {
                let reserved = ["$link", "$bytes", "$improper"];
                pairs
                    .iter()
                    .all(|(key, value)| !reserved.contains(&key.as_str()) && value.is_proper())
                    && match self.get("$type") {
                        None => true,
                        Some(Text(name)) if name == "blob" => self.is_blob(),
                        Some(Text(name)) => !name.is_empty(),
                        Some(_) => false,
                    }
            }
        }
    }

    /// Whether it is proper to be written: nothing in it is a blob of the legacy form.
    pub fn is_writable(&self) -> bool {
        self.is_proper() && !self.has_legacy_blob()
    }

    fn has_legacy_blob(&self) -> bool {
        match self {
            List(values) => values.iter().any(Self::has_legacy_blob),
            Object(pairs) => {
                let is_one = match (self.get("cid"), self.get("mimeType")) {
                    (Some(Text(cid)), Some(Text(_))) => {
                        pairs.len() == 2 && cid.parse::<cid::Cid>().is_ok()
                    }
                    _ => false,
                };
                is_one || pairs.iter().any(|(_, value)| value.has_legacy_blob())
            }
            _ => false,
        }
    }

    fn is_blob(&self) -> bool {
        matches!(self.get("ref"), Some(Link(cid)) if is_blessed(cid, &[0x55]))
            && matches!(self.get("mimeType"), Some(Text(mime)) if !mime.is_empty())
            && matches!(self.get("size"), Some(Integer(1..)))
    }

    fn get(&self, key: &str) -> Option<&Self> {
        let Object(pairs) = self else { return None };
        pairs.iter().find_map(|(found, value)| (found == key).then_some(value))
    }

    /// The JSON of the data model, for proper values.
    pub fn json(&self) -> Value {
        match self {
            Null => Value::Null,
            Bool(truth) => json!(truth),
            Integer(integer) => json!(i64::try_from(*integer).unwrap()),
            Float(_) => panic!("not proper"),
            Text(text) => json!(text),
            Bytes(bytes) => json!({ "$bytes": BASE64_NOPAD.encode(bytes) }),
            Link(cid) => json!({ "$link": cid::Cid::try_from(&cid[..]).unwrap().to_string() }),
            List(values) => values.iter().map(Self::json).collect(),
            Object(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| (key.clone(), value.json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// JSON as a writer makes it that knows no rules, if JSON has the value at all: not for floats
    /// that JSON writes like integers or not at all, and not where it has the form of a link or of
    /// bytes and is another value.
    pub fn careless_json(&self) -> Option<Value> {
        Some(match self {
            Integer(integer) => {
                let small = i64::try_from(*integer).map(Value::from);
                small.or_else(|_| u64::try_from(*integer).map(Value::from)).ok()?
            }
            Float(bits) => {
                let float = f64::from_bits(*bits);
                let tells = float.is_finite() && float.fract() != 0.0;
                tells.then(|| json!(float))?
            }
            Link(cid) => json!({ "$link": Cid::from_bytes(cid).unwrap().to_string() }),
            List(values) => {
                Value::Array(values.iter().map(Self::careless_json).collect::<Option<_>>()?)
            }
            Object(pairs) => {
                let looks_special = matches!(&pairs[..], [(key, Text(_))] if key.starts_with('$'));
                if looks_special && ["$link", "$bytes"].contains(&pairs[0].0.as_str()) {
                    return None;
                }
                let pairs =
                    pairs.iter().map(|(key, value)| Some((key.clone(), value.careless_json()?)));
                Value::Object(pairs.collect::<Option<_>>()?)
            }
            other => other.json(),
        })
    }

    /// The value of JSON, in which links and bytes of a wrong form are the maps that they look like.
    pub fn of_json(value: &Value) -> Self {
        match value {
            Value::Null => Null,
            Value::Bool(truth) => Bool(*truth),
            Value::Number(number) => match (number.as_i64(), number.as_f64().unwrap()) {
                (Some(integer), _) => Integer(integer.into()),
                #[allow(clippy::cast_possible_truncation)]
                (None, float) if float.fract() == 0.0 => Integer(float as i128),
                (None, float) => Float(float.to_bits()),
            },
            Value::String(text) => Text(text.clone()),
            Value::Array(values) => List(values.iter().map(Self::of_json).collect()),
            Value::Object(map) => {
                let text = |key| match map.get(key) {
                    Some(Value::String(text)) if map.len() == 1 => Some(text),
                    _ => None,
                };
                if let Some(cid) = text("$link").and_then(|text| cid::Cid::try_from(&text[..]).ok())
                {
                    return Link(cid.to_bytes());
                }
                if let Some(text) = text("$bytes") {
                    return Bytes(BASE64_NOPAD.decode(text.as_bytes()).unwrap());
                }
                Object(map.iter().map(|(key, value)| (key.clone(), Self::of_json(value))).collect())
            }
        }
    }
}

fn is_blessed(cid: &[u8], codecs: &[u8]) -> bool {
    matches!(cid, [1, codec, 0x12, 0x20, digest @ ..] if codecs.contains(codec) && digest.len() == 32)
}

fn string(to: &mut Vec<u8>, major: u8, bytes: &[u8]) {
    head(to, major, bytes.len() as u64);
    to.extend(bytes);
}

fn head(to: &mut Vec<u8>, major: u8, argument: u64) {
    let bytes = argument.to_be_bytes();
    let (info, length) = match argument {
        0..24 => return to.push(major << 5 | bytes[7]),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    to.push(major << 5 | info);
    to.extend(&bytes[8 - length..]);
}

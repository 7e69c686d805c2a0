use crate::block::drisl::Decoder;
use crate::block::drisl::decoder::Kind;
use crate::limits::CBOR_DEPTH_MAX;
use std::fmt::{self, Write};

/// The path of the record itself.
const ROOT: &str = "record";
/// Characters of a key that a path shows.
const KEY_CHARS_MAX: usize = 40;
/// Bytes of a path after which further steps are left out: names of honest records are short.
const PATH_BYTES_MAX: usize = 600;

/// A step from a value to one in it.
#[derive(Clone, Debug)]
pub(in crate::block) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl Step<'_> {
    fn write_to(&self, path: &mut String) {
        let written = match self {
            Step::Index(index) => write!(path, "[{index}]"),
            Step::Key(key) if is_plain(key) => write!(path, ".{key}"),
            Step::Key(key) => match key.char_indices().nth(KEY_CHARS_MAX) {
                None => write!(path, "[{key:?}]"),
                Some((end, _)) => write!(path, "[{:?}…]", key.get(..end).unwrap_or_default()),
            },
        };
        // Writing to a text does not fail.
        written.unwrap_or_default();
    }
}

/// Adds a step, unless the path is long already.
fn extend(path: &mut String, step: impl FnOnce(&mut String)) {
    if path.len() <= PATH_BYTES_MAX {
        step(path);
    } else if !path.ends_with('…') {
        path.push('…');
    }
}

fn is_plain(key: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-');
    (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(is_plain)
}

/// A path that is made from its end: each container that an error passes through adds its step.
#[derive(Debug, Default)]
pub(in crate::block) struct PathFromEnd(Vec<String>);

impl PathFromEnd {
    pub(in crate::block) fn push(&mut self, step: &Step<'_>) {
        let mut text = String::new();
        step.write_to(&mut text);
        self.0.push(text);
    }
}

impl fmt::Display for PathFromEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut path = ROOT.to_owned();
        self.0.iter().rev().for_each(|step| extend(&mut path, |path| path.push_str(step)));
        f.write_str(&path)
    }
}

/// The path of the value at `offset`, or of the value in which the bytes end or are malformed.
pub(super) fn path_of(record: &[u8], offset: usize) -> String {
    let mut search = Search { decoder: Decoder::new(record), offset, path: ROOT.to_owned() };
    search.ends_in_value(CBOR_DEPTH_MAX);
    search.path
}

struct Search<'a> {
    decoder: Decoder<'a>,
    offset: usize,
    path: String,
}

impl Search<'_> {
    /// Passes over a value; whether the search ends in it. Recurses `depth` times at most.
    fn ends_in_value(&mut self, depth: usize) -> bool {
        if self.decoder.position() >= self.offset {
            return true;
        }
        match self.decoder.peek() {
            Ok(Kind::Map) => self.ends_in_map(depth),
            Ok(Kind::Array) => self.ends_in_array(depth),
            Ok(Kind::Float) => self.decoder.float().is_err(),
            Ok(_) => self.decoder.skip().is_err(),
            Err(_) => true,
        }
    }

    fn ends_in_map(&mut self, depth: usize) -> bool {
        let (Ok(pairs), Some(depth)) = (self.decoder.map(), depth.checked_sub(1)) else {
            return true;
        };
        (0..pairs).any(|_| {
            if self.decoder.position() >= self.offset {
                return true;
            }
            let Ok(key) = self.decoder.text() else { return true };
            self.ends_in_member(&Step::Key(key), depth)
        })
    }

    fn ends_in_array(&mut self, depth: usize) -> bool {
        let (Ok(values), Some(depth)) = (self.decoder.array(), depth.checked_sub(1)) else {
            return true;
        };
        (0..values).any(|index| self.ends_in_member(&Step::Index(index), depth))
    }

    fn ends_in_member(&mut self, step: &Step<'_>, depth: usize) -> bool {
        let length = self.path.len();
        extend(&mut self.path, |path| step.write_to(path));
        if self.ends_in_value(depth) {
            return true;
        }
        self.path.truncate(length);
        false
    }
}

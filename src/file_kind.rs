//! What a file is that was given where another kind of file belongs.

use crate::shown::Quoted;
use memchr::memmem::find;
use serde_json::{Map, Value};
use std::fmt;

/// How much of a file is looked at, in bytes.
pub(crate) const LOOKED_AT_BYTES: usize = 8 * 1024;
/// Characters of a server's words that are repeated.
const ANSWER_CHARS_MAX: usize = 160;

/// A kind of file that is known by how it begins.
///
/// ```
/// use carrack::parts::files::FileKind;
/// let answer = br#"{"error":"RepoNotFound","message":"Could not find repo"}"#;
/// let kind = FileKind::of(answer).unwrap();
/// assert_eq!(
///     kind.to_string(),
///     "a server's answer in JSON, the error \"RepoNotFound\": \"Could not find repo\"",
/// );
/// assert_eq!(FileKind::of(b"PK\x03\x04"), Some(FileKind::Compressed("zip")));
/// assert_eq!(FileKind::of(b"ahoy"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A CAR of version 1.
    Car,
    /// A CAR of version 2.
    Car2,
    /// A frame of an event stream.
    Frame,
    /// A store, or another file of its database.
    Store,
    /// A database of `SQLite`, in which other servers keep accounts.
    Sqlite,
    /// A key file of Carrack.
    KeyFile,
    /// A DID document.
    DidDocument,
    /// A did:plc log with times, as the directory's `/log/audit` gives it.
    AuditLog,
    /// A did:plc log of operations only, as the directory's `/log` gives it.
    OperationLog,
    /// Lines of a did:plc directory's export.
    LogLines,
    /// What a server answers in JSON instead of a file.
    ServerAnswer {
        /// The name of the error; empty if there is none.
        error: String,
        /// What the server says; empty if it says nothing.
        message: String,
    },
    /// Other JSON.
    Json,
    /// A page in HTML.
    Html,
    /// Other XML.
    Xml,
    /// Compressed or packed data, by the name of its format.
    Compressed(&'static str),
}

/// How packed files begin.
const PACKED: [(&[u8], &str); 16] = [
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"LZIP", "lzip"),
    (b"\x1f\x9d", "compress"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\x89LZO", "lzop"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy"),
    (b"Rar!\x1a\x07", "rar"),
    (b"xar!", "xar"),
];

impl FileKind {
    /// The kind of a file that begins with these bytes, or is these bytes; `None` if it is of no
    /// kind that is known. The first 8 KiB are enough.
    pub fn of(start: &[u8]) -> Option<Self> {
        let packed = PACKED.iter().find(|(magic, _)| start.starts_with(magic));
        if let Some((_, name)) = packed {
            return Some(Self::Compressed(name));
        }
        if start.get(257..262) == Some(b"ustar") {
            return Some(Self::Compressed("tar"));
        }
        match start {
            [b'r', b'e', b'd', b'b', ..] => Some(Self::Store),
            _ if start.starts_with(b"SQLite format 3\0") => Some(Self::Sqlite),
            _ if start.starts_with(b"carrack-signing-key") => Some(Self::KeyFile),
            _ => car(start).or_else(|| frame(start)).or_else(|| text(start)),
        }
    }

    /// What to do with such a file where another kind was expected, if that is the same whatever
    /// was expected.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Compressed("zip" | "7z" | "rar" | "tar" | "xar") => Some("unpack it first"),
            Self::Compressed(_) => Some("decompress it first"),
            Self::Html | Self::Xml => Some("check the address that it was loaded from"),
            _ => None,
        }
    }

    /// What it is and what to do with it, as the reason why it is refused.
    pub(crate) fn refusal(&self, expected: &str) -> String {
        if *self == Self::Car2 {
            return format!("this is {self}; {expected} of version 1 is expected");
        }
        let remedy = self.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        format!("this is {self}, not {expected}{remedy}")
    }

    /// Its name without details.
    fn name(&self) -> &'static str {
        match self {
            Self::Car => "a CAR",
            Self::Car2 => "a CAR of version 2",
            Self::Frame => "a frame of an event stream",
            Self::Store => "a store, or another redb database",
            Self::Sqlite => "an SQLite database",
            Self::KeyFile => "a key file, which is to be kept secret",
            Self::DidDocument => "a DID document",
            Self::AuditLog => "the audit log of a did:plc",
            Self::OperationLog => "the log of a did:plc",
            Self::LogLines => "an export of a did:plc directory",
            Self::ServerAnswer { .. } => "a server's answer in JSON",
            Self::Json => "JSON",
            Self::Html => "a page in HTML, as servers send instead of a file",
            Self::Xml => "XML",
            Self::Compressed(_) => "compressed data",
        }
    }
}

impl fmt::Display for FileKind {
    /// With an article; a server's words are quoted, shortened and escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compressed(name) => write!(f, "data in the format {name}"),
            Self::ServerAnswer { error, message } => {
                f.write_str(self.name())?;
                if !error.is_empty() {
                    write!(f, ", the error {}", Quoted(&shortened(error)))?;
                }
                if message.is_empty() {
                    Ok(())
                } else {
                    write!(f, ": {}", Quoted(&shortened(message)))
                }
            }
            _ => f.write_str(self.name()),
        }
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(ANSWER_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The header is a map whose first key is `roots` (version 1) or `version` (2, without roots).
fn car(start: &[u8]) -> Option<FileKind> {
    if start.starts_with(b"\x0a\xa1\x67version\x02") {
        return Some(FileKind::Car2);
    }
    // Its length comes first, in one byte or two.
    let is_car =
        (1..3).any(|at| start.get(at..).is_some_and(|header| header.starts_with(b"\xa2\x65roots")));
    is_car.then_some(FileKind::Car)
}

/// The header of a frame is a small map with the key `op`.
fn frame(start: &[u8]) -> Option<FileKind> {
    let is_map = matches!(start.first(), Some(0xa1..=0xa3));
    let header = start.get(1..512.min(start.len())).unwrap_or_default();
    (is_map && find(header, b"\x62op").is_some()).then_some(FileKind::Frame)
}

fn text(start: &[u8]) -> Option<FileKind> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii();
    match start.first()? {
        b'{' | b'[' if std::str::from_utf8(start).is_ok_and(|text| text.len() > 1) => {
            Some(json(start))
        }
        // The cut may be within a character.
        b'{' | b'[' if start.len() > LOOKED_AT_BYTES - 16 => Some(cut_json(start)),
        b'<' => {
            let page = start.get(..512).unwrap_or(start).to_ascii_lowercase();
            let is_html = [&b"<html"[..], b"<!doctype html", b"<head", b"<body"];
            let is_html = is_html.iter().any(|tag| find(&page, tag).is_some());
            if is_html { Some(FileKind::Html) } else { Some(FileKind::Xml) }
        }
        _ => None,
    }
}

fn json(text: &[u8]) -> FileKind {
    if let Ok(value) = serde_json::from_slice::<Value>(text) {
        return whole_json(&value);
    }
    // Lines of JSON, or the beginning of something longer.
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice::<Value>(line) {
        Ok(Value::Object(fields)) if is_logged(&fields) => FileKind::LogLines,
        _ => cut_json(text),
    }
}

fn whole_json(value: &Value) -> FileKind {
    match value {
        Value::Object(fields) => object(fields),
        Value::Array(items) => match items.first().and_then(Value::as_object) {
            Some(first) if is_logged(first) => FileKind::AuditLog,
            Some(first) if is_operation(first) => FileKind::OperationLog,
            _ => FileKind::Json,
        },
        _ => FileKind::Json,
    }
}

fn object(fields: &Map<String, Value>) -> FileKind {
    let text = |name| fields.get(name).and_then(Value::as_str);
    let parts = ["@context", "verificationMethod", "service", "alsoKnownAs"];
    if text("id").is_some_and(|id| id.starts_with("did:"))
        && parts.iter().any(|part| fields.contains_key(*part))
    {
        return FileKind::DidDocument;
    }
    if is_logged(fields) {
        return FileKind::LogLines;
    }
    match (text("error"), text("message")) {
        (None, None) => FileKind::Json,
        (error, message) => FileKind::ServerAnswer {
            error: error.unwrap_or_default().to_owned(),
            message: message.unwrap_or_default().to_owned(),
        },
    }
}

/// An operation with what the directory says of it.
fn is_logged(fields: &Map<String, Value>) -> bool {
    fields.contains_key("operation") && fields.contains_key("did")
}

fn is_operation(fields: &Map<String, Value>) -> bool {
    fields.contains_key("sig") && fields.contains_key("type")
}

/// By its first names: the rest of it is not here.
fn cut_json(start: &[u8]) -> FileKind {
    let has = |name: &str| find(start, name.as_bytes()).is_some();
    match start.first() {
        Some(b'[') if has("\"operation\"") => FileKind::AuditLog,
        Some(b'[') if has("\"rotationKeys\"") || has("\"signingKey\"") => FileKind::OperationLog,
        Some(b'{') if has("\"operation\"") && has("\"did\"") => FileKind::LogLines,
        Some(b'{') if has("\"verificationMethod\"") => FileKind::DidDocument,
        _ => FileKind::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_how_they_begin() {
        let operation = r#"{"sig":"x","type":"plc_operation","rotationKeys":[],"prev":null}"#;
        let logged = format!(r#"{{"did":"did:plc:x","operation":{operation},"cid":"b"}}"#);
        let long = "x".repeat(2 * LOOKED_AT_BYTES);
        for (start, kind) in [
            ("\x3a\u{0}", None),
            ("", None),
            ("{", None),
            ("ahoy", None),
            ("redb\x1a\x0a", Some(FileKind::Store)),
            ("SQLite format 3\0", Some(FileKind::Sqlite)),
            ("carrack-signing-key 1\n", Some(FileKind::KeyFile)),
            ("BZh9", Some(FileKind::Compressed("bzip2"))),
            (" <!DOCTYPE html><html>", Some(FileKind::Html)),
            ("<?xml version=\"1.0\"?><Error/>", Some(FileKind::Xml)),
            ("[]", Some(FileKind::Json)),
            (r#"{"ops":[]}"#, Some(FileKind::Json)),
            ("\u{feff}{\"id\":\"did:web:a.example\",\"service\":[]}", Some(FileKind::DidDocument)),
            (&format!("[{operation}]"), Some(FileKind::OperationLog)),
            (&format!("[{logged}]"), Some(FileKind::AuditLog)),
            (&logged, Some(FileKind::LogLines)),
            (&format!("{logged}\n{logged}\n"), Some(FileKind::LogLines)),
            (&format!("[{logged},{{\"{long}")[..LOOKED_AT_BYTES], Some(FileKind::AuditLog)),
            (&format!("[{operation},{{\"{long}")[..LOOKED_AT_BYTES], Some(FileKind::OperationLog)),
        ] {
            assert_eq!(FileKind::of(start.as_bytes()), kind, "{start:?}");
        }
        assert_eq!(FileKind::of(&crate::parts::car::header(&[])), Some(FileKind::Car));
        assert_eq!(FileKind::of(b"\x0a\xa1\x67version\x02"), Some(FileKind::Car2));
        assert_eq!(FileKind::of(b"\xa2\x61t\x67#commit\x62op\x01"), Some(FileKind::Frame));
        assert_eq!(FileKind::of(b"\xa1\x62op\x20\xa1"), Some(FileKind::Frame));
        assert_eq!(FileKind::of(b"\xfd7zXZ\x00\x00"), Some(FileKind::Compressed("xz")));
    }

    #[test]
    fn what_a_server_says_is_shortened_and_escaped() {
        let answer = format!("{{\"error\":\"\\u001b[31m\",\"message\":\"{}\"}}", "a".repeat(5000));
        let said = FileKind::of(answer.as_bytes()).unwrap().to_string();
        assert!(said.contains("\\u001b[31m") && said.contains("aaa…\""), "{said}");
        assert!(said.len() < 300, "{said}");
    }

    /// Nothing about these is valid, so nothing may go wrong with them either.
    #[test]
    fn nesting_is_bounded() {
        assert_eq!(FileKind::of("[".repeat(100_000).as_bytes()), Some(FileKind::Json));
        assert_eq!(FileKind::of("{\"a\":".repeat(50_000).as_bytes()), Some(FileKind::Json));
    }
}

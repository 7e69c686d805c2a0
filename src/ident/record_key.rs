use super::text::Alphabet;
use crate::limits::RECORD_KEY_CHARS_MAX;

text_identifier! {
    /// A record key, which names a record within its collection: a TID, `self`, a domain.
    ///
    /// 1 to 512 of `A-Z a-z 0-9 . - _ : ~`, but neither `.` nor `..`.
    ///
    /// ```
    /// use carrack::ident::RecordKey;
    /// let key: RecordKey = "3jzfcijpj2z2a".parse()?;
    /// assert_eq!(key.as_str(), "3jzfcijpj2z2a");
    /// assert!("..".parse::<RecordKey>().is_err());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    RecordKey, "record key", check
}

const KEY: Alphabet = Alphabet::new(&[
    (b'a', b'z'),
    (b'A', b'Z'),
    (b'0', b'9'),
    (b'.', b'.'),
    (b'-', b'-'),
    (b'_', b'_'),
    (b':', b':'),
    (b'~', b'~'),
]);

/// Checks the rules of the record key page on bytes, without allocation.
pub(super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
    match bytes {
        [] => Err("the record key is empty"),
        b"." | b".." => Err("the record keys . and .. are not allowed"),
        _ if bytes.len() > RECORD_KEY_CHARS_MAX => {
            Err("the record key is longer than 512 characters")
        }
        _ if !KEY.has_all(bytes) => Err("a character that no record key has"),
        _ => Ok(()),
    }
}

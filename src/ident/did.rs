use super::text::Alphabet;
use crate::limits::DID_CHARS_MAX;

text_identifier! {
    /// A decentralized identifier: the name of an account, `did:plc:...` or `did:web:...`.
    ///
    /// Any method is accepted; the syntax is that of the protocol's DID page, at most 2048
    /// characters.
    ///
    /// ```
    /// use carrack::ident::Did;
    /// let did: Did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// assert_eq!(did.method(), "plc");
    /// assert!("did:plc:".parse::<Did>().is_err());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    Did, "DID", check
}

impl Did {
    /// The method: `plc`, `web`.
    pub fn method(&self) -> &str {
        self.as_str().split(':').nth(1).unwrap_or_default()
    }
}

const IDENTIFIER: Alphabet = Alphabet::new(&[
    (b'a', b'z'),
    (b'A', b'Z'),
    (b'0', b'9'),
    (b'.', b'.'),
    (b'_', b'_'),
    (b':', b':'),
    (b'%', b'%'),
    (b'-', b'-'),
]);

fn check(bytes: &[u8]) -> Result<(), &'static str> {
    if bytes.len() > DID_CHARS_MAX {
        return Err("longer than 2048 characters");
    }
    let rest = bytes.strip_prefix(b"did:").ok_or("it does not begin with did:")?;
    let colon = rest.iter().position(|byte| *byte == b':').ok_or("no colon after the method")?;
    let (method, identifier) = rest.split_at_checked(colon).unwrap_or_default();
    if method.is_empty() || !method.iter().all(u8::is_ascii_lowercase) {
        return Err("a method is made of the letters a to z");
    }
    let identifier = identifier.strip_prefix(b":").unwrap_or_default();
    if !IDENTIFIER.has_all(identifier) {
        return Err("a character that no DID has");
    }
    match identifier.last() {
        None => Err("nothing after the method"),
        Some(b':' | b'%') => Err("it ends with a colon or a percent sign"),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_bounded() {
        let longest = format!("did:web:{}", "a".repeat(DID_CHARS_MAX - 8));
        assert_eq!(longest.parse::<Did>().unwrap().as_str(), longest);
        assert!(format!("{longest}a").parse::<Did>().is_err());
    }

    #[test]
    fn order_is_that_of_the_text() {
        let [a, b] = ["did:web:a.example", "did:web:b.example"].map(|t| t.parse::<Did>().unwrap());
        assert!(a < b);
        assert_eq!(format!("{a} {a:?}"), "did:web:a.example did:web:a.example");
    }
}

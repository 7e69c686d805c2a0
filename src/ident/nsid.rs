use super::text::Alphabet;
use crate::limits::NSID_CHARS_MAX;

text_identifier! {
    /// A namespaced identifier, which names a collection: `app.bsky.feed.post`.
    ///
    /// A domain in reverse, in lower case (at least two labels), and a name of letters and digits;
    /// at most 317 characters.
    ///
    /// ```
    /// use carrack::ident::Nsid;
    /// let nsid: Nsid = "app.bsky.feed.post".parse()?;
    /// assert_eq!(nsid.name(), "post");
    /// assert!("bsky.post".parse::<Nsid>().is_err());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    Nsid, "NSID", check
}

impl Nsid {
    /// The last segment, which names the schema within its authority.
    pub fn name(&self) -> &str {
        self.as_str().rsplit('.').next().unwrap_or_default()
    }
}

/// The limit of a domain label in DNS, which also applies to the name.
const SEGMENT_CHARS_MAX: usize = 63;

const LABEL: Alphabet = Alphabet::new(&[(b'a', b'z'), (b'0', b'9'), (b'-', b'-')]);
const NAME: Alphabet = Alphabet::new(&[(b'a', b'z'), (b'A', b'Z'), (b'0', b'9')]);

/// Checks the rules of the syntax page on bytes, without allocation. Paths use it too.
///
/// DNS limits a domain to 253 characters, but the protocol's own vectors accept longer ones as long
/// as the whole is valid.
pub(super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
    if bytes.len() > NSID_CHARS_MAX {
        return Err("the NSID is longer than 317 characters");
    }
    let dot = bytes.iter().rposition(|byte| *byte == b'.').ok_or("an NSID has three segments")?;
    let (authority, name) = bytes.split_at_checked(dot).unwrap_or_default();
    check_authority(authority)?;
    check_name(name.strip_prefix(b".").unwrap_or_default())
}

fn check_authority(authority: &[u8]) -> Result<(), &'static str> {
    if authority.first().is_some_and(u8::is_ascii_digit) {
        return Err("an NSID does not begin with a digit");
    }
    let mut labels = 0_usize;
    for label in authority.split(|byte| *byte == b'.') {
        labels += 1;
        let ends = (label.first(), label.last());
        let bounded = (1..=SEGMENT_CHARS_MAX).contains(&label.len());
        if !bounded || ends.0 == Some(&b'-') || ends.1 == Some(&b'-') || !LABEL.has_all(label) {
            return Err("an NSID's domain has labels of 1 to 63 of a-z, 0-9 and inner hyphens");
        }
    }
    if labels < 2 { Err("an NSID has three segments") } else { Ok(()) }
}

fn check_name(name: &[u8]) -> Result<(), &'static str> {
    let begins = name.first().is_some_and(u8::is_ascii_alphabetic);
    if begins && name.len() <= SEGMENT_CHARS_MAX && NAME.has_all(name) {
        Ok(())
    } else {
        Err("an NSID's name is 1 to 63 letters and digits and begins with a letter")
    }
}

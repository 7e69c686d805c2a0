use super::{Nsid, RecordKey, SyntaxError, nsid, record_key};

text_identifier! {
    /// The path of a record in its repository: collection, slash, record key. It is the key of the
    /// tree. Specification: <https://atproto.com/specs/repository>.
    ///
    /// ```
    /// use carrack::ident::RepoPath;
    /// let path: RepoPath = "app.bsky.feed.post/3jzfcijpj2z2a".parse()?;
    /// assert_eq!(path.collection(), "app.bsky.feed.post");
    /// assert_eq!(path.record_key(), "3jzfcijpj2z2a");
    /// assert!("app.bsky.feed.post".parse::<RepoPath>().is_err());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    RepoPath, "repository path", RepoPath::check
}

impl RepoPath {
    /// The path of this record in this collection.
    ///
    /// ```
    /// use carrack::ident::RepoPath;
    /// let path = RepoPath::new(&"app.bsky.actor.profile".parse()?, &"self".parse()?);
    /// assert_eq!(path.as_str(), "app.bsky.actor.profile/self");
    /// # Ok::<(), carrack::Error>(())
    /// ```
    pub fn new(collection: &Nsid, record_key: &RecordKey) -> Self {
        Self(format!("{collection}/{record_key}").into())
    }

    /// Parses a path from the bytes in a tree node.
    ///
    /// # Errors
    /// [`SyntaxError`] with the rule of [`RepoPath::check`] that it breaks.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SyntaxError> {
        let text = || String::from_utf8_lossy(bytes);
        Self::check(bytes).map_err(|why| SyntaxError::new("repository path", &text(), why))?;
        // A valid path is ASCII, so this cannot fail; it is checked anyway.
        let valid = std::str::from_utf8(bytes)
            .map_err(|_| SyntaxError::new("repository path", &text(), "not UTF-8"))?;
        Ok(Self(valid.into()))
    }

    /// Checks that `bytes` are a path: exactly one slash, an NSID before it, a record key after it.
    /// It does not allocate, because imports check every key.
    ///
    /// ```
    /// use carrack::ident::RepoPath;
    /// assert_eq!(RepoPath::check(b"app.bsky.graph.follow/3jzfcijpj2z2a"), Ok(()));
    /// assert!(RepoPath::check(b"app.bsky.graph.follow/a/b").is_err());
    /// ```
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(bytes: &[u8]) -> Result<(), &'static str> {
        let slash = bytes.iter().position(|byte| *byte == b'/');
        let slash = slash.ok_or("no slash between collection and record key")?;
        let (collection, rest) = bytes.split_at_checked(slash).unwrap_or_default();
        nsid::check(collection)?;
        // A second slash is not a character of a record key.
        record_key::check(rest.strip_prefix(b"/").unwrap_or_default())
    }

    /// The collection's NSID.
    pub fn collection(&self) -> &str {
        self.halves().0
    }

    /// The record's key within the collection.
    pub fn record_key(&self) -> &str {
        self.halves().1
    }

    /// The bytes, as tree nodes hold them.
    pub fn as_bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
    }

    fn halves(&self) -> (&str, &str) {
        self.as_str().split_once('/').unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{PATH_BYTES_MAX, RECORD_KEY_CHARS_MAX};

    #[test]
    fn exactly_two_segments() {
        for (path, valid) in [
            ("com.example.record/key", true),
            ("com.example.record", false),
            ("com.example.record/", false),
            ("/key", false),
            ("com.example.record/a/b", false),
            ("com.example.record//a", false),
            ("/com.example.record/a", false),
            ("com.Example.record/a", false),
            ("com.example/a", false),
            ("com.example.record/..", false),
            ("com.example.record/a\0", false),
            ("", false),
        ] {
            assert_eq!(path.parse::<RepoPath>().is_ok(), valid, "{path:?}");
            assert_eq!(RepoPath::from_bytes(path.as_bytes()).is_ok(), valid, "{path:?}");
        }
        assert!(RepoPath::from_bytes(b"com.example.record/\xff").is_err());
    }

    #[test]
    fn the_longest_path_fits_its_limit() {
        let label = |n: usize| "a".repeat(n);
        let nsid = [label(63), label(63), label(63), label(61), label(63)].join(".");
        let path = format!("{nsid}/{}", label(RECORD_KEY_CHARS_MAX));
        assert_eq!(path.len(), PATH_BYTES_MAX);
        assert!(path.parse::<RepoPath>().is_ok());
        assert!(format!("{path}a").parse::<RepoPath>().is_err());
        let longer = [label(63), label(63), label(63), label(62), label(63)].join(".");
        assert!(format!("{longer}/a").parse::<RepoPath>().is_err());
    }
}

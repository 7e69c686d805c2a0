use crate::shown::Quoted;
use std::fmt;

/// A text is not a valid identifier: a DID, a path, a revision, a key.
///
/// ```
/// use carrack::ident::Did;
/// let error = "did:".parse::<Did>().unwrap_err();
/// assert_eq!((error.what, &error.text[..]), ("DID", "did:"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyntaxError {
    /// The kind of identifier that was expected.
    pub what: &'static str,
    /// The text, cut to 128 characters.
    pub text: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

const CHARS_SHOWN: usize = 128;

impl SyntaxError {
    pub(crate) fn new(what: &'static str, text: &str, reason: &'static str) -> Self {
        Self { what, text: text.chars().take(CHARS_SHOWN).collect(), reason }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, text, reason } = self;
        write!(f, "{} is not a valid {what}: {reason}", Quoted(text))
    }
}

impl std::error::Error for SyntaxError {}

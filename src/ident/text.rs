//! Shared code of the identifiers that are texts.

/// Declares a newtype over `Arc<str>` that is constructed only through `check`, a rule on bytes.
macro_rules! text_identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ident::SyntaxError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match $check(text.as_bytes()) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(reason) => Err($crate::ident::SyntaxError::new($what, text, reason)),
                }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A set of bytes; a query is one table look-up.
pub(super) struct Alphabet([bool; 256]);

impl Alphabet {
    /// The bytes in `ranges`; each range is its first and its last byte.
    #[allow(clippy::indexing_slicing, reason = "computed by the compiler: it would not compile")]
    pub(super) const fn new(ranges: &[(u8, u8)]) -> Self {
        let mut table = [false; 256];
        let mut at = 0;
        while at < ranges.len() {
            let mut byte = ranges[at].0;
            while byte <= ranges[at].1 {
                table[byte as usize] = true;
                byte += 1;
            }
            at += 1;
        }
        Self(table)
    }

    /// Whether the set contains the byte.
    #[inline]
    pub(super) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).is_some_and(|known| *known)
    }

    /// Whether the set contains all bytes.
    #[inline]
    pub(super) fn has_all(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| self.has(*byte))
    }
}

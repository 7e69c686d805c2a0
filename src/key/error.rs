use crate::ident::SyntaxError;
use std::io;
use std::path::PathBuf;

/// Why a key or a key file cannot be used, or a signer did not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A text that should name a curve or a key does not.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The key is none, is refused, or is broken; says why.
    #[error("key: {0}")]
    Unusable(String),
    /// A key file, the randomness or the key service cannot be reached: the caller may try again.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, to which file.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// A key file is there already: it is never overwritten.
    #[error("key file exists already: {}", .0.display())]
    Exists(PathBuf),
}

impl KeyError {
    pub(super) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io { doing: doing.into(), source }
    }
}

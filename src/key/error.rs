use crate::ident::SyntaxError;
use std::io;
use std::path::PathBuf;

/// Why a key or a key file cannot be used, or a signer did not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A text is not the name of a curve or a key.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The key is invalid, refused or damaged. The text says why.
    #[error("key: {0}")]
    Unusable(String),
    /// A key file, the random source or the key service cannot be reached: try again.
    #[error("{doing}: {source}")]
    Io {
        /// The operation, and the file or service.
        doing: String,
        /// The system's error.
        source: io::Error,
    },
    /// A file exists at the path of a new key. It is never overwritten.
    #[error("key file exists already: {}", .0.display())]
    Exists(PathBuf),
}

impl KeyError {
    pub(super) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io { doing: doing.into(), source }
    }
}

use crate::ident::{Cid, SyntaxError};
use data_encoding::HEXLOWER;
use std::fmt;
use std::str::FromStr;

/// The name of an engine: 16 random bytes, drawn when its store was created. As text it is 32
/// hexadecimal digits, as [`Engine::name`](crate::Engine::name) gives them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EngineName([u8; 16]);

/// Where a repository was moved from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) engine: EngineName,
    /// The head there.
    pub(crate) commit: Cid,
}

impl EngineName {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for EngineName {
    type Err = SyntaxError;

    /// Reads 32 hexadecimal digits in lower case.
    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok();
        bytes.and_then(|bytes| Self::from_bytes(&bytes)).ok_or_else(|| {
            SyntaxError::new("engine name", text, "it is not 32 hexadecimal digits in lower case")
        })
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

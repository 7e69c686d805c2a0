/// What is known of a commit's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It verifies under one of the keys.
    Valid,
    /// It does not.
    Invalid,
    /// It is the malleable twin of a right one, which the protocol refuses.
    HighS,
    /// No key was given.
    Unchecked,
}

impl Signature {
    /// The word that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::HighS => "high-s",
            Self::Unchecked => "unchecked",
        }
    }
}
